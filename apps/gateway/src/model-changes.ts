// A product that takes a range of its model's versions gets a new one within two seconds of its being published.
import { serviceCaller, type ThingModelApi } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Models } from "./route/models.ts";

export interface ModelChangesDeps {
  readonly thingModels: Pick<ThingModelApi, "listChanges">;
  readonly models: Pick<Models, "refresh">;
  readonly log: Log;
  /** Between two looks; 1,000 unless said otherwise. */
  readonly everyMs?: number;
}

/** How far each look reaches back before the last one: a version is seen when it is committed, with the time at which it began. */
const overlapMs = 5_000;
const retryMs = 500;

export function startModelChanges({ thingModels, models, log, everyMs = 1_000 }: ModelChangesDeps): Running {
  /** By the service's clock. The first look is about what changes from then on: nothing was loaded before it. */
  let seenMs: number | undefined;
  const look = async (signal: AbortSignal): Promise<void> => {
    const sinceMs = seenMs === undefined ? farMs : seenMs - overlapMs;
    const { models: changed, nowMs } = await thingModels.listChanges(serviceCaller("gateway"), { sinceMs });
    for (const model of changed) await models.refresh(model);
    seenMs = nowMs;
    await pause(everyMs, signal);
  };
  return startLoop(look, {
    retryMs,
    onError: (error) => log.warn({ err: error }, "what changed of thing models cannot be read; it is tried again"),
  });
}

/** Later than anything that has changed. */
const farMs = Date.UTC(2200, 0, 1);
