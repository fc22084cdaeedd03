// Hot path (style: Hot): one object per frame, nothing per op.
//
//   frames of many streams -> [ queue ] -> one transaction at a time takes all that wait -> acknowledgements
//
// The scheme is that of the log (apps/events); here a group is bounded by bytes as well, frames are told by calls instead of promises, and what is
// merged are ops of the same rows, so that a group writes less than its frames would.
import { PlatformError, type SessionOp } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { type SessionWriter, UnstorableOps } from "./ports.ts";

/** Rows and bytes in one transaction: more gains nothing measurable and makes the others wait. */
const groupRowsMax = 2_000;
const groupBytesMax = 8 * 1024 * 1024;
/** How far apart groups begin while there is something to store all the time: what a frame waits for company at most. */
const gatherMs = 3;
/** With so many rows there is company enough. */
const gatherRowsMax = 500;
/** What may wait, over all streams. */
const waitingRowsMax = 50_000;
const waitingBytesMax = 64 * 1024 * 1024;
/** A frame counts as one row at least, so that empty ones are bounded too. */
const frameRowsMin = 1;

/** One stream's place in the queue. Once a frame of it failed, later ones may not be stored before that one was sent again: they would overtake it. */
export interface StreamToken {
  failed: boolean;
}

/** A frame that is to be stored. One of the three is called, once, in the order of the stream's frames. */
export interface PendingFrame {
  readonly stream: StreamToken;
  readonly ops: readonly SessionOp[];
  readonly rows: number;
  readonly bytes: number;
  onCommitted(): void;
  /** For what it is; the stream goes on. */
  onRefused(error: UnstorableOps): void;
  /** Not now; the stream has to begin again from here. */
  onFailed(error: unknown): void;
}

export class GroupCommit {
  readonly #writer: SessionWriter;
  /** Seconds that a commit took. */
  readonly #onGroup: (seconds: number) => void;
  #queue: PendingFrame[] = [];
  #running = false;
  /** On the clock of performance.now(): when the last group was. */
  #begunAt = Number.NEGATIVE_INFINITY;
  waitingRows = 0;
  waitingBytes = 0;
  committedOps = 0;
  committedFrames = 0;
  committedGroups = 0;

  constructor(writer: SessionWriter, onGroup: (seconds: number) => void) {
    this.#writer = writer;
    this.#onGroup = onGroup;
  }

  add(frame: PendingFrame): void {
    const rows = frame.rows + frameRowsMin;
    if (this.waitingRows + rows > waitingRowsMax || this.waitingBytes + frame.bytes > waitingBytesMax) {
      frame.stream.failed = true;
      return frame.onFailed(new PlatformError("unavailable", `${this.waitingRows} rows of sessions wait to be stored; try again later`));
    }
    this.#queue.push(frame);
    this.waitingRows += rows;
    this.waitingBytes += frame.bytes;
    if (!this.#running) void this.#run();
  }

  /** Resolves when all that was added before is settled. */
  settled(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const stream = { failed: false };
      this.#queue.push({
        stream,
        ops: [],
        rows: -frameRowsMin,
        bytes: 0,
        onCommitted: resolve,
        onRefused: () => resolve(),
        onFailed: () => resolve(),
      });
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const early = this.#begunAt + gatherMs - performance.now();
      // After silence nothing waits. Close upon another group, the next one gathers a little: a commit costs more than its rows.
      if (early > 0 && this.waitingRows < gatherRowsMax) await pause(Math.ceil(early));
      this.#begunAt = performance.now();
      await this.#commit(this.#takeGroup());
    }
    this.#running = false;
  }

  #takeGroup(): PendingFrame[] {
    let [count, rows, bytes] = [0, 0, 0];
    while (count < this.#queue.length) {
      const next = this.#queue[count] as PendingFrame;
      const nextRows = next.rows + frameRowsMin;
      if (count > 0 && (rows + nextRows > groupRowsMax || bytes + next.bytes > groupBytesMax)) break;
      rows += nextRows;
      bytes += next.bytes;
      count++;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.waitingRows -= rows;
    this.waitingBytes -= bytes;
    return group;
  }

  async #commit(group: readonly PendingFrame[]): Promise<void> {
    const live: PendingFrame[] = [];
    for (const frame of group) {
      if (frame.stream.failed) frame.onFailed(new PlatformError("unavailable", "an earlier frame of this stream was not stored"));
      else live.push(frame);
    }
    if (live.length === 0) return;
    try {
      await this.#store(live);
    } catch (error) {
      if (!(error instanceof UnstorableOps)) return fail(live, error);
      if (live.length === 1) return live[0]?.onRefused(error);
      // Something in the group is refused for what it is: each alone, so that the others do not suffer.
      for (const frame of live) await this.#commit([frame]);
      return;
    }
    for (const frame of live) frame.onCommitted();
  }

  async #store(frames: readonly PendingFrame[]): Promise<void> {
    const ops = frames.length === 1 && frames[0] !== undefined ? frames[0].ops : frames.flatMap((frame) => frame.ops);
    const begun = performance.now();
    if (ops.length > 0) await this.#writer.apply(ops);
    this.#onGroup((performance.now() - begun) / 1_000);
    this.committedOps += ops.length;
    this.committedFrames += frames.length;
    this.committedGroups++;
  }
}

function fail(frames: readonly PendingFrame[], error: unknown): void {
  for (const frame of frames) {
    frame.stream.failed = true;
    frame.onFailed(error);
  }
}
