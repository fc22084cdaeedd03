// Hot: what a group has read and its cursor has not passed, in the order of the log.
//
//   cursor │ done, waiting or under way          │ fresh: never looked at to be sent │ position
//          ^ #head                               ^ #fresh                            ^ end
import { type Entry, entryState } from "./entry.ts";

/** Passed entries are cut off the array when there are so many: now and then one copy, rather than a shift for each. */
const passedMax = 1_024;

export class Window {
  #entries: Entry[] = [];
  #head = 0;
  #fresh = 0;
  bytes = 0;

  /** From the cursor on, done ones included. */
  get size(): number {
    return this.#entries.length - this.#head;
  }

  get freshSize(): number {
    return this.#entries.length - this.#fresh;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.bytes += entry.bytes;
  }

  fresh(): Entry | undefined {
    return this.#entries[this.#fresh];
  }

  passFresh(): void {
    this.#fresh++;
  }

  /** The oldest that is not done. */
  oldest(): Entry | undefined {
    return this.#entries[this.#head];
  }

  /** Lets the cursor pass what is done. */
  trim(): void {
    const entries = this.#entries;
    let head = this.#head;
    while (head < entries.length && (entries[head] as Entry).state === entryState.done) {
      this.bytes -= (entries[head] as Entry).bytes;
      head++;
    }
    this.#head = head;
    // What was passed over before it was looked at.
    if (this.#fresh < head) this.#fresh = head;
    if (head < passedMax || head * 2 < entries.length) return;
    this.#entries = entries.slice(head);
    this.#fresh -= head;
    this.#head = 0;
  }

  /** The cursor as it would be if these were done as well. `position` is where reading is. */
  cursor(position: number, beside?: ReadonlySet<Entry>): number {
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry;
      if (entry.state !== entryState.done && beside?.has(entry) !== true) return entry.offset - 1;
    }
    return position;
  }

  find(offset: number): Entry | undefined {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as Entry).offset < offset) low = middle + 1;
      else high = middle;
    }
    const found = this.#entries[low];
    return found?.offset === offset ? found : undefined;
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let i = this.#head; i < this.#entries.length; i++) yield this.#entries[i] as Entry;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#fresh = 0;
    this.bytes = 0;
  }
}
