// Hot: what many connections have to say within one turn of the event loop leaves at its end, in one system call per socket.

import { WriteBuffers } from "./write-buffers.ts";

/** A connection with something queued. */
export interface Flushable {
  flush(): void;
}

export class WriteGatherer {
  /** For what is gathered. */
  readonly buffers = new WriteBuffers();
  #queued: Flushable[] = [];
  #spare: Flushable[] = [];
  #isScheduled = false;

  /** Has `flush` called at the end of this turn. Called once per flushable and turn. */
  add(flushable: Flushable): void {
    this.#queued.push(flushable);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    const queued = this.#queued;
    this.#queued = this.#spare;
    this.#isScheduled = false;
    for (let i = 0; i < queued.length; i++) (queued[i] as Flushable).flush();
    queued.length = 0;
    this.#spare = queued;
  };
}
