// What devices say of their properties to the shadow itself, on its way to the log:
//
//   change ─with the document─▶ shadow_reports ──oldest first──▶ EventApi.append ──acknowledged──▶ removed, answered
//
// The device is answered only then: what it says afterwards has a later place in the log. What is sent again after a crash has the message id it had
// before, so the log stores it once.
import { type AppendFrame, type EventApi, type NewRecord, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop, withTimeout } from "@mooring/kit";
import type { ReportOutbox } from "./ports.ts";

const batch = { reportsMax: 500, bytesMax: 1024 * 1024 } as const;
/** What another process has left is seen within this time. */
const idleMs = 1_000;
/** While another process is at it and somebody waits here. */
const busyMs = 20;
/** Who waits for what left before, or was sent by another process, hears of it this late while there is always something to send. */
const findMs = 100;
/** The log answers within milliseconds or is in trouble; the transaction that holds the reports may not stay open for long. */
const sendMsMax = 10_000;
/** Changes that wait for the log. */
const waitersMax = 10_000;

export interface ReportRelayDeps {
  readonly outbox: ReportOutbox;
  readonly events: Pick<EventApi, "append">;
  readonly log: Log;
}

export class ReportRelay {
  readonly #deps: ReportRelayDeps;
  readonly #self = serviceCaller("shadow");
  readonly #waiters = new Map<string, PromiseWithResolvers<void>>();
  #wake = new AbortController();
  #isStopped = false;
  #foundAtMs = 0;
  relayed = 0;
  refused = 0;

  constructor(deps: ReportRelayDeps) {
    this.#deps = deps;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Throws `unavailable` when too many wait for the log: nothing may be accepted that would wait as well. */
  assertRoom(): void {
    if (this.#waiters.size < waitersMax) return;
    throw new PlatformError("unavailable", `${this.#waiters.size} reports of shadows wait for the log; try again later`);
  }

  /** Resolves once a committed report is in the log, or was refused by it. Never rejects; when the relay is stopped, it is for the next one to send. */
  logged(messageId: string): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    const waiter = this.#waiters.get(messageId) ?? Promise.withResolvers<void>();
    this.#waiters.set(messageId, waiter);
    this.#wake.abort();
    return waiter.promise;
  }

  /** Any number of processes may run it: one at a time sends. */
  start(): Running {
    const onError = (error: unknown): void => this.#deps.log.warn({ err: error }, "reports of shadows cannot reach the log; they wait");
    const loop = startLoop((signal) => this.#step(signal), { retryMs: 200, onError });
    return {
      stop: async () => {
        await loop.stop();
        this.#isStopped = true;
        this.#done([...this.#waiters.keys()]);
      },
    };
  }

  async #step(signal: AbortSignal): Promise<void> {
    // Listening begins before looking: what is committed in between ends the pause at once.
    this.#wake = new AbortController();
    const wake = AbortSignal.any([signal, this.#wake.signal]);
    const taken = await this.#deps.outbox.take(batch, (reports) => this.#send(reports));
    if (taken !== "busy") this.#done(taken);
    const isIdle = taken === "busy" || taken.length === 0;
    const asked = [...this.#waiters.keys()];
    if (asked.length > 0 && (isIdle || performance.now() - this.#foundAtMs >= findMs)) await this.#findDone(asked);
    if (taken === "busy" && this.#waiters.size > 0) await pause(busyMs, signal);
    else if (taken === "busy" || taken.length === 0) await pause(idleMs, wake);
  }

  /** Another process may have sent what is waited for here. */
  async #findDone(asked: readonly string[]): Promise<void> {
    this.#foundAtMs = performance.now();
    const waiting = new Set(await this.#deps.outbox.waiting(asked));
    this.#done(asked.filter((messageId) => !waiting.has(messageId)));
  }

  #done(messageIds: readonly string[]): void {
    for (const messageId of messageIds) {
      this.#waiters.get(messageId)?.resolve();
      this.#waiters.delete(messageId);
    }
  }

  /** Resolves once all are stored, or refused for what they are. */
  async #send(reports: readonly NewRecord[]): Promise<void> {
    const { events, log } = this.#deps;
    const acks = events.append(this.#self, frameOf(reports))[Symbol.asyncIterator]();
    try {
      const { done, value: ack } = await withTimeout(acks.next(), sendMsMax, `the log did not answer within ${sendMsMax} ms`);
      if (done) throw new PlatformError("unavailable", "the log ended the stream before it acknowledged anything");
      const refused = ack.error === undefined ? (ack.refused ?? []) : reports.map((_, index) => ({ index, reason: ack.error }));
      for (const { index, reason } of refused) {
        log.error(
          { messageId: reports[index]?.messageId, reason },
          "the log does not take a report of a shadow; history and subscribers miss it",
        );
      }
      this.refused += refused.length;
      this.relayed += reports.length - refused.length;
    } finally {
      // The stream ends in its own time; how it ends changes nothing any more.
      acks.return?.().catch((error: unknown) => log.debug({ err: error }, "the stream of shadows' reports ended badly"));
    }
  }
}

async function* frameOf(records: readonly NewRecord[]): AsyncGenerator<AppendFrame> {
  yield { sequence: 0, records };
}
