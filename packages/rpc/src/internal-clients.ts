import type { Lifecycle, Running } from "@mooring/kit";
import type { ApiName, Apis } from "./apis.ts";
import { connectGrpc } from "./client.ts";
import { type InternalTls, internalChannelCredentials } from "./credentials.ts";

/** Connects a process to other services over mutual TLS, one call a service; the connections are let go of when its life ends. */
export function createInternalClients(life: Lifecycle, tls: InternalTls) {
  return <K extends ApiName>(name: K, address: string): Apis[K] & Running =>
    life.add(`${name} client`, connectGrpc(name, address, internalChannelCredentials(tls, name)));
}
