// The broker's part of a gateway node: every tenant's space, and the stream that carries what is kept to the sessions service.
import type { SessionApi, SessionLimits } from "@mooring/contracts";
import { type Clock, type Log, type Metrics, pause, type Running, SettingError, StartError, type TimerWheel } from "@mooring/kit";
import { Figures } from "./broker/figures.ts";
import type { BrokerLimits } from "./broker/limits.ts";
import { restoreSessions } from "./broker/restore.ts";
import { Spaces } from "./broker/spaces.ts";
import { StoreStream } from "./broker/store-stream.ts";
import { createWillPublisher, type WillPublisherDeps } from "./will-publisher.ts";

export interface BrokerDeps extends WillPublisherDeps {
  readonly nodeId: string;
  readonly sessions: Pick<SessionApi, "write" | "loadQueue" | "listSessions" | "listRetained">;
  readonly limits: BrokerLimits;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told what the sessions service takes. Throws SettingError when that is less than what clients may say. */
  readonly onStoreLimits: (limits: SessionLimits) => void;
  readonly onCongestion: (congested: boolean) => void;
}

export interface Broker {
  readonly spaces: Spaces;
  readonly store: StoreStream;
  readonly figures: Figures;
  /** Puts back what was kept. Throws StartError when the sessions service cannot be reached for a minute, and what `onStoreLimits` throws. */
  restore(): Promise<void>;
  start(): Running;
}

const restoreMsMax = 60_000;
const retryMs = 500;
/** How often retained messages that have expired are let go of; until then they are not sent to anybody. */
const expireMs = 60_000;

export function createBroker(deps: BrokerDeps): Broker {
  const { sessions, log, clock, metrics } = deps;
  const store = new StoreStream({ sessions, log, onCongestion: deps.onCongestion });
  const wills = createWillPublisher(deps);
  const spaces = new Spaces({
    ...{ nodeId: deps.nodeId, store, limits: deps.limits, wheel: deps.wheel, clock },
    onWill: wills.publish,
    onFault: (error) => log.error({ err: error }, "an error of ours, while a session without a connection was dealt with"),
  });
  offerFigures(metrics, spaces, store);
  const figures = new Figures(spaces);
  return {
    spaces,
    store,
    figures,
    async restore() {
      const giveUpAt = performance.now() + restoreMsMax;
      for (;;) {
        try {
          return await restoreSessions({ sessions, spaces, onStoreLimits: deps.onStoreLimits, clock, log });
        } catch (cause) {
          if (cause instanceof SettingError) throw cause;
          if (performance.now() > giveUpAt) throw new StartError("The sessions service cannot be reached", { cause });
          log.warn({ err: cause }, "sessions cannot be read yet; it is tried again");
          await pause(retryMs);
        }
      }
    },
    start() {
      const expiring = setInterval(() => {
        for (const space of spaces.all()) space.retained.expire(clock.now());
      }, expireMs);
      expiring.unref();
      const running = [figures.start(), store.start(), { stop: async () => clearInterval(expiring) }];
      return {
        async stop() {
          await wills.stop();
          await Promise.all(running.map((one) => one.stop()));
        },
      };
    },
  };
}

function offerFigures(metrics: Metrics, spaces: Spaces, store: StoreStream): void {
  const sum = (figure: (space: ReturnType<Spaces["of"]>) => number) => (): number => {
    let total = 0;
    for (const space of spaces.all()) total += figure(space);
    return total;
  };
  const gauge = (name: string, help: string, value: () => number): void => metrics.gauge(`mooring_gateway_${name}`, help, value);
  gauge(
    "sessions",
    "MQTT sessions, connected or away.",
    sum((space) => space.sessions),
  );
  gauge(
    "sessions_kept",
    "MQTT sessions that outlive their connections.",
    sum((space) => space.keptSessions),
  );
  gauge(
    "subscriptions",
    "MQTT subscriptions.",
    sum((space) => space.subscriptions),
  );
  gauge(
    "retained_messages",
    "Retained messages.",
    sum((space) => space.retained.count),
  );
  gauge(
    "retained_bytes",
    "What retained messages take in memory, estimated.",
    sum((space) => space.retained.bytes),
  );
  gauge(
    "queue_dropped",
    "QoS 1 and 2 messages dropped from full queues since the start.",
    sum((space) => space.counters.queueDropped),
  );
  gauge(
    "shared_handed_on",
    "Messages of shared subscriptions that another member has got, since theirs left.",
    sum((space) => space.counters.handedOn),
  );
  gauge(
    "wills_published",
    "Wills published since the start.",
    sum((space) => space.counters.willsPublished),
  );
  gauge("store_pending_bytes", "Changes of sessions that are not committed yet.", () => store.pendingBytes);
}
