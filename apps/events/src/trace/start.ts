import type { Log, Running, Settings } from "@mooring/kit";
import { startSweep } from "../sweep.ts";
import type { traceSettings } from "./config.ts";
import type { RefusalStore } from "./ports.ts";

export interface StartRefusalSweepDeps {
  readonly refusals: RefusalStore;
  readonly settings: Settings<typeof traceSettings>;
  readonly log: Log;
}

/** Removes refusals that have had their time, every hour, until stopped. */
export function startRefusalSweep({ refusals, settings, log }: StartRefusalSweepDeps): Running {
  const ageMs = settings.refusalsHours * 3_600_000;
  return startSweep({ name: "refusals", remove: (limit) => refusals.removeOlderThan(ageMs, limit) }, log);
}
