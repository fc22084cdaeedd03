import type { Cluster } from "@mooring/cluster";
import { PlatformError } from "@mooring/contracts";
import type { Running } from "@mooring/kit";
import type { ClusterView } from "./ports.ts";

/**
 * The cluster, opened when it is first asked and again until that works: the log has to start without it, so that what devices say is kept although
 * the cluster's store is out of reach. Until then everything rejects as `open` does.
 */
export function createLazyCluster(open: () => Promise<Cluster>): ClusterView & Running {
  let opening: Promise<Cluster> | undefined;
  let isStopped = false;

  function get(): Promise<Cluster> {
    if (isStopped) return Promise.reject(new PlatformError("unavailable", "the process is stopping"));
    if (opening !== undefined) return opening;
    const attempt = open();
    opening = attempt;
    attempt.catch(() => {
      opening = undefined;
    });
    return attempt;
  }

  return {
    nodes: { list: async (kind) => (await get()).nodes.list(kind) },
    presence: { find: async (deviceId) => (await get()).presence.find(deviceId) },
    async stop() {
      isStopped = true;
      const [opened] = await Promise.allSettled(opening === undefined ? [] : [opening]);
      if (opened?.status === "fulfilled") await opened.value.close();
    },
  };
}
