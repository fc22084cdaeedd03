// Hot: how records end: acknowledged, or in vain so often that they are to be dead letters.
import { type Entry, entryState } from "./entry.ts";
import type { GroupSettings } from "./group-settings.ts";
import { type Lanes, recall } from "./lanes.ts";

export class Endings {
  readonly #settings: GroupSettings;
  readonly #lanes: Lanes;
  /** Delivered in vain, with the reason; the keeper buries them. */
  readonly dying = new Map<Entry, string>();
  /** Above the cursor and with failed deliveries, or known from an owner before. */
  readonly failed = new Set<Entry>();
  /** Dead letters that are delivered once more, by offset. */
  readonly replays = new Map<number, Entry>();
  /** Replays that have ended, by offset: undefined when acknowledged, else why not. */
  readonly replayed = new Map<number, string | undefined>();
  /** Something was done since the keeper last looked. */
  moved = false;

  constructor(settings: GroupSettings, lanes: Lanes) {
    this.#settings = settings;
    this.#lanes = lanes;
  }

  isSpent(entry: Entry): boolean {
    return entry.failures + entry.deaths >= this.#settings.deliveriesMax;
  }

  acknowledge(entry: Entry): void {
    if (entry.replay) this.#endReplay(entry, undefined);
    else this.finish(entry);
  }

  /** It is given up. Its device goes on; the cursor waits until the record is among the dead letters. */
  giveUp(entry: Entry, reason: string): void {
    if (entry.replay) return this.#endReplay(entry, reason);
    this.finish(entry);
    entry.state = entryState.dying;
    this.failed.add(entry);
    this.dying.set(entry, reason);
  }

  finish(entry: Entry): void {
    recall(entry);
    entry.state = entryState.done;
    this.failed.delete(entry);
    this.moved = true;
    this.#lanes.unlink(entry);
  }

  /** These are among the dead letters now. Returns how many. */
  buried(entries: Iterable<Entry>): number {
    let count = 0;
    for (const entry of entries) {
      if (!this.dying.delete(entry)) continue;
      entry.state = entryState.done;
      this.failed.delete(entry);
      count++;
    }
    return count;
  }

  clear(): void {
    this.dying.clear();
    this.failed.clear();
    this.replays.clear();
    this.moved = true;
  }

  #endReplay(entry: Entry, reason: string | undefined): void {
    this.finish(entry);
    this.replayed.set(entry.offset, reason);
  }
}
