import { deadAfterMs } from "@mooring/cluster";
import type { Clock } from "@mooring/kit";
import type { ClusterView, ConnectionStore, OnlineDevice } from "./ports.ts";
import { withoutConnection } from "./without-connection.ts";

export interface AuditDeps {
  readonly connections: Pick<ConnectionStore, "onlineAt" | "onlineAmong">;
  readonly cluster: ClusterView;
  readonly clock: Clock;
  readonly sayOffline: (rows: readonly OnlineDevice[]) => Promise<void>;
}

/** A node that was cut off puts its connections back within this time. */
const confirmAfterMs = deadAfterMs * 2;
const batchMax = 500;
/** With a look every 2.5 s: 800 devices a second. */
const batchesPerLook = 4;
/** About 2 MB. With so many, the round waits until they are dealt with. */
const suspectsMax = 10_000;

interface Suspect {
  readonly epoch: number;
  readonly sinceMs: number;
}

/**
 * A device's record names the node of the connection that came first. When that one has moved (the client came back at another node) or has gone
 * before others, no record says so, and the node that dies later is another one. So whenever a node has gone, and at the start, all devices
 * that are said to be online at nodes that live are looked up; who has no connection, and none 10 s later, is offline.
 *
 *   a node has gone ─▶ round over all online devices ─ no connection ─▶ suspects ─ 10 s later, still online and none ─▶ offline records
 */
export function createAudit({ connections, cluster, clock, sayOffline }: AuditDeps) {
  const suspects = new Map<string, Suspect>();
  let known: ReadonlySet<string> | undefined;
  /** Nodes of the round that are not done; the first one is done up to the device `after`. */
  let left: string[] = [];
  let after: string | undefined;

  async function confirm(): Promise<void> {
    const nowMs = clock.now();
    const due = [...suspects].filter(([, suspect]) => nowMs - suspect.sinceMs >= confirmAfterMs).slice(0, batchMax);
    if (due.length === 0) return;
    const online = await connections.onlineAmong(due.map(([deviceId]) => deviceId));
    const same = online.filter((row) => suspects.get(row.device.deviceId)?.epoch === row.epoch);
    await sayOffline(await withoutConnection(cluster, same));
    for (const [deviceId] of due) suspects.delete(deviceId);
  }

  /** False when the round cannot go on before suspects have been dealt with. */
  async function goOn(nodeId: string): Promise<boolean> {
    if (suspects.size + batchMax > suspectsMax) return false;
    const rows = await connections.onlineAt(nodeId, after, batchMax);
    const sinceMs = clock.now();
    for (const { device, epoch } of await withoutConnection(cluster, rows)) suspects.set(device.deviceId, { epoch, sinceMs });
    after = rows.length < batchMax ? undefined : rows.at(-1)?.device.deviceId;
    if (after === undefined) left.shift();
    return true;
  }

  return {
    /** Does a part of what there is to do. `live`: the nodes that live; `nodeIds`: those that devices are said to be online at. */
    async look(live: ReadonlySet<string>, nodeIds: readonly string[]): Promise<void> {
      const hasLost = known === undefined || [...known].some((nodeId) => !live.has(nodeId));
      known = live;
      if (hasLost) {
        left = nodeIds.filter((nodeId) => live.has(nodeId));
        after = undefined;
      }
      await confirm();
      for (let batch = 0; batch < batchesPerLook; batch++) {
        const [nodeId] = left;
        if (nodeId === undefined || !(await goOn(nodeId))) return;
      }
    },

    /** What was seen no longer counts; the next look begins a round. */
    reset(): void {
      suspects.clear();
      known = undefined;
    },
  };
}
