import { type Clock, type Log, type Metrics, type Running, steadyClock } from "@mooring/kit";
import type { Pool } from "pg";
import type { EventLog } from "../ports.ts";
import { createPostgresEventLog } from "../postgres/event-log.ts";
import { createPostgresConsumerStore } from "../postgres/log-consumers.ts";
import { createPostgresSegments } from "../postgres/segments.ts";
import { type LogSettings, toRules } from "./config.ts";
import { Consumers } from "./consumers.ts";
import { publishLogMetrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import { createTailCache } from "./tail-cache.ts";
import { createLogUpkeep, startLogUpkeep } from "./upkeep.ts";

export interface StartLogDeps {
  /** For what devices say. */
  readonly data: Pool;
  /** For readers and upkeep, which may not hold that back. */
  readonly control: Pool;
  readonly settings: LogSettings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock?: Clock;
}

export interface StartedLog extends Running {
  /** The one object through which this process appends to the log and reads it. */
  readonly eventLog: EventLog;
  readonly consumers: Consumers;
  readonly pace: Pace;
}

/** The log in Postgres, read through one cache, and its upkeep, which runs until stopped. */
export function startLog({ data, control, settings, log, metrics, clock = steadyClock }: StartLogDeps): StartedLog {
  const deduplicationMs = settings.logDeduplicationMinutes * 60_000;
  const stored = createPostgresEventLog(data, { control, deduplicationMs, clock });
  const eventLog = createTailCache(stored);
  const pace = new Pace(settings.logBehindMax, clock);
  const upkeep = createLogUpkeep({ segments: createPostgresSegments(control), rules: toRules(settings), pace, clock, log });
  publishLogMetrics(metrics, { stored: stored.figures, tail: eventLog.tail, upkeep: upkeep.figures });
  const { stop } = startLogUpkeep(upkeep, { clock, log });
  return { eventLog, consumers: new Consumers(createPostgresConsumerStore(control), clock, log, pace), pace, stop };
}
