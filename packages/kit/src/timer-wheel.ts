// Hot: one coarse wheel for all the deadlines of a process, so that a hundred thousand connections do not mean as many timers.
//
//   cursor ──┐            each slot: a ring of entries, linked in place
//            v
//   [ 0 ][ 1 ][ 2 ] ... [ slots-1 ]      one slot per tick; an entry further away than a round waits `rounds` more
//
// `schedule` and `cancel` touch three entries and allocate nothing. An entry is late by less than one tick, and what the process itself is late by, and
// never early. While a process does not run its wheel stands still, but for one tick: who could not be heard meanwhile was not silent.
import type { Running } from "./lifecycle.ts";

/** Something with one deadline. Extend it, or hold one. An idle entry costs four fields. */
export abstract class WheelEntry {
  /** The wheel's own: neighbours in the slot's ring; null while not scheduled. */
  next: WheelEntry | null = null;
  previous: WheelEntry | null = null;
  rounds = 0;

  /** Called once per `schedule`, when the time is up. May schedule itself again. Must not throw. */
  abstract onDeadline(): void;
}

class SlotHead extends WheelEntry {
  constructor() {
    super();
    this.next = this;
    this.previous = this;
  }

  override onDeadline(): void {
    throw new Error("a slot's head has no deadline");
  }
}

export interface TimerWheelOptions {
  /** 1,000 unless said otherwise. */
  readonly tickMs?: number;
  /** Monotonic time in milliseconds; that of the process unless said otherwise. */
  readonly now?: () => number;
  /** A power of two; 256 unless said otherwise. */
  readonly slots?: number;
}

export class TimerWheel {
  readonly tickMs: number;
  /** Coarse monotonic time: milliseconds ticked since the wheel was made. A plain field, to be read per packet. */
  nowMs = 0;
  readonly #mask: number;
  readonly #slots: SlotHead[] = [];
  readonly #due = new SlotHead();
  readonly #now: () => number;
  #cursor = 0;
  /** When the last tick was due, on the clock; undefined while only `advance` moves the wheel. */
  #tickedAt: number | undefined = undefined;

  constructor(options: TimerWheelOptions = {}) {
    const slots = options.slots ?? 256;
    if (slots < 2 || (slots & (slots - 1)) !== 0) throw new RangeError(`a wheel has a power of two slots, not ${slots}`);
    this.tickMs = options.tickMs ?? 1_000;
    this.#now = options.now ?? (() => performance.now());
    this.#mask = slots - 1;
    for (let i = 0; i < slots; i++) this.#slots.push(new SlotHead());
  }

  /** Sets the entry's deadline to at least `delayMs` from now, in place of the one it had. */
  schedule(entry: WheelEntry, delayMs: number): void {
    this.#put(entry, (this.#sinceTickMs() + delayMs) / this.tickMs);
  }

  /** The same on the wheel's own clock: due with the tick that takes `nowMs` there. */
  scheduleAt(entry: WheelEntry, atMs: number): void {
    this.#put(entry, (atMs - this.nowMs) / this.tickMs);
  }

  #put(entry: WheelEntry, quotient: number): void {
    this.cancel(entry);
    const ticks = Math.max(1, Math.ceil(quotient));
    entry.rounds = Math.floor((ticks - 1) / this.#slots.length);
    this.#link(entry, this.#slots[(this.#cursor + ticks) & this.#mask] as SlotHead);
  }

  /** How much of the current tick has gone by. */
  #sinceTickMs(): number {
    if (this.#tickedAt === undefined) return 0;
    const sinceMs = this.#now() - this.#tickedAt;
    // The next tick will not be made up for: see `turn`.
    return sinceMs < 2 * this.tickMs ? sinceMs : this.tickMs;
  }

  #link(entry: WheelEntry, head: SlotHead): void {
    const last = head.previous as WheelEntry;
    entry.previous = last;
    entry.next = head;
    last.next = entry;
    head.previous = entry;
  }

  /** Takes the deadline away; harmless when there is none. */
  cancel(entry: WheelEntry): void {
    if (entry.next === null || entry.previous === null) return;
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
  }

  /** One tick: calls every entry whose time is up. `turn` does it; a test may. */
  advance(): void {
    this.#cursor = (this.#cursor + 1) & this.#mask;
    this.nowMs += this.tickMs;
    const head = this.#slots[this.#cursor] as SlotHead;
    // The ring moves to `due` first: a deadline may schedule and cancel anything, its neighbours in the slot included.
    const due = this.#due;
    if (head.next === head) return;
    due.next = head.next;
    due.previous = head.previous;
    (due.next as WheelEntry).previous = due;
    (due.previous as WheelEntry).next = due;
    head.next = head;
    head.previous = head;
    for (let entry = due.next as WheelEntry; entry !== due; entry = due.next as WheelEntry) {
      this.cancel(entry);
      if (entry.rounds === 0) entry.onDeadline();
      else {
        entry.rounds--;
        this.#link(entry, head);
      }
    }
  }

  /** Ticks if it is time to; the first call begins. Returns in how many milliseconds it is to be called again. */
  turn(): number {
    const now = this.#now();
    this.#tickedAt ??= now;
    const dueAt = this.#tickedAt + this.tickMs;
    if (now >= dueAt) {
      this.#tickedAt = now - dueAt < this.tickMs ? dueAt : now;
      this.advance();
    }
    return Math.max(1, Math.ceil(this.#tickedAt + this.tickMs - this.#now()));
  }

  /** Ticks with the process's own clock until stopped; does not keep the process alive. */
  start(): Running {
    let timer: NodeJS.Timeout;
    const turn = (): void => {
      timer = setTimeout(turn, this.turn()).unref();
    };
    turn();
    return {
      stop() {
        clearTimeout(timer);
        return Promise.resolve();
      },
    };
  }
}
