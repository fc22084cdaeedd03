import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Pace } from "../log/pace.ts";
import type { Signal } from "../signal.ts";
import type { HistoryCounts } from "./metrics.ts";
import { type HistoryStore, historyConsumer } from "./ports.ts";
import { keptAt, type RetentionRules } from "./retention.ts";

/** Larger ones are hardly faster and hold up whoever waits for the cursor. */
const batchMax = 2_000;
const idleMs = 250;
/** What comes in this time is applied together: a transaction per message would cost more than the message. */
const gatherMs = 50;
const reportEveryMs = 1_000;
/** How many products' own retention is looked at per batch: it is handed over with each. Points of others that are too old are stored, not shown. */
const shorterMax = 1_000;

export interface FollowDeps {
  readonly history: HistoryStore;
  /** Fires when this process has appended to the log. */
  readonly appended: Signal;
  /** As last loaded. */
  readonly rules: () => RetentionRules;
  readonly counts: HistoryCounts;
  /** Hears of every step. */
  readonly pace: Pick<Pace, "onDone">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps the history up with the log until stopped. Behind or restarted, it goes on at its cursor. Any number of processes may run it. */
export function startFollowing({ history, appended, rules, counts, pace, clock, log }: FollowDeps): Running {
  // At the start once, so that the log's retention knows of the history from then on.
  let isReported = false;
  let reportedAtMs = Number.NEGATIVE_INFINITY;

  async function report(): Promise<void> {
    // A clock that was set back is no reason to be silent.
    if (isReported || Math.abs(clock.now() - reportedAtMs) < reportEveryMs) return;
    await history.reportPosition();
    reportedAtMs = clock.now();
    isReported = true;
  }

  const step = async (signal: AbortSignal): Promise<void> => {
    const { records, points, offset, passedOver } = await history.follow(batchMax, keptAt(rules(), clock.now(), shorterMax));
    counts.points += points;
    if (offset !== undefined) pace.onDone(historyConsumer, offset);
    if (passedOver !== undefined) {
      counts.passedOver++;
      log.error({ offset: passedOver }, "a record of the log cannot be read as a property report; the history goes on without it");
    }
    if (records > 0) isReported = false;
    await report();
    if (records === 0) await appended.wait(idleMs, signal);
    if (records < batchMax) await pause(gatherMs, signal);
  };
  const onError = (error: unknown): void => log.warn({ err: error }, "the history could not follow the log; trying again");
  return startLoop(step, { retryMs: 200, onError });
}
