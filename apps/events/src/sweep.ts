import { type Log, pause, type Running, startLoop } from "@mooring/kit";

const everyMs = 3_600_000;
/** Small enough that nobody waits long behind one. */
const batchMax = 5_000;
const batchPauseMs = 100;

export interface Sweep {
  /** What is removed, for the log. */
  readonly name: string;
  /** Removes what has had its time, at most `limit`; answers how many. */
  remove(limit: number): Promise<number>;
}

/** Removes what has had its time, at once and then every hour, in batches, until stopped. Any number of processes may run it. */
export function startSweep(sweep: Sweep, log: Log): Running {
  const step = async (signal: AbortSignal): Promise<void> => {
    const removed = await sweep.remove(batchMax);
    if (removed > 0) log.debug({ removed, what: sweep.name }, "removed what had had its time");
    await pause(removed < batchMax ? everyMs : batchPauseMs, signal);
  };
  const onError = (error: unknown): void => log.warn({ err: error, what: sweep.name }, "cannot remove what has had its time");
  return startLoop(step, { retryMs: 5_000, onError });
}
