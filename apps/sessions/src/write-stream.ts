// Hot path (style: Hot): one gateway's stream of frames.
//
//   frames --check--> [ in flight, in order ] --add--> GroupCommit
//                          |                              |
//   acknowledgements <-----+------- settled, from the head on
//
// A refused frame stands in the same line as the others, so that its acknowledgement does not overtake those before it.
import {
  checkSessionFrame,
  type SessionAck,
  type SessionFrame,
  type SessionLimits,
  type SessionOpError,
  tooManySubscriptions,
} from "@mooring/contracts";
import type { GroupCommit, PendingFrame, StreamToken } from "./group-commit.ts";
import { CrowdedSession, type UnstorableOps } from "./ports.ts";

/** Frames of one stream that may be under way at once; beyond it the stream is not read, which is how a slow Postgres slows the gateways. */
const framesInFlightMax = 64;

/**
 * Ends with the stream of frames; throws when a frame could not be stored now, since nothing after it may be stored before it. Left, it lets nothing
 * of it be stored any more but what is being stored: it does not wait for its turn to hear of that, as a generator would.
 */
export function writeStream(
  commits: GroupCommit,
  limits: SessionLimits,
  frames: AsyncIterable<SessionFrame>,
): AsyncIterableIterator<SessionAck> {
  const line = new FrameLine(commits, limits);
  const acks = acknowledge(line, frames[Symbol.asyncIterator]());
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => acks.next(),
    return: () => {
      line.leave();
      return acks.return(undefined);
    },
  };
}

async function* acknowledge(line: FrameLine, frames: AsyncIterator<SessionFrame>): AsyncGenerator<SessionAck> {
  const reading = line.read(frames);
  // Its failure is met below, in its turn.
  reading.catch(() => undefined);
  try {
    while (await line.settled()) yield* line.takeSettled();
    if (!line.isLeft) await reading;
  } finally {
    line.leave();
    void frames.return?.()?.catch(() => undefined);
  }
}

class FrameLine {
  readonly #commits: GroupCommit;
  readonly #limits: SessionLimits;
  readonly #stream: StreamToken = { failed: false };
  #line: LineFrame[] = [];
  #isEnded = false;
  isLeft = false;
  #wakeWriter: (() => void) | undefined = undefined;
  #wakeReader: (() => void) | undefined = undefined;

  constructor(commits: GroupCommit, limits: SessionLimits) {
    this.#commits = commits;
    this.#limits = limits;
  }

  /** Takes frames until there are none, or the stream is left. */
  async read(frames: AsyncIterator<SessionFrame>): Promise<void> {
    try {
      while (!this.#stream.failed) {
        if (this.#line.length >= framesInFlightMax) await new Promise<void>((resolve) => (this.#wakeReader = resolve));
        const next = await frames.next();
        if (next.done === true || this.#stream.failed) return;
        this.#take(next.value);
      }
    } finally {
      this.#isEnded = true;
      this.#onSettled();
    }
  }

  #take(frame: SessionFrame): void {
    const { error, rows, bytes } = checkSessionFrame(frame, this.#limits);
    const pending = new LineFrame(frame, this.#stream, { rows, bytes, limits: this.#limits, onSettled: this.#onSettled });
    this.#line.push(pending);
    if (error === undefined) this.#commits.add(pending);
    else pending.settle(error);
  }

  /** False when everything was settled and taken, and nothing more comes; or when the stream was left. */
  async settled(): Promise<boolean> {
    while (!this.isLeft && this.#line[0]?.isSettled !== true) {
      if (this.#isEnded && this.#line.length === 0) return false;
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    return !this.isLeft;
  }

  /** Of what is settled at the head: a word for each refused frame, and one for the last of others in a row. */
  *takeSettled(): Generator<SessionAck> {
    let count = 0;
    let last: LineFrame | undefined;
    try {
      for (; this.#line[count]?.isSettled === true; count++) {
        const frame = this.#line[count] as LineFrame;
        if (frame.failure !== undefined) {
          if (last !== undefined) yield { sequence: last.sequence };
          throw frame.failure;
        }
        if (frame.error !== undefined) {
          if (last !== undefined) yield { sequence: last.sequence };
          yield { sequence: frame.sequence, error: frame.error };
        }
        last = frame.error === undefined ? frame : undefined;
      }
    } finally {
      this.#line = this.#line.slice(count);
      this.#wakeReader?.();
      this.#wakeReader = undefined;
    }
    if (last !== undefined) yield { sequence: last.sequence };
  }

  /** What waits is not stored any more: who sent it is gone, or will send it again. */
  leave(): void {
    this.isLeft = true;
    this.#stream.failed = true;
    this.#wakeReader?.();
    this.#onSettled();
  }

  readonly #onSettled = (): void => {
    this.#wakeWriter?.();
    this.#wakeWriter = undefined;
  };
}

interface LineFrameOptions {
  readonly rows: number;
  readonly bytes: number;
  readonly limits: SessionLimits;
  readonly onSettled: () => void;
}

class LineFrame implements PendingFrame {
  readonly sequence: number;
  readonly ops: SessionFrame["ops"];
  readonly stream: StreamToken;
  readonly rows: number;
  readonly bytes: number;
  readonly #limits: SessionLimits;
  readonly #onSettled: () => void;
  isSettled = false;
  error: SessionOpError | undefined = undefined;
  failure: unknown = undefined;

  constructor({ sequence, ops }: SessionFrame, stream: StreamToken, { rows, bytes, limits, onSettled }: LineFrameOptions) {
    this.sequence = sequence;
    this.ops = ops;
    this.stream = stream;
    this.rows = rows;
    this.bytes = bytes;
    this.#limits = limits;
    this.#onSettled = onSettled;
  }

  settle(error: SessionOpError | undefined): void {
    this.error = error;
    this.isSettled = true;
    this.#onSettled();
  }

  onCommitted(): void {
    this.settle(undefined);
  }

  onRefused(error: UnstorableOps): void {
    if (error instanceof CrowdedSession) this.settle(tooManySubscriptions(this.ops, error.sessionId, this.#limits));
    else this.settle({ code: "invalidArgument", message: error.message });
  }

  onFailed(error: unknown): void {
    this.failure = error;
    this.isSettled = true;
    this.#onSettled();
  }
}
