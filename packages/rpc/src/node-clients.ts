import type { ChannelCredentials } from "@grpc/grpc-js";
import type { Running } from "@mooring/kit";
import type { ApiName, Apis } from "./apis.ts";
import { connectGrpc } from "./client.ts";

export interface NodeClients<K extends ApiName> extends Running {
  /** The client of the node at this address; made once and kept while it is among the last used. */
  at(address: string): Apis[K];
}

/** More nodes than one platform has; a node's address may change with every restart, so old ones must go. */
const clientsMax = 1_000;

/** Clients of the nodes of one kind, which come and go: each is spoken to by its own address. */
export function createNodeClients<K extends ApiName>(name: K, credentials: ChannelCredentials): NodeClients<K> {
  const clients = new Map<string, Apis[K] & Running>();
  return {
    at(address) {
      const known = clients.get(address);
      const client = known ?? connectGrpc(name, address, credentials);
      clients.delete(address);
      clients.set(address, client); // the last in the map is the one used last
      const [oldestAddress, oldest] = clients.size > clientsMax ? (clients.entries().next().value ?? []) : [];
      if (oldestAddress !== undefined) clients.delete(oldestAddress);
      void oldest?.stop();
      return client;
    },
    async stop() {
      await Promise.all([...clients.values()].map((client) => client.stop()));
    },
  };
}
