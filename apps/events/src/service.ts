import type { EventApi } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import { createConnectionPart } from "./connections/part.ts";
import type { ConnectionStore } from "./connections/ports.ts";
import { createDeliveryPart, type DeliveryPart } from "./delivery/part.ts";
import type { DeadLetterStore, SecretSeal, SubscriptionStore, TagDirectory } from "./delivery/ports.ts";
import { GroupCommit } from "./group-commit.ts";
import { createHistoryPart } from "./history/part.ts";
import type { HistoryDevices, HistoryStore } from "./history/ports.ts";
import type { Consumers } from "./log/consumers.ts";
import type { Pace } from "./log/pace.ts";
import { createLogPart } from "./log/part.ts";
import type { DeviceDirectory, EventLog } from "./ports.ts";
import { Signal } from "./signal.ts";
import { createTracePart } from "./trace/part.ts";
import type { RefusalStore, TraceStore } from "./trace/ports.ts";

export interface EventDeps {
  readonly log: EventLog;
  /** Remembers how far the platform's own consumers have got. */
  readonly consumers: Consumers;
  /** How the log waits for its consumers. */
  readonly pace: Pace;
  readonly history: HistoryStore;
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  /** For the secrets of webhooks. */
  readonly seal: SecretSeal;
  readonly devices: DeviceDirectory & HistoryDevices & TagDirectory;
  readonly connections: ConnectionStore;
  readonly records: TraceStore;
  readonly refusals: RefusalStore;
  readonly logger: Log;
  /** No other process of this service works on the database: see DeliveryDeps. */
  readonly isOnly?: boolean;
}

export interface EventService extends EventApi {
  /** Fires after each commit made by this process. */
  readonly appended: Signal;
  readonly commits: GroupCommit;
  /** Start it: it keeps time, leases and cursors. The webhook runner joins its groups. */
  readonly delivery: DeliveryPart;
}

/** Put together from parts, one folder each. */
export function createEventService(deps: EventDeps): EventService {
  const appended = new Signal();
  const commits = new GroupCommit(deps.log, () => appended.notify(), deps.pace);
  const delivery = createDeliveryPart({ ...deps, appended });
  return {
    appended,
    commits,
    delivery,
    ...createLogPart({ log: deps.log, commits, consumers: deps.consumers, appended }),
    ...createHistoryPart(deps),
    ...createConnectionPart(deps),
    ...createTracePart({ ...deps, deliveries: delivery.states }),
    ...delivery.api,
  };
}
