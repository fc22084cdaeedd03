import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { ShadowHistory } from "./ports.ts";

const dayMs = 86_400_000;
const everyMs = 600_000;
/** Days made ahead, so that midnight finds one there also when this has not run for a while. */
const daysAhead = 2;

export interface UpkeepDeps {
  readonly history: Pick<ShadowHistory, "ensureDay" | "dropDaysBefore">;
  readonly clock: Clock;
  readonly historyDays: number;
  readonly log: Log;
}

/** Makes the days of the history of shadows that come, and drops those that are kept no longer. Any number of processes may run it. */
export function startShadowUpkeep(deps: UpkeepDeps): Running {
  const step = async (signal: AbortSignal): Promise<void> => {
    const nowMs = deps.clock.now();
    for (let day = 0; day <= daysAhead; day++) await deps.history.ensureDay(nowMs + day * dayMs);
    const dropped = await deps.history.dropDaysBefore(nowMs - deps.historyDays * dayMs);
    if (dropped > 0) deps.log.info({ dropped }, "dropped days of the history of shadows");
    await pause(everyMs, signal);
  };
  return startLoop(step, { retryMs: 5_000, onError: (error) => deps.log.warn({ err: error }, "cannot look after the history of shadows") });
}
