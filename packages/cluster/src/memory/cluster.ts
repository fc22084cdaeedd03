import { type Clock, type Log, systemClock } from "@mooring/kit";
import { createChannels } from "../channels.ts";
import type { Cluster } from "../cluster.ts";
import { createMemoryBroadcast } from "./broadcast.ts";
import { createMemoryNodes } from "./nodes.ts";
import { createMemoryPresence } from "./presence.ts";

export interface MemoryClusterDeps {
  readonly log: Log;
  readonly clock?: Clock;
}

/** A cluster of one process: everything is forgotten with it. Nothing here ever rejects with `unavailable`. */
export function createMemoryCluster(deps: MemoryClusterDeps): Cluster {
  const nodes = createMemoryNodes();
  return {
    nodes,
    presence: createMemoryPresence({ isLive: nodes.isLive, clock: deps.clock ?? systemClock }),
    broadcast: createMemoryBroadcast(createChannels(deps.log)),
    close: async () => undefined,
  };
}
