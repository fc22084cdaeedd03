// What the store may hold: it is always as it was after one of the last events, and never older than what was acknowledged.
import { type Book, wordsOfBook } from "./model-book.test-support.ts";

interface State {
  /** The first and the last event after which it was so. */
  readonly first: number;
  last: number;
  readonly kept: ReturnType<Book["copy"]>;
  readonly words: string;
}

/** From which events on it may be, and what is kept then. */
export type Found = Pick<State, "first" | "last" | "kept">;

export class Past {
  #states: State[] = [];
  /** The last event that was acknowledged as committed. */
  #floor = 0;
  #heldSince: number | undefined;

  get isHeld(): boolean {
    return this.#heldSince !== undefined;
  }

  hold(event: number): void {
    this.#heldSince ??= event;
  }

  release(): void {
    this.#heldSince = undefined;
  }

  /** What came after the store was held up cannot be committed. */
  isCommittable(event: number): boolean {
    return this.#heldSince === undefined || event <= this.#heldSince;
  }

  onAcknowledged(event: number): void {
    this.#floor = Math.max(this.#floor, event);
  }

  onAllCommitted(event: number): void {
    this.#states = this.#states.slice(-1);
    this.#floor = event;
  }

  remember(book: Book, event: number): void {
    const kept = book.copy();
    const words = wordsOfBook(kept, Number.NEGATIVE_INFINITY);
    const last = this.#states.at(-1);
    if (last !== undefined && last.words === words) last.last = event;
    else this.#states.push({ first: event, last: event, kept, words });
  }

  /** The states that the store's words fit; in words what there is to choose from when they fit none. */
  find(words: string, nowMs: number): Found | string {
    const found = this.#states.filter((state) => state.last >= this.#floor && wordsOfBook(state.kept, nowMs) === words);
    const [first, last] = [found[0], found.at(-1)];
    if (first !== undefined && last !== undefined) return { first: Math.max(this.#floor, first.first), last: last.last, kept: last.kept };
    return this.#states
      .map((state) => `${state.last >= this.#floor ? "possible" : "too old"}:\n${wordsOfBook(state.kept, nowMs)}`)
      .join("\n");
  }

  /** The process begins again with what the store holds. */
  beginAgain(book: Book, event: number): void {
    this.#states = [];
    this.#floor = 0;
    this.remember(book, event);
  }
}
