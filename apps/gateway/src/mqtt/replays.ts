// Hot: retained messages that one client still has to be sent, filter by filter.
import type { Session } from "../broker/session.ts";
import type { Replay, RetainedOutput } from "./replay.ts";

export class Replays {
  readonly #session: Session;
  readonly #out: RetainedOutput;
  #open: Replay[] = [];

  constructor(session: Session, out: RetainedOutput) {
    this.#session = session;
    this.#out = out;
  }

  /** In place of one that is under way to the same filter: a client that subscribes again and again does not gather them. */
  begin(replay: Replay): void {
    if (replay.pump(this.#session, this.#out)) return;
    const others = this.#open.filter((one) => one.filter !== replay.filter);
    this.#open = [...others, replay];
  }

  /** The connection is gone, and the session goes on without it. */
  leave(): void {
    for (const replay of this.#open) replay.leave(this.#session);
    this.#open = [];
  }

  /** There was no room for a new message that is retained. */
  onMissed(): void {
    for (const replay of this.#open) replay.hasMissed = true;
  }

  /** Sends what may be sent now. */
  pump(): void {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      if (!first.pump(this.#session, this.#out)) return;
      this.#open.shift();
    }
  }
}
