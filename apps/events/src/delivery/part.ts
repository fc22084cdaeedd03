// What back ends can ask for: subscriptions, their streams, and their dead letters.
import { randomUUID } from "node:crypto";
import { assertMay, type EventApi } from "@mooring/contracts";
import type { Clock, Log, Running } from "@mooring/kit";
import { Signal } from "../signal.ts";
import { createDeadLettersPart } from "./dead-letters.ts";
import type { DeliveryCounters } from "./group-settings.ts";
import { Groups } from "./groups.ts";
import { leaseMsDefault } from "./limits.ts";
import type {
  DeadLetterStore,
  DeliveryGroups,
  DeliveryLog,
  DeliveryStates,
  SecretSeal,
  SubscriptionStore,
  TagDirectory,
  Webhooks,
} from "./ports.ts";
import { createStates } from "./states.ts";
import { type StreamDeps, subscribeStream } from "./stream.ts";
import { createSubscriptionsPart, type SubscriptionsPart, secretPlace } from "./subscriptions.ts";
import { createTagCache } from "./tags.ts";
import { createUnheld, type Unheld } from "./unheld.ts";

export interface DeliveryDeps {
  readonly log: DeliveryLog;
  /** Fires after each commit made by this process. */
  readonly appended: Signal;
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  readonly devices: TagDirectory;
  readonly seal: SecretSeal;
  readonly logger: Log;
  /** Of deadlines and backoffs; the process's own unless given. */
  readonly clock?: Clock;
  /** How long a process that died keeps its subscriptions; 10 s unless given. */
  readonly leaseMs?: number;
  /** No other process delivers from this database, so that the leases of one that died need not be waited for. Default false. */
  readonly isOnly?: boolean;
}

export interface DeliveryPart {
  readonly api: DeliveryApi;
  readonly groups: DeliveryGroups;
  readonly webhooks: Webhooks;
  readonly states: DeliveryStates;
  /** For metrics. */
  readonly counters: DeliveryCounters;
  readonly held: Pick<Groups, "all" | "isAtEnd">;
  readonly unheld: Pick<Unheld, "all" | "logEnd">;
  /** Keeps time, leases and cursors until stopped; stopping ends all streams with `unavailable` and gives the subscriptions back. */
  start(): Running;
}

export type DeliveryApi = Pick<EventApi, "subscribe"> & SubscriptionsPart & ReturnType<typeof createDeadLettersPart>;

/** Monotonic: a wall clock that is set may not make records come again. */
const processClock: Clock = { now: () => performance.now() };

export function createDeliveryPart(deps: DeliveryDeps): DeliveryPart {
  const { log, subscriptions, deadLetters, logger } = deps;
  const counters: DeliveryCounters = { delivered: 0, redelivered: 0, acknowledged: 0, deadLetters: 0, lost: 0 };
  const tags = createTagCache({
    devices: deps.devices,
    isNeeded: () => [...groups.all()].some(({ group }) => group.settings.matcher.needsTags),
    log: logger,
  });
  const groups = new Groups({
    owner: randomUUID(),
    log,
    appended: deps.appended,
    subscriptions,
    deadLetters,
    tags,
    clock: deps.clock ?? processClock,
    leaseClock: processClock,
    leaseMs: deps.leaseMs ?? leaseMsDefault,
    isOnly: deps.isOnly ?? false,
    random: Math.random,
    counters,
    logger,
  });
  const webhooks: Webhooks = {
    changed: new Signal(),
    async list() {
      const rows = await subscriptions.withWebhook();
      return rows.flatMap(({ tenantId, name, revision, deliveriesMax, webhook }) => {
        if (webhook === undefined) return [];
        try {
          const secret = deps.seal.unseal(webhook.sealedSecret, secretPlace(tenantId, name)).toString("utf8");
          return [{ tenantId, name, url: webhook.url, secret, deliveriesMax, revision }];
        } catch (error) {
          // One that cannot be opened, for instance since the key was changed, may not hold up the others.
          logger.error({ err: error, tenantId, subscription: name }, "the secret of a webhook cannot be opened; set it anew");
          return [];
        }
      });
    },
  };
  const unheld = createUnheld({ subscriptions, log, logger });
  const open: StreamDeps["open"] = new Map();
  return {
    api: {
      subscribe(caller, requests) {
        assertMay(caller, "events.subscribe");
        return subscribeStream({ log, subscriptions, groups, open }, caller.tenantId, requests);
      },
      ...createSubscriptionsPart({ log, subscriptions, groups, seal: deps.seal, changed: webhooks.changed }),
      ...createDeadLettersPart({ subscriptions, deadLetters, groups }),
    },
    groups,
    webhooks,
    states: createStates({ log, subscriptions, deadLetters, groups, tags }),
    counters,
    held: groups,
    unheld,
    start() {
      const following = tags.start();
      const delivering = groups.start();
      const looking = unheld.start();
      return {
        async stop() {
          await looking.stop();
          await delivering.stop();
          await following.stop();
        },
      };
    },
  };
}
