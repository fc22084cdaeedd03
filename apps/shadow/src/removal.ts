// Shadows of deleted devices:
//
//   log says deleted ─▶ follow.ts marks the device, with its cursor ─▶ [ this loop ] rows go in batches ─▶ looked for once more, then forgotten
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { ShadowRemovals } from "./ports.ts";

/** Rows in one transaction: few enough that nobody waits for it. */
const rowsMax = 500;
const idleMs = 1_000;
/** Between batches, so that changes of other devices have most of the database. */
const breathMs = 20;
/** Whoever still holds something of a device, such as a gateway its connection, has let go of it long before. */
const keptMs = 86_400_000;

export interface RemovalDeps {
  readonly removals: ShadowRemovals;
  readonly clock: Clock;
  readonly log: Log;
}

/** Removes what is left of deleted devices. Any number of processes may run it. */
export function startShadowRemoval({ removals, clock, log }: RemovalDeps): Running {
  const step = async (signal: AbortSignal): Promise<void> => {
    const nowMs = clock.now();
    const removed = await removals.clear(nowMs, rowsMax);
    if (removed === 0) await removals.forget(nowMs - keptMs);
    await pause(removed === 0 ? idleMs : breathMs, signal);
  };
  return startLoop(step, { retryMs: 5_000, onError: (error) => log.warn({ err: error }, "cannot remove shadows of deleted devices") });
}
