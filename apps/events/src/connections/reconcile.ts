import { deadAfterMs } from "@mooring/cluster";
import { type Clock, type Log, type Metrics, pause, type Running, startLoop } from "@mooring/kit";
import type { GroupCommit } from "../group-commit.ts";
import { createAudit } from "./audit.ts";
import { createNodeLostRecord } from "./offline-record.ts";
import type { ClusterView, ConnectionStore, OnlineDevice } from "./ports.ts";
import { withoutConnection } from "./without-connection.ts";

export interface ReconcileDeps {
  readonly connections: Pick<ConnectionStore, "nodeIds" | "onlineAt" | "onlineAmong" | "position">;
  readonly cluster: ClusterView;
  readonly commits: Pick<GroupCommit, "append">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A node that is gone for so long does not come back: it would have been registered again long since. */
const lostAfterMs = deadAfterMs * 2;
const everyMs = 2_500;
/** With the pause after each: at most 1,000 devices a second, so that a large node's death does not crowd out what devices say. */
const batchMax = 500;
const batchPauseMs = 500;

/**
 * Says offline for devices whose gateway node died without saying it (`kill -9`, power, the end of the only process). Any number of processes may
 * run it. A device that is connected elsewhere by now is left alone, and what a device does meanwhile has a higher epoch and so the last word.
 * While the cluster's store cannot be reached nothing is said, and the time a node has been missing begins anew.
 *
 *   nodes that devices are online at ─ nodes that live ─▶ missing ─ for 10 s ─▶ lost ─ devices not connected elsewhere ─▶ offline records
 *
 * The record of a device may name a node that lives while its connection was at the one that died: see audit.ts.
 */
export function createReconciler(deps: ReconcileDeps) {
  const { connections, cluster, clock, log } = deps;
  const missingSinceMs = new Map<string, number>();
  const said = deps.metrics.counter(
    "mooring_connections_node_lost_total",
    "Devices said to be offline because their gateway node was lost.",
  );
  const audit = createAudit({ connections, cluster, clock, sayOffline });
  let lastOffset = 0;

  async function sayOffline(rows: readonly OnlineDevice[]): Promise<void> {
    if (rows.length === 0) return;
    const nowMs = clock.now();
    const records = rows.map((row) => createNodeLostRecord(row, nowMs));
    lastOffset = (await deps.commits.append({ failed: false }, records)).lastOffset ?? lastOffset;
    said.inc(rows.length);
    log.info({ nodeId: rows[0]?.nodeId, devices: rows.length }, "devices are offline: their gateway node was lost");
  }

  function lostAmong(missing: ReadonlySet<string>): readonly string[] {
    const nowMs = clock.now();
    for (const nodeId of missingSinceMs.keys()) if (!missing.has(nodeId)) missingSinceMs.delete(nodeId);
    for (const nodeId of missing) if (!missingSinceMs.has(nodeId)) missingSinceMs.set(nodeId, nowMs);
    return [...missing].filter((nodeId) => nowMs - (missingSinceMs.get(nodeId) ?? nowMs) >= lostAfterMs);
  }

  async function settle(nodeId: string, signal?: AbortSignal): Promise<void> {
    let after: string | undefined;
    while (signal?.aborted !== true) {
      const rows = await connections.onlineAt(nodeId, after, batchMax);
      await sayOffline(await withoutConnection(cluster, rows));
      if (rows.length < batchMax) return;
      after = rows.at(-1)?.device.deviceId;
      await pause(batchPauseMs, signal);
    }
  }

  return {
    /** Looks once. Rejects when the cluster's store or the database cannot be reached; whatever was not said is said by a later look. */
    async look(signal?: AbortSignal): Promise<void> {
      try {
        // What was said last has to have its effect first, or the same devices would be found again.
        if ((await connections.position()) < lastOffset) return;
        const live = new Set((await cluster.nodes.list("gateway")).map((node) => node.nodeId));
        const nodeIds = await connections.nodeIds();
        for (const nodeId of lostAmong(new Set(nodeIds.filter((id) => !live.has(id))))) await settle(nodeId, signal);
        await audit.look(live, nodeIds);
      } catch (error) {
        missingSinceMs.clear();
        audit.reset();
        throw error;
      }
    },
  };
}

export function startReconciler(deps: ReconcileDeps): Running {
  const reconciler = createReconciler(deps);
  const step = async (signal: AbortSignal): Promise<void> => {
    await reconciler.look(signal);
    await pause(everyMs * (0.5 + Math.random()), signal);
  };
  const onError = (error: unknown): void => deps.log.warn({ err: error }, "cannot tell which gateway nodes are lost; nothing is said");
  return startLoop(step, { retryMs: everyMs, onError });
}
