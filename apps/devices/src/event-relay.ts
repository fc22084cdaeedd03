import { type AppendFrame, type EventApi, type LifecycleBody, type NewRecord, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Clock, type Log, type Metrics, pause, type Running, startLoop, withTimeout } from "@mooring/kit";
import type { ChangeStore, DeviceEvent, DeviceEventStore } from "./ports.ts";

export interface EventRelayDeps {
  readonly events: DeviceEventStore;
  /** Tells when this process has changed something; what other processes changed is seen within `idleMs`. */
  readonly changes: Pick<ChangeStore, "onAppended">;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The durable log of what happened to devices. */
  readonly eventLog: Pick<EventApi, "append">;
}

/** One transaction's worth: a stream takes 64 frames at once, so this is about eight commits of the log. */
const batchMax = 500;
const idleMs = 1_000;
/** The log answers within milliseconds or is in trouble; the transaction that holds the events may not stay open for long. */
const sendMsMax = 10_000;
const retryMs = 1_000;
/** Enough to see that something is wrong, few enough to count at each look. */
export const waitingCountMax = 10_000;

const self = serviceCaller("devices");

/**
 * Brings what happened to devices into the log, in order for each device, until stopped. Any number of processes may run it: one at a time sends.
 * Events stay where they are until the log has acknowledged them. What is sent again after a crash has the message id it had before, so the log
 * stores it once.
 *
 *   device_events ──oldest first──▶ EventApi.append ──acknowledged──▶ removed
 */
export function startEventRelay(deps: EventRelayDeps): Running {
  const { events, changes, log } = deps;
  const seen = publishMetrics(deps);
  let isFailing = false;

  async function relay(batch: readonly DeviceEvent[]): Promise<readonly string[]> {
    const { done, refused, error } = await send(deps, batch);
    if (error !== undefined && !isFailing) log.warn({ err: error }, "events of devices cannot reach the log; they wait");
    if (error === undefined && isFailing) log.info({ sent: done.length }, "events of devices reach the log again");
    isFailing = error !== undefined;
    seen.relayed.inc(done.length - refused);
    seen.refused.inc(refused);
    return done;
  }

  async function step(signal: AbortSignal): Promise<void> {
    const wake = new AbortController();
    const onWake = (): void => wake.abort();
    // Listening begins before looking: a change committed in between ends the pause at once.
    const stopListening = changes.onAppended(onWake);
    signal.addEventListener("abort", onWake, { once: true });
    try {
      const waiting = await events.waiting(waitingCountMax);
      seen.count = waiting.count;
      seen.oldestAtMs = waiting.oldestAtMs;
      if (waiting.count === 0) return await pause(idleMs, wake.signal);
      const outcome = await events.take(batchMax, relay);
      if (isFailing || outcome === "busy") await pause(retryMs * (0.5 + Math.random()), signal);
    } finally {
      stopListening();
      signal.removeEventListener("abort", onWake);
    }
  }

  return startLoop(step, {
    retryMs: 200,
    onError: (error) => log.warn({ err: error }, "cannot look for events of devices; trying again"),
  });
}

interface Sent {
  /** Events that need not be sent again: stored, or refused for what they are. */
  readonly done: readonly string[];
  readonly refused: number;
  readonly error?: unknown;
}

/** Sends each event as a frame of its own, so that one the log refuses harms no other. Stops at the first failure: order. */
async function send({ eventLog, log }: EventRelayDeps, batch: readonly DeviceEvent[]): Promise<Sent> {
  const done: string[] = [];
  let refused = 0;
  const deadlineMs = performance.now() + sendMsMax;
  const acks = eventLog.append(self, framesOf(batch))[Symbol.asyncIterator]();
  try {
    for (const event of batch) {
      const leftMs = Math.max(deadlineMs - performance.now(), 0);
      const next = await withTimeout(acks.next(), leftMs, `the log did not answer within ${sendMsMax} ms`);
      if (next.done) throw new PlatformError("unavailable", "the log ended the stream before it acknowledged everything");
      if (next.value.error !== undefined) {
        refused++;
        log.error({ event, reason: next.value.error }, "the log does not take an event of a device; it is dropped");
      }
      done.push(event.id);
    }
    return { done, refused };
  } catch (error) {
    return { done, refused, error };
  } finally {
    // The stream ends in its own time; how it ends changes nothing any more.
    acks.return?.().catch((error: unknown) => log.debug({ err: error }, "the stream of a device's events ended badly"));
  }
}

async function* framesOf(batch: readonly DeviceEvent[]): AsyncGenerator<AppendFrame> {
  let sequence = 0;
  for (const event of batch) yield { sequence: sequence++, records: [toRecord(event)] };
}

function toRecord({ messageId, device, action, principal, detail, atMs }: DeviceEvent): NewRecord {
  const body: LifecycleBody = { action, principal, ...detail };
  return { messageId, device, kind: "lifecycle", receivedAtMs: atMs, body: JSON.stringify(body) };
}

function publishMetrics({ metrics, clock }: EventRelayDeps) {
  const seen = {
    count: 0,
    oldestAtMs: undefined as number | undefined,
    relayed: metrics.counter("mooring_device_events_relayed_total", "Events of devices that this process brought into the log."),
    refused: metrics.counter("mooring_device_events_refused_total", "Events of devices that the log did not take for what they are."),
  };
  const help = `Events of devices that are not in the log yet, counted up to ${waitingCountMax}.`;
  metrics.gauge("mooring_device_events_waiting", help, () => seen.count);
  metrics.gauge("mooring_device_events_waiting_seconds", "How long the oldest of them has waited.", () =>
    seen.oldestAtMs === undefined ? 0 : Math.max(0, clock.now() - seen.oldestAtMs) / 1_000,
  );
  return seen;
}
