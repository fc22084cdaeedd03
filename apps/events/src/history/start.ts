import type { DeviceApi } from "@mooring/contracts";
import { type Clock, type Log, type Metrics, pause, type Running, startLoop, steadyClock } from "@mooring/kit";
import type { Pace } from "../log/pace.ts";
import type { Signal } from "../signal.ts";
import { startFollowing } from "./follow.ts";
import { createHistoryCounts, publishHistoryMetrics } from "./metrics.ts";
import type { HistoryDays, HistoryStore } from "./ports.ts";
import { createHistoryUpkeep } from "./upkeep.ts";

/** How soon what an operator says about retention counts, and how long points of days without a partition gather at most. */
const upkeepEveryMs = 60_000;

export interface StartHistoryDeps {
  readonly history: HistoryStore;
  readonly days: HistoryDays;
  readonly devices: Pick<DeviceApi, "listProductOptions">;
  readonly appended: Signal;
  readonly pace: Pick<Pace, "onDone">;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock?: Clock;
}

/** The history follows the log and its days are looked after, until stopped. Any number of processes may do it. */
export function startHistory({ history, days, devices, appended, pace, metrics, log, clock = steadyClock }: StartHistoryDeps): Running {
  const counts = createHistoryCounts();
  publishHistoryMetrics(metrics, counts);
  const upkeep = createHistoryUpkeep({ days, devices, counts, clock, log });
  const caring = startLoop(
    async (signal) => {
      await upkeep.pass(signal);
      await pause(upkeepEveryMs, signal);
    },
    { retryMs: 1_000, onError: (error) => log.warn({ err: error }, "cannot look after the days of the property history; trying again") },
  );
  const following = startFollowing({ history, appended, rules: upkeep.rules, counts, pace, clock, log });
  return {
    async stop() {
      await Promise.all([following.stop(), caring.stop()]);
    },
  };
}
