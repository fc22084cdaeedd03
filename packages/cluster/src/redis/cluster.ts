import type { Log } from "@mooring/kit";
import { createChannels } from "../channels.ts";
import type { Cluster } from "../cluster.ts";
import { createRedisBroadcast } from "./broadcast.ts";
import { openRedisClient } from "./connection.ts";
import { createRedisNodes } from "./nodes.ts";
import { createRedisPresence } from "./presence.ts";

export interface RedisClusterOptions {
  /** `redis://` or `rediss://`, with user and password where needed. One Redis (6.2 or later), not a sharded one. */
  readonly url: string;
  readonly log: Log;
  /** Before every key; several platforms may share one Redis. `mooring:` unless told. */
  readonly prefix?: string;
}

/**
 * The cluster's ports over one Redis, through two connections. Rejects with `unavailable` when Redis cannot be reached at
 * first; later outages fail single operations and end by themselves.
 */
export async function openRedisCluster({ url, log, prefix = "mooring:" }: RedisClusterOptions): Promise<Cluster> {
  const client = await openRedisClient({ url, log, name: "mooring-cluster" });
  const listener = await openRedisClient({ url, log, name: "mooring-broadcast" }).catch((error: unknown) => {
    client.disconnect();
    throw error;
  });
  const broadcast = createRedisBroadcast({ client, listener, prefix, channels: createChannels(log), log });
  return {
    presence: createRedisPresence({ client, prefix }),
    nodes: createRedisNodes({ client, prefix, log }),
    broadcast,
    async close() {
      broadcast.close();
      listener.disconnect();
      client.disconnect();
    },
  };
}
