// Hot: changes of a session, written down before they are answered.
import type { SessionOp } from "@mooring/contracts";
import { ReasonCode } from "@mooring/mqtt";
import type { CommitListener } from "../broker/ports.ts";
import type { Session } from "../broker/session.ts";

/** The channel that answers. */
export interface Answering {
  readonly isOpen: boolean;
  endSession(reasonCode: number, word: string): void;
  fail(error: unknown): void;
}

class Answer implements CommitListener {
  readonly #channel: Answering;
  readonly #answer: () => void;

  constructor(channel: Answering, answer: () => void) {
    this.#channel = channel;
    this.#answer = answer;
  }

  onCommitted(isCommitted: boolean): void {
    if (!this.#channel.isOpen) return;
    try {
      if (isCommitted) this.#answer();
      else this.#channel.endSession(ReasonCode.ServerUnavailable, "unavailable");
    } catch (error) {
      this.#channel.fail(error);
    }
  }
}

/** Answers once what is to be kept of the session is on disk; at once when that is nothing. */
export function answerOnceKept({ isDurable, space }: Session, ops: readonly SessionOp[], channel: Answering, answer: () => void): void {
  if (!isDurable || ops.length === 0) return answer();
  // They are committed in this order, so the last one speaks for all.
  for (let i = 0; i < ops.length; i++) space.store.write(ops[i] as SessionOp, i === ops.length - 1 ? new Answer(channel, answer) : null);
}
