import { followSuspendedTenants } from "@mooring/cluster";
import type { AccessApi, DeviceApi } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import {
  type Clock,
  type Lifecycle,
  type Log,
  type Metrics,
  outgoingSettings,
  readAddressRules,
  type Settings,
  type SettingTable,
  steadyClock,
} from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import type { Jobs } from "@mooring/queue";
import type { ClusterView } from "./connections/ports.ts";
import { startConnections } from "./connections/start.ts";
import { startHistory } from "./history/start.ts";
import { logSettings } from "./log/config.ts";
import { startLog } from "./log/start.ts";
import { publishEventMetrics } from "./metrics.ts";
import { createPostgresConnectionStore } from "./postgres/connection-store.ts";
import { createPostgresDeadLetterStore } from "./postgres/dead-letter-store.ts";
import { createPostgresHistoryDays, historyDaysDatabase } from "./postgres/history-days.ts";
import { createPostgresHistoryStore } from "./postgres/history-store.ts";
import { createPostgresRefusalStore } from "./postgres/refusal-store.ts";
import { createPostgresSubscriptionStore } from "./postgres/subscription-store.ts";
import { createPostgresTraceStore } from "./postgres/trace-store.ts";
import { createEventService, type EventService } from "./service.ts";
import { traceSettings } from "./trace/config.ts";
import { startRefusalSweep } from "./trace/start.ts";
import { startWebhooks } from "./webhook/index.ts";

/** What this service can be told, wherever it runs. */
export const eventSettings = { ...logSettings, ...traceSettings, ...outgoingSettings } as const satisfies SettingTable;

/** Cursors of all subscriptions are written in one statement; the rest is what people ask about them. */
const deliveryPool = 5;

export interface StartEventsDeps {
  /** What devices wait for. */
  readonly data: Database;
  /** Queries of people and consumers may not hold back what devices say. */
  readonly control: Database;
  /** More pools, of the lifecycle's. */
  readonly open: (plane: string, more: { readonly poolSize?: number; readonly statementTimeoutMs?: number }) => Database;
  readonly devices: DeviceApi;
  /** Says which tenants are suspended: nothing is sent to their webhooks. */
  readonly access: Pick<AccessApi, "listSuspendedTenants">;
  readonly cluster: ClusterView;
  /** Asked for when the first webhook is to be delivered; closed on stop. */
  readonly openJobs: () => Promise<Jobs>;
  readonly keyEncryptionKey: Buffer;
  /** No other process serves this database: what an earlier one held is taken over at once. */
  readonly isOnly?: boolean;
  readonly settings: Settings<typeof eventSettings>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * The service on Postgres with everything that follows the log. Deliveries begin with `startDelivery`: after the doors through which subscribers
 * come, so that it is stopped before them, their streams end with the reason, and the subscriptions are given back.
 */
export function startEvents(life: Lifecycle, deps: StartEventsDeps): { readonly service: EventService; startDelivery(): void } {
  const { data, control, devices, settings, clock, log, metrics } = deps;
  // Leases are renewed here: whatever else is slow may not cost one.
  const delivery = deps.open("delivery", { poolSize: deliveryPool });
  const history = createPostgresHistoryStore(control.pool);
  const { eventLog, consumers, pace } = life.add("log", startLog({ data: data.pool, control: control.pool, settings, log, metrics }));
  const connections = createPostgresConnectionStore(control.pool);
  const refusals = createPostgresRefusalStore(control.pool);
  const service = createEventService({
    log: eventLog,
    consumers,
    pace,
    history,
    connections,
    records: createPostgresTraceStore(control.pool),
    refusals,
    subscriptions: createPostgresSubscriptionStore(delivery.pool),
    deadLetters: createPostgresDeadLetterStore(delivery.pool),
    seal: createSealer([deps.keyEncryptionKey]),
    devices,
    logger: log,
    isOnly: deps.isOnly ?? false,
  });
  publishEventMetrics(metrics, service);
  const days = createPostgresHistoryDays(deps.open("history upkeep", historyDaysDatabase).pool);
  life.add("history", startHistory({ history, days, devices, appended: service.appended, pace, metrics, log }));
  life.add("connections", startConnections({ connections, cluster: deps.cluster, service, consumers, clock: steadyClock, log, metrics }));
  life.add("refusals", startRefusalSweep({ refusals, settings, log }));
  const rules = readAddressRules(settings);
  return {
    service,
    startDelivery() {
      life.add("delivery", service.delivery.start());
      const { groups, webhooks } = service.delivery;
      // Until it is known who is suspended, nothing is sent to anybody.
      let suspended: ReadonlySet<string> | undefined;
      const isPaused = (tenantId: string): boolean => suspended?.has(tenantId) !== false;
      const onChange = (tenantIds: ReadonlySet<string>): void => {
        suspended = tenantIds;
        webhooks.changed.notify();
      };
      life.add("webhooks", startWebhooks({ groups, webhooks, openJobs: deps.openJobs, rules, isPaused, metrics, log, clock }));
      life.add("suspensions", followSuspendedTenants({ access: deps.access, service: "events", onChange, log }));
    },
  };
}
