import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type Caller, type EventApi, PlatformError, type StartPosition, type SubscriptionFilter } from "@mooring/contracts";
import type { Clock, Log, Metrics } from "@mooring/kit";
import { limits } from "../limits.ts";
import { ownSubscriptionPrefix } from "../own-subscriptions.ts";
import { createSlots } from "../slots.ts";
import { EventStream, type StreamLimits } from "./event-stream.ts";
import { createSweeper } from "./sweeper.ts";

export interface EventStreamsDeps {
  readonly events: EventApi;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly streamLimits?: Partial<StreamLimits>;
}

export interface WantedStream {
  readonly filter: SubscriptionFilter;
  readonly start: StartPosition;
  /** Asks whether the API key still holds. */
  readonly check: () => Promise<Caller>;
}

/** The streams of `GET /v1/events` that are open in this process. */
export interface EventStreams {
  /** Resolves once the stream can begin; what it returns runs it. Throws what makes it impossible, before anything is answered. */
  open(caller: Caller, wanted: WantedStream): Promise<(res: ServerResponse) => Promise<void>>;
  /** One timer for the heartbeats and the life of all streams. */
  start(): void;
  /** Ends every stream and lets no other in. Resolves when nothing of them is left. */
  stop(): Promise<void>;
}

export function createEventStreams(deps: EventStreamsDeps): EventStreams {
  const { events, clock, log } = deps;
  const bounds: StreamLimits = { ...limits.streams, ...deps.streamLimits };
  const slots = createSlots("event streams", bounds);
  const sweeper = createSweeper(deps, bounds);
  const running = new Map<EventStream, { readonly sinceMs: number; readonly ended: Promise<void> }>();
  const ends = deps.metrics.counter("mooring_event_streams_ended_total", "Streams of GET /v1/events that ended, by reason.", ["reason"]);
  deps.metrics.gauge("mooring_event_streams", "Streams of GET /v1/events that are open.", () => slots.taken);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function beat(): void {
    for (const [stream, { sinceMs }] of running) {
      if (clock.now() - sinceMs >= bounds.lifeMs) stream.stop();
      else void stream.beat();
    }
  }

  async function run(stream: EventStream, caller: Caller, name: string): Promise<void> {
    const reason = await stream.run();
    ends.inc({ reason });
    try {
      await events.deleteSubscription(caller, { name });
    } catch (error) {
      // The sweeper finds it.
      log.warn({ err: error, subscription: name }, "the subscription of an event stream could not be deleted");
    }
  }

  return {
    async open(caller, { filter, start, check }) {
      if (stopped) throw new PlatformError("unavailable", "the process stops; try again");
      const release = slots.take(caller);
      try {
        void sweeper.sweep(caller);
        const name = `${ownSubscriptionPrefix}${randomUUID()}`;
        const settings = { name, filter, start, acknowledgeWithinMs: bounds.acknowledgeWithinMs };
        const { cursor } = await events.createSubscription(caller, settings);
        return async (res) => {
          const stream = new EventStream({ events, caller, subscription: name, position: cursor, check, limits: bounds }, res);
          const ended = run(stream, caller, name).finally(release);
          running.set(stream, { sinceMs: clock.now(), ended });
          if (stopped) stream.stop();
          await ended;
          running.delete(stream);
        };
      } catch (error) {
        release();
        throw error;
      }
    },
    start() {
      timer ??= setInterval(beat, bounds.heartbeatMs).unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      const all = [...running];
      for (const [stream] of all) stream.stop();
      await Promise.all(all.map(([, { ended }]) => ended));
    },
  };
}
