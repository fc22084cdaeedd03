// Carries what sessions and retained messages become to the sessions service, over one stream, in order.
//
//   write() --> batch --(end of turn, or 500 rows)-->   frame 7 --> [ 5 | 6 | 7 ] unacknowledged --> SessionApi.write
//                                                                       ^ acknowledged after the commit: the listeners are told
//
// A stream that breaks is opened again and what was not acknowledged is sent again: a change applied twice leaves what it left once. Nothing fails
// for being late: publishers wait for their acknowledgement, and beyond the bounds nothing more is read from anybody.
import {
  type QueueItem,
  type QueueTarget,
  type SessionApi,
  type SessionOp,
  serviceCaller,
  sessionFrameBytesMax,
  sessionOpBytes,
  sessionOpRows,
} from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { CommitListener, SessionStore } from "./ports.ts";

export interface StoreStreamDeps {
  readonly sessions: Pick<SessionApi, "write" | "loadQueue">;
  readonly log: Log;
  /** More is waiting than the service takes; or no more. */
  readonly onCongestion: (congested: boolean) => void;
  /** Wait before a broken stream is opened again, at first; 200 unless said otherwise. */
  readonly retryMs?: number;
}

interface Frame {
  readonly sequence: number;
  readonly ops: readonly SessionOp[];
  readonly listeners: readonly (CommitListener | null)[];
  readonly bytes: number;
}

/** Rows that a frame names, unless one change names more; the service takes twice as many. */
const rowsPerFrame = 500;
const frameBytesMax = 1024 * 1024;
/** With the largest message and what goes with it: the service takes 3 MB. */
const frameBytesTogether = 2 * frameBytesMax;
/** A message for as many sessions as one change names, and what goes with it. */
const rowsTogether = 410;
/** No frame has more, unless one change has: with what stands around it, it fits what gRPC takes. */
const frameBytesMost = sessionFrameBytesMax;
/** A change besides the payload it carries, roughly. */
const opBytes = 200;
/** An identifier of a subscription, at most. */
const subscriptionIdBytes = 4;
/** What may wait for the service; from here on nothing is read. Half of it, and reading goes on. */
const pendingBytesMax = 64 * 1024 * 1024;
const retryMsDefault = 200;
const stopMsMax = 3_000;
const pageItems = 500;
const pageBytes = 1024 * 1024;

export class StoreStream implements SessionStore {
  readonly #deps: StoreStreamDeps;
  #ops: SessionOp[] = [];
  #listeners: (CommitListener | null)[] = [];
  #bytes = 0;
  #rows = 0;
  /** What is written now is not to be cut for its size. */
  #isTogether = false;
  #isScheduled = false;
  #sequence = 0;
  /** Acknowledged are those before the first. */
  readonly #frames: Frame[] = [];
  #pendingBytes = 0;
  #isCongested = false;
  #wake: () => void = () => undefined;
  readonly #settling: { readonly sequence: number; readonly resolve: () => void }[] = [];

  constructor(deps: StoreStreamDeps) {
    this.#deps = deps;
  }

  /** Changes that the service has not committed yet, as bytes. */
  get pendingBytes(): number {
    return this.#pendingBytes + this.#bytes;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  write(op: SessionOp, listener: CommitListener | null): void {
    if (listener === null && this.#joins(op)) return;
    const rows = sessionOpRows(op);
    const bytes = bytesOf(op);
    if (this.#rows + rows > rowsPerFrame || this.#bytes + bytes > frameBytesMost) this.#cut();
    this.#ops.push(op);
    this.#listeners.push(listener);
    this.#bytes += bytes;
    this.#rows += rows;
    if (this.#bytes >= (this.#isTogether ? frameBytesTogether : frameBytesMax)) this.#cut();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(this.#onTurnEnd);
    }
  }

  together(): void {
    if (this.#rows > rowsPerFrame - rowsTogether || this.#bytes > frameBytesMax / 2) this.#cut();
    this.#isTogether = true;
  }

  /** Acknowledgements of one session that come together are one change. */
  #joins(op: SessionOp): boolean {
    const last = this.#ops.at(-1);
    if (op.op !== "dequeue" || last?.op !== "dequeue" || last.sessionId !== op.sessionId) return false;
    if (this.#rows + op.seqs.length > rowsPerFrame) return false;
    (last.seqs as number[]).push(...op.seqs);
    this.#rows += op.seqs.length;
    return true;
  }

  readonly #onTurnEnd = (): void => {
    this.#isScheduled = false;
    this.#cut();
  };

  #cut(): void {
    if (this.#ops.length === 0) return;
    this.#frames.push({ sequence: ++this.#sequence, ops: this.#ops, listeners: this.#listeners, bytes: this.#bytes });
    this.#pendingBytes += this.#bytes;
    this.#ops = [];
    this.#listeners = [];
    this.#bytes = 0;
    this.#rows = 0;
    this.#isTogether = false;
    this.#judgeCongestion();
    this.#wake();
  }

  #judgeCongestion(): void {
    const isCongested = this.#pendingBytes > (this.#isCongested ? pendingBytesMax / 2 : pendingBytesMax);
    if (isCongested === this.#isCongested) return;
    this.#isCongested = isCongested;
    this.#deps.onCongestion(isCongested);
  }

  // ---- reading back

  settled(): Promise<void> {
    this.#cut();
    if (this.#frames.length === 0) return Promise.resolve();
    const sequence = this.#sequence;
    return new Promise((resolve) => this.#settling.push({ sequence, resolve }));
  }

  async loadQueue(sessionId: string): Promise<readonly QueueItem[]> {
    await this.settled();
    const items: QueueItem[] = [];
    for await (const page of this.#pages(sessionId, pageItems)) items.push(...page);
    return items;
  }

  async loadOldest(sessionId: string, limit: number): Promise<readonly QueueItem[]> {
    await this.settled();
    const items: QueueItem[] = [];
    for await (const page of this.#pages(sessionId, Math.min(limit, pageItems))) {
      items.push(...page.filter(({ packetId }) => packetId === 0));
      if (items.length >= limit) break;
    }
    return items.slice(0, limit);
  }

  async *#pages(sessionId: string, limit: number): AsyncGenerator<readonly QueueItem[]> {
    for (let afterSeq = 0; ; ) {
      const request = { sessionId, afterSeq, limit, bytesMax: pageBytes };
      const { items, isLast } = await this.#deps.sessions.loadQueue(serviceCaller("gateway"), request);
      yield items;
      if (isLast || items.length === 0) return;
      afterSeq = items.at(-1)?.seq ?? 0;
    }
  }

  // ---- the stream

  start(): Running {
    const loop = startLoop((signal) => this.#run(signal), {
      retryMs: this.#deps.retryMs ?? retryMsDefault,
      onError: (error) => this.#deps.log.warn({ err: error }, "sessions cannot be written down now; it is tried again"),
    });
    return {
      stop: async () => {
        await Promise.race([this.settled(), pause(stopMsMax)]);
        await loop.stop();
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const attempt = new AbortController();
    const end = (): void => attempt.abort();
    signal.addEventListener("abort", end, { once: true });
    try {
      const acks = this.#deps.sessions.write(serviceCaller("gateway"), this.#send(attempt.signal))[Symbol.asyncIterator]();
      for (;;) {
        const next = await unlessAborted(acks.next(), attempt.signal);
        if (next === undefined) return;
        if (next.done === true) throw new Error("the sessions service ended the stream");
        if (next.value.error !== undefined) {
          this.#deps.log.error({ ...next.value.error, sequence: next.value.sequence }, "a change of sessions was refused");
        }
        this.#onAck(next.value.sequence, next.value.error !== undefined);
      }
    } finally {
      signal.removeEventListener("abort", end);
      attempt.abort();
      this.#wake();
    }
  }

  /** Everything unacknowledged, and then what is cut, until the attempt ends. */
  async *#send(signal: AbortSignal): AsyncGenerator<{ readonly sequence: number; readonly ops: readonly SessionOp[] }> {
    let sent = 0;
    while (!signal.aborted) {
      // Frames are few: acknowledged ones leave from the front.
      const next = this.#frames.find(({ sequence }) => sequence > sent);
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      sent = next.sequence;
      yield { sequence: next.sequence, ops: next.ops };
    }
  }

  #onAck(sequence: number, isRefused: boolean): void {
    while (this.#frames.length > 0 && (this.#frames[0] as Frame).sequence <= sequence) {
      const frame = this.#frames.shift() as Frame;
      this.#pendingBytes -= frame.bytes;
      const isCommitted = !isRefused || frame.sequence !== sequence;
      for (const listener of frame.listeners) listener?.onCommitted(isCommitted);
    }
    while (this.#settling.length > 0 && (this.#settling[0]?.sequence ?? 0) <= sequence) this.#settling.shift()?.resolve();
    this.#judgeCongestion();
  }
}

/** Not less than what the service counts. */
function bytesOf(op: SessionOp): number {
  if (op.op !== "queue") return opBytes + sessionOpBytes(op);
  let bytes = opBytes + sessionOpBytes(op);
  for (let at = 0; at < op.targets.length; at++) {
    const { subscriptionIds } = op.targets[at] as QueueTarget;
    bytes += opBytes + subscriptionIds.length * subscriptionIdBytes;
  }
  return bytes;
}

/** The promise's outcome, or undefined as soon as the signal aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const give = (): void => resolve(undefined);
    signal.addEventListener("abort", give, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
