// Sessions that have ended, until that is on disk. A crash before would bring them back, so that no client may be told that it has none [MQTT-3.2.2-2].
import type { SessionOp } from "@mooring/contracts";
import type { CommitListener, SessionStore } from "./ports.ts";

export class Endings {
  readonly #store: SessionStore;
  /** By the sessions' keys; the last one of each speaks for all. */
  readonly #open = new Map<string, Ending>();

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Writes down, with this change, that a session under the key is no more. */
  write(key: string, op: SessionOp): void {
    const ending = new Ending(this.#store, op, () => {
      if (this.#open.get(key) === ending) this.#open.delete(key);
    });
    this.#open.set(key, ending);
    this.#store.write(op, ending);
  }

  /** Resolves when the end of the sessions that were under the key is on disk; undefined when it is. */
  of(key: string): Promise<void> | undefined {
    return this.#open.get(key)?.settled();
  }
}

class Ending implements CommitListener {
  readonly #store: SessionStore;
  readonly #op: SessionOp;
  readonly #onSettled: () => void;
  readonly #waiting: (() => void)[] = [];

  constructor(store: SessionStore, op: SessionOp, onSettled: () => void) {
    this.#store = store;
    this.#op = op;
    this.#onSettled = onSettled;
  }

  settled(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  onCommitted(isCommitted: boolean): void {
    // What was refused was something else in the frame.
    if (!isCommitted) return this.#store.write(this.#op, this);
    this.#onSettled();
    for (const resolve of this.#waiting) resolve();
  }
}
