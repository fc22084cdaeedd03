// Hot: the records of one message in the log: the message ends when the last of them has ended.
import { Appended, type AppendListener } from "../uplink-stream.ts";

/**
 * Tells the message once. All stored: stored, with the last offset. Else what is worse: one that failed lets the device say it all again, and
 * the ids of a message that is said again keep the log from storing twice what it has, where the device or the product chose ids.
 */
export class BatchAppend implements AppendListener {
  readonly #message: AppendListener;
  #left: number;
  #outcome: Appended;
  #lastOffset: number;
  #reason: string | undefined;

  constructor(message: AppendListener, records: number) {
    this.#message = message;
    this.#left = records;
    this.#outcome = Appended.Stored;
    this.#lastOffset = -1;
    this.#reason = undefined;
  }

  onAppended(outcome: Appended, lastOffset: number, reason?: string): void {
    this.#left--;
    if (outcome === Appended.Failed || (outcome === Appended.Refused && this.#outcome === Appended.Stored)) this.#outcome = outcome;
    if (outcome === Appended.Refused) this.#reason = reason;
    if (lastOffset > this.#lastOffset) this.#lastOffset = lastOffset;
    if (this.#left > 0) return;
    if (this.#outcome === Appended.Stored) this.#message.onAppended(Appended.Stored, this.#lastOffset);
    else this.#message.onAppended(this.#outcome, -1, this.#reason);
  }
}
