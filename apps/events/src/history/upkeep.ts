import type { DeviceApi } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import type { HistoryCounts } from "./metrics.ts";
import type { HistoryDays } from "./ports.ts";
import { dayMs, keepEverything, keptAt, loadRules, markOf, pastKeeping, type RetentionRules } from "./retention.ts";

/** Clocks differ, and a process may be down for a day. */
const daysAhead = 2;
/** A day of its own pays from about so many points on; with fewer its points stay in the rest. */
const pointsPerDayMin = 1_000;
/** The follower waits while one is made. What is left is done the next time. */
const daysPerPass = 10;

export interface UpkeepDeps {
  readonly days: HistoryDays;
  readonly devices: Pick<DeviceApi, "listProductOptions">;
  readonly counts: HistoryCounts;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HistoryUpkeep {
  /** As last loaded; before the first time, to keep everything. */
  readonly rules: () => RetentionRules;
  /** Goes through everything once; what another process is at is left to it. */
  pass(signal: AbortSignal): Promise<void>;
}

/** Looks after the days of the history: those ahead are made, those past keeping are removed. */
export function createHistoryUpkeep({ days, devices, counts, clock, log }: UpkeepDeps): HistoryUpkeep {
  let rules = keepEverything;

  const today = (): number => Math.floor(clock.now() / dayMs) * dayMs;

  async function ensureAhead(): Promise<void> {
    const there = new Set((await days.list()).map(({ startMs }) => startMs));
    for (let startMs = today() - dayMs; startMs <= today() + daysAhead * dayMs; startMs += dayMs) {
      if (!there.has(startMs)) await days.ensure(startMs);
    }
  }

  async function dropPast(): Promise<void> {
    for (const { startMs } of await days.list()) {
      if (startMs + dayMs > clock.now() - rules.longestDays * dayMs) continue;
      await days.drop(startMs);
      counts.daysDropped++;
      log.info({ day: new Date(startMs).toISOString().slice(0, 10) }, "dropped a day of the property history");
    }
  }

  async function sweepDays(signal: AbortSignal): Promise<void> {
    for (const day of await days.list()) {
      const productKeys = pastKeeping(rules, day.startMs, clock.now());
      const mark = markOf(productKeys);
      if (productKeys.length === 0 || day.mark === mark || signal.aborted) continue;
      counts.pointsRemoved += await days.sweep(day.startMs, { productKeys, mark, signal });
    }
  }

  /** Devices that were away bring points of days that had no partition, or have none any more. */
  async function ensureLate(signal: AbortSignal): Promise<void> {
    const fromMs = (Math.floor((clock.now() - rules.longestDays * dayMs) / dayMs) + 1) * dayMs;
    const toMs = today() + (daysAhead + 1) * dayMs;
    const missing = await days.findMissing({ fromMs, toMs, pointsMin: pointsPerDayMin, limit: daysPerPass });
    for (const startMs of missing) if (!signal.aborted) await days.ensure(startMs);
  }

  return {
    rules: () => rules,
    async pass(signal) {
      // What needs nobody else comes first: without days ahead everything would pile up in the rest.
      await days.exclusively(ensureAhead);
      counts.days = (await days.list()).length;
      rules = await loadRules(devices);
      await days.exclusively(async () => {
        await dropPast();
        counts.pointsRemoved += await days.sweepRest(keptAt(rules, clock.now()), signal);
        await ensureLate(signal);
        await sweepDays(signal);
      });
      counts.days = (await days.list()).length;
    },
  };
}
