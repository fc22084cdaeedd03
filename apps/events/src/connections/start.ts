import type { Clock, Log, Metrics, Running } from "@mooring/kit";
import type { GroupCommit } from "../group-commit.ts";
import type { Consumers } from "../log/consumers.ts";
import type { Signal } from "../signal.ts";
import { startSweep } from "../sweep.ts";
import { startConnectionFollower } from "./follow.ts";
import type { ClusterView, ConnectionStore } from "./ports.ts";
import { startReconciler } from "./reconcile.ts";

/** Long enough that nothing of a deleted device is still on its way to the log. What the log has of one is told as long as it is there. */
const deletedKeptMs = 86_400_000;

export interface StartConnectionsDeps {
  readonly connections: ConnectionStore;
  readonly cluster: ClusterView;
  readonly service: { readonly appended: Signal; readonly commits: GroupCommit };
  readonly consumers: Pick<Consumers, "report">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Keeps who is connected up with the log, says offline for devices of lost gateway nodes, and forgets deleted devices, until stopped. */
export function startConnections({ connections, cluster, service, consumers, clock, log, metrics }: StartConnectionsDeps): Running {
  const { appended, commits } = service;
  const forget = { name: "deleted devices' connections", remove: (limit: number) => connections.forgetDeleted(deletedKeptMs, limit) };
  const parts = [
    startConnectionFollower({ connections, appended, consumers, log }),
    startReconciler({ connections, cluster, commits, clock, log, metrics }),
    startSweep(forget, log),
  ];
  return { stop: async () => void (await Promise.all(parts.map((part) => part.stop()))) };
}
