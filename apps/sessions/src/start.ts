import type { Clock, Lifecycle, Log, Metrics, Settings } from "@mooring/kit";
import type { Pool } from "pg";
import { type sessionSettings, toLimits } from "./config.ts";
import { startGoneDevices } from "./gone-devices.ts";
import { createCommitTimer, publishSessionMetrics } from "./metrics.ts";
import type { DeviceFeed } from "./ports.ts";
import { createPostgresSessionReader } from "./postgres/session-reader.ts";
import { createPostgresSessionSweep } from "./postgres/session-sweep.ts";
import { createPostgresSessionWriter } from "./postgres/session-writer.ts";
import { createSessionService, type SessionService } from "./service.ts";
import { startSweeper } from "./sweeper.ts";

export interface StartSessionsDeps {
  /** What devices wait for. */
  readonly data: Pool;
  /** Lists, and what runs behind. */
  readonly control: Pool;
  readonly devices: DeviceFeed;
  readonly settings: Settings<typeof sessionSettings>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The service on Postgres, with what removes sessions and messages that nobody will ask for again. */
export function startSessions(life: Lifecycle, deps: StartSessionsDeps): SessionService {
  const { data, control, devices, settings, clock, log, metrics } = deps;
  const limits = toLimits(settings);
  const service = createSessionService({
    writer: createPostgresSessionWriter(data, limits),
    reader: createPostgresSessionReader(control, clock),
    limits,
    onCommit: createCommitTimer(metrics),
  });
  const sweep = createPostgresSessionSweep(control);
  const sweeper = life.add("session sweeper", startSweeper({ sweep, clock, log }));
  life.add("gone devices", startGoneDevices({ devices, sweep, clock, log }));
  publishSessionMetrics(metrics, service.commits, () => sweeper.sizes);
  return service;
}
