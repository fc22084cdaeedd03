// Hot: of a session that is kept: what is known of its queue while it is away. The messages are in the store, and only there.
import type { Message } from "./message.ts";
import type { Session } from "./session.ts";

/** Dropped at once from the front of a queue that is full, of what it may hold: each time costs a question to the store. */
const trimShare = 0.01;
/** How often a full queue is counted again, in milliseconds: it is read whole for that. */
const recountMs = 60_000;

export class AwayQueue {
  messages = 0;
  bytes = 0;
  /** Some of what waits may have expired: the figures may be too high. */
  mayHaveExpired = false;
  readonly #session: Session;
  #isTrimming = false;
  #countedAtMs = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get #isOver(): boolean {
    return isOver(this.#session, this.messages, this.bytes);
  }

  /** One more waits. The oldest make room when there is none. */
  add(message: Message): void {
    this.messages++;
    this.bytes += message.bytes;
    if (message.expiresAtMs !== 0) this.mayHaveExpired = true;
    if (this.#isOver) this.#trim();
  }

  /** The store did not take one. */
  forgetOne(): void {
    if (this.messages > 0) this.messages--;
  }

  set(messages: number, bytes: number): void {
    this.messages = messages;
    this.bytes = bytes;
  }

  #trim(): void {
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    // The message that is one too many is written down first, in one frame with what belongs together with it: to ask the store ends the frame.
    queueMicrotask(() => {
      const now = this.#session.space.clock.now();
      if (!this.mayHaveExpired || now - this.#countedAtMs < recountMs) return this.#dropOldest();
      this.#countedAtMs = now;
      this.#recount();
    });
  }

  #dropOldest(): void {
    const session = this.#session;
    const { space } = session;
    const { queuedMessagesMax } = space.limits;
    const over = Math.max(1, Math.floor(queuedMessagesMax * trimShare), this.messages - queuedMessagesMax);
    // The newest stays, as large as it may be.
    const count = Math.min(over, this.messages - 1);
    if (count <= 0) {
      this.#isTrimming = false;
      return;
    }
    space.queues.dropOldest(session, count, (dropped, bytes) => {
      this.#isTrimming = false;
      if (session.channel !== null) return;
      this.set(Math.max(0, this.messages - dropped), Math.max(0, this.bytes - bytes));
      if (dropped > 0 && this.#isOver) this.#trim();
    });
  }

  /** What has expired takes no room: the store leaves it out. */
  #recount(): void {
    const session = this.#session;
    const before = { messages: this.messages, bytes: this.bytes };
    session.space.queues.count(session, (counted) => {
      this.#isTrimming = false;
      if (session.channel !== null) return;
      const now = counted ?? before;
      // What came since is not in the count.
      this.set(now.messages + Math.max(0, this.messages - before.messages), now.bytes + Math.max(0, this.bytes - before.bytes));
      if (this.#isOver) this.#trim();
    });
  }
}

/** Whether a queue of the session may not hold as much. */
export function isOver({ space }: Session, messages: number, bytes: number): boolean {
  const { queuedMessagesMax, queuedBytesMax } = space.limits;
  return messages > queuedMessagesMax || bytes > queuedBytesMax;
}
