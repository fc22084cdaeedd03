// Hot: retained messages that one client still has to be sent, filter by filter.
import type { Message } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import type { Replay } from "./replay.ts";

export class Replays {
  readonly #session: Session;
  readonly #sendQos0: (message: Message, ids: readonly number[] | null) => void;
  #open: Replay[] = [];

  constructor(session: Session, sendQos0: (message: Message, ids: readonly number[] | null) => void) {
    this.#session = session;
    this.#sendQos0 = sendQos0;
  }

  /** In place of one that is under way to the same filter: a client that subscribes again and again does not gather them. */
  begin(replay: Replay): void {
    if (replay.pump(this.#session, this.#sendQos0)) return;
    const others = this.#open.filter((one) => one.filter !== replay.filter);
    this.#open = [...others, replay];
  }

  /** Sends what may be sent now. */
  pump(): void {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      if (!first.pump(this.#session, this.#sendQos0)) return;
      this.#open.shift();
    }
  }
}
