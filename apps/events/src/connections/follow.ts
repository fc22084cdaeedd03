import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Consumers } from "../log/consumers.ts";
import type { Signal } from "../signal.ts";
import { type ConnectionStore, connectionCursor } from "./ports.ts";

/** Few of them are about connections, so passing them costs little. */
const batchMax = 5_000;
const idleMs = 250;
/** What comes in this time is applied together: a status may be this much late. */
const gatherMs = 100;

export interface FollowConnectionsDeps {
  readonly connections: ConnectionStore;
  /** Fires when this process has appended to the log. */
  readonly appended: Signal;
  /** Told how far this has got, for retention and metrics. */
  readonly consumers: Pick<Consumers, "report">;
  readonly log: Log;
}

/** Keeps track of who is connected until stopped. Any number of processes may run it: one at a time follows. */
export function startConnectionFollower({ connections, appended, consumers, log }: FollowConnectionsDeps): Running {
  const step = async (signal: AbortSignal): Promise<void> => {
    const { passed, offset } = await connections.follow(batchMax);
    if (offset !== undefined) consumers.report(connectionCursor, offset);
    if (passed === 0) await appended.wait(idleMs, signal);
    if (passed < batchMax) await pause(gatherMs, signal);
  };
  const onError = (error: unknown): void => log.warn({ err: error }, "cannot follow who is connected; trying again");
  return startLoop(step, { retryMs: 200, onError });
}
