// Hot: the one stream on which everything devices said goes to the log. Nothing is promised to a device before the log said "committed".
//
//   append() --> gathering --(end of tick, <= 500 records, <= 1 MB)--> frames --> EventApi.append
//                                                                        |
//   onAppended(Stored) <---------- acknowledgement, in order ------------+   not acknowledged: kept, and sent again on the next stream
//
// Records carry ids, and the log stores an id once, so sending a frame again is harmless. When the log takes nothing for `giveUpMs`,
// everything waiting fails at once: in order nothing may overtake what failed, and devices send again what was not acknowledged.
import { type AppendAck, type AppendFrame, type EventApi, type NewRecord, type RefusedRecord, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running } from "@mooring/kit";
import type { GatewayCounters } from "./counters.ts";

/** How an append ended. */
export const Appended = {
  /** Committed. */
  Stored: 0,
  /** Not known to be stored: the log was out of reach for too long. */
  Failed: 1,
  /** Never will be stored: the log refused it for what it is. */
  Refused: 2,
} as const;
export type Appended = (typeof Appended)[keyof typeof Appended];

/** Told once per append. One object per message, made by who appends, so that no closure is. */
export interface AppendListener {
  /**
   * `lastOffset`: of a stored record, an offset of the log at or after its own; -1 when the log did not say, and of what is not stored.
   * `reason`: of a refused one.
   */
  onAppended(outcome: Appended, lastOffset: number, reason?: string): void;
}

export interface UplinkStreamOptions {
  /** At this much unacknowledged, appends fail. 64 MB unless said otherwise. */
  readonly bytesMax?: number;
  /** 100,000 unless said otherwise. */
  readonly recordsMax?: number;
  /** 10,000 unless said otherwise. */
  readonly giveUpMs?: number;
}

export interface UplinkStreamDeps {
  readonly events: Pick<EventApi, "append">;
  readonly counters: GatewayCounters;
  readonly log: Log;
  readonly options?: UplinkStreamOptions;
  /** Called with true when what is unacknowledged passes three quarters of a cap, with false when it is below half again. */
  readonly onCongestion?: (congested: boolean) => void;
}

const frameRecordsMax = 500;
/** A quarter of what the wire takes in one message; one record alone may be larger. */
const frameBytesMax = 1024 * 1024;
/** Enough to fill a commit's time at any load; beyond it records gather into fuller frames. */
const framesInFlightMax = 16;
/** What a record weighs besides its body: ids, names and the framing around them. */
const recordBytesFixed = 200;
const retryMsMin = 50;
const retryMsMax = 1_000;
const watchMs = 500;
const none: readonly RefusedRecord[] = [];

class Frame implements AppendFrame {
  readonly sequence: number;
  readonly records: NewRecord[] = [];
  readonly listeners: AppendListener[] = [];
  bytes = 0;

  constructor(sequence: number) {
    this.sequence = sequence;
  }
}

export class UplinkStream {
  readonly #deps: UplinkStreamDeps;
  readonly #bytesMax: number;
  readonly #recordsMax: number;
  readonly #giveUpMs: number;
  /** Cut and not acknowledged, oldest first; the first `#sent` are on the current stream. */
  readonly #frames: Frame[] = [];
  #sent = 0;
  #gathering: Frame | undefined;
  #nextSequence = 1;
  #bytes = 0;
  #records = 0;
  #cutScheduled = false;
  #isShedding = false;
  #congested = false;
  /** Monotonic time of the last sign of progress: an acknowledgement, or the first record after silence. */
  #progressAt = 0;
  #wake: (() => void) | undefined;
  readonly #abort = new AbortController();
  #attempt = new AbortController();

  constructor(deps: UplinkStreamDeps) {
    this.#deps = deps;
    this.#bytesMax = deps.options?.bytesMax ?? 64 * 1024 * 1024;
    this.#recordsMax = deps.options?.recordsMax ?? 100_000;
    this.#giveUpMs = deps.options?.giveUpMs ?? 10_000;
  }

  /** True while what may be lost should not be appended: from half of a cap on, until below a quarter again. */
  get isShedding(): boolean {
    return this.#isShedding;
  }

  /** True while nothing should be read: what may be lost was shed before, and the rest is more than the log takes. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Records not acknowledged yet. */
  get pending(): number {
    return this.#records;
  }

  /** Takes a record, to be sent at the end of this tick. False at the cap: then the listener is not called. Order of calls is order in the log. */
  append(record: NewRecord, listener: AppendListener): boolean {
    const bytes = record.body.length + recordBytesFixed;
    if (this.#records >= this.#recordsMax || this.#bytes + bytes > this.#bytesMax) return false;
    let frame = this.#gathering;
    if (frame !== undefined && (frame.records.length === frameRecordsMax || frame.bytes + bytes > frameBytesMax)) {
      this.#frames.push(frame);
      frame = undefined;
    }
    frame ??= new Frame(this.#nextSequence++);
    this.#gathering = frame;
    frame.records.push(record);
    frame.listeners.push(listener);
    frame.bytes += bytes;
    if (this.#records === 0) this.#progressAt = performance.now();
    this.#records++;
    this.#bytes += bytes;
    this.#deps.counters.recordsAppended++;
    // Congestion begins above where shedding does.
    if (!this.#isShedding && this.#isAbove(1 / 2)) this.#isShedding = true;
    if (this.#isShedding && !this.#congested && this.#isAbove(3 / 4)) this.#setCongested(true);
    if (!this.#cutScheduled) {
      this.#cutScheduled = true;
      setImmediate(this.#cut);
    }
    return true;
  }

  /** Keeps a stream open until stopped. What is pending then is given half a second to be acknowledged, and fails after that. */
  start(): Running {
    const running = this.#run();
    const watch = setInterval(() => this.#watch(), watchMs);
    watch.unref();
    return {
      stop: async () => {
        clearInterval(watch);
        for (let i = 0; i < 50 && this.#records > 0; i++) await pause(10);
        this.#abort.abort();
        this.#attempt.abort();
        this.#wakeSender();
        await running;
        this.#failAll();
      },
    };
  }

  readonly #cut = (): void => {
    this.#cutScheduled = false;
    const frame = this.#gathering;
    if (frame !== undefined && this.#frames.length < framesInFlightMax) {
      this.#frames.push(frame);
      this.#gathering = undefined;
    }
    this.#wakeSender();
  };

  #wakeSender(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #run(): Promise<void> {
    const stopped = this.#abort.signal;
    let retryMs = retryMsMin;
    while (!stopped.aborted) {
      const attempt = new AbortController();
      this.#attempt = attempt;
      this.#sent = 0;
      try {
        const acks = this.#deps.events.append(serviceCaller("gateway"), this.#send(attempt.signal))[Symbol.asyncIterator]();
        for (let ack = await nextUnless(acks, attempt.signal); ack !== undefined; ack = await nextUnless(acks, attempt.signal)) {
          this.#onAcknowledged(ack);
          retryMs = retryMsMin;
        }
      } catch (error) {
        if (!stopped.aborted)
          this.#deps.log.warn({ err: error, pending: this.#records }, "the stream to the log broke; it is opened again");
      }
      attempt.abort();
      this.#wakeSender();
      if (stopped.aborted) return;
      await pause(retryMs * (0.5 + Math.random()), stopped);
      retryMs = Math.min(retryMs * 2, retryMsMax);
    }
  }

  async *#send(ended: AbortSignal): AsyncGenerator<AppendFrame> {
    while (!ended.aborted && !this.#abort.signal.aborted) {
      const frame = this.#frames[this.#sent];
      if (frame !== undefined) {
        this.#sent++;
        yield frame;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #onAcknowledged({ sequence, error, lastOffset, refused = none }: AppendAck): void {
    const first = this.#frames[0];
    // Frames are acknowledged in order; one that was given up meanwhile is no longer here.
    if (first === undefined || first.sequence !== sequence) return;
    this.#frames.shift();
    this.#sent--;
    this.#progressAt = performance.now();
    if (error === undefined && refused.length === 0) {
      this.#deps.counters.recordsCommitted += first.records.length;
      this.#settle(first, Appended.Stored, lastOffset ?? -1);
    } else this.#settleApart(first, lastOffset ?? -1, error, refused);
    if (this.#gathering !== undefined) this.#cut();
  }

  #settle(frame: Frame, outcome: Appended, lastOffset: number): void {
    this.#release(frame);
    for (const listener of frame.listeners) listener.onAppended(outcome, lastOffset);
    this.#relax();
  }

  /** Some of the frame, or with `error` all of it, will never be stored: each is told for itself, in order. */
  #settleApart(frame: Frame, lastOffset: number, error: string | undefined, refused: readonly RefusedRecord[]): void {
    const reasons = new Map(refused.map(({ index, reason }) => [index, reason]));
    this.#release(frame);
    for (const [index, listener] of frame.listeners.entries()) {
      const reason = reasons.get(index) ?? error;
      if (reason === undefined) {
        this.#deps.counters.recordsCommitted++;
        listener.onAppended(Appended.Stored, lastOffset);
      } else {
        this.#deps.counters.recordsRefused++;
        listener.onAppended(Appended.Refused, -1, reason);
      }
    }
    this.#deps.log.error(
      { error: error ?? refused[0]?.reason, refused: reasons.size, records: frame.records.length },
      "the log refused records",
    );
    this.#relax();
  }

  #release(frame: Frame): void {
    this.#records -= frame.records.length;
    this.#bytes -= frame.bytes;
  }

  #relax(): void {
    if (this.#congested && !this.#isAbove(1 / 2)) this.#setCongested(false);
    if (this.#isShedding && !this.#isAbove(1 / 4)) this.#isShedding = false;
  }

  #isAbove(share: number): boolean {
    return this.#records > this.#recordsMax * share || this.#bytes > this.#bytesMax * share;
  }

  #setCongested(congested: boolean): void {
    this.#congested = congested;
    this.#deps.counters.congested = congested ? 1 : 0;
    this.#deps.onCongestion?.(congested);
  }

  #watch(): void {
    if (this.#records === 0 || performance.now() - this.#progressAt < this.#giveUpMs) return;
    this.#deps.log.error({ records: this.#records }, "the log acknowledged nothing for too long; what waits for it is given up");
    this.#failAll();
    // A stream that went silent without breaking is left, and the next one opened.
    this.#attempt.abort();
    this.#wakeSender();
  }

  #failAll(): void {
    const frames = this.#frames.splice(0);
    if (this.#gathering !== undefined) frames.push(this.#gathering);
    this.#gathering = undefined;
    this.#sent = 0;
    for (const frame of frames) this.#settle(frame, Appended.Failed, -1);
  }
}

/** The next acknowledgement; undefined when there is none any more, or as soon as the stream is left: one that hangs never says so itself. */
function nextUnless(acks: AsyncIterator<AppendAck>, left: AbortSignal): Promise<AppendAck | undefined> {
  return new Promise((resolve, reject) => {
    if (left.aborted) return resolve(undefined);
    const leave = (): void => {
      resolve(undefined);
      // What it still has to say is for nobody; it may never come to its end, so nobody waits for that either.
      acks.return?.()?.catch(() => undefined);
    };
    left.addEventListener("abort", leave, { once: true });
    const next = acks.next();
    next.finally(() => left.removeEventListener("abort", leave)).catch(() => undefined);
    next.then(({ done, value }) => resolve(done === true ? undefined : value), reject);
  });
}
