import type { EventApi } from "@mooring/contracts";
import { type Clock, type Lifecycle, type Log, type Metrics, type Settings, steadyClock } from "@mooring/kit";
import type { ModelDirectory } from "@mooring/thing-model";
import type { Pool } from "pg";
import type { shadowSettings } from "./config.ts";
import { startShadowFollower } from "./follow.ts";
import { publishShadowMetrics } from "./metrics.ts";
import type { DeviceDirectory, Gateways, LogReader } from "./ports.ts";
import { createPostgresReportOutbox } from "./postgres/report-outbox.ts";
import { createPostgresShadowHistory } from "./postgres/shadow-history.ts";
import { createPostgresShadowRemovals } from "./postgres/shadow-removals.ts";
import { createPostgresShadowStore } from "./postgres/shadow-store.ts";
import { startShadowRemoval } from "./removal.ts";
import { ReportRelay } from "./report-relay.ts";
import { createShadowService, type ShadowService } from "./service.ts";
import { startShadowUpkeep } from "./upkeep.ts";

export interface StartShadowDeps {
  readonly pool: Pool;
  readonly devices: DeviceDirectory;
  readonly models: ModelDirectory;
  readonly gateways: Gateways;
  readonly events: LogReader & Pick<EventApi, "append">;
  readonly settings: Settings<typeof shadowSettings>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The service on Postgres, following the log, with its upkeep. */
export function startShadow(life: Lifecycle, deps: StartShadowDeps): ShadowService {
  const { pool, devices, models, gateways, events, settings, clock, log, metrics } = deps;
  const { shadowBytesMax: documentBytesMax, logDeduplicationMinutes } = settings;
  const store = createPostgresShadowStore({ pool, clock, documentBytesMax, deduplicationMs: logDeduplicationMinutes * 60_000 });
  const history = createPostgresShadowHistory(pool);
  const relay = new ReportRelay({ outbox: createPostgresReportOutbox(pool), events, log });
  const shadow = createShadowService({ store, history, devices, models, gateways, relay, clock, log });
  life.add("shadow report relay", relay.start());
  life.add("shadow upkeep", startShadowUpkeep({ history, clock: steadyClock, historyDays: settings.shadowHistoryDays, log }));
  life.add("shadow removal", startShadowRemoval({ removals: createPostgresShadowRemovals(pool), clock: steadyClock, log }));
  const follower = life.add("shadow follower", startShadowFollower({ events, store, applied: shadow.applied, log }));
  publishShadowMetrics(metrics, { shadow, follower, relay });
  return shadow;
}
