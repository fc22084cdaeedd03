// Hot: one coarse wheel for all the deadlines of a process, so that a hundred thousand connections do not mean as many timers.
//
//   cursor ──┐            each slot: a ring of entries, linked in place
//            v
//   [ 0 ][ 1 ][ 2 ] ... [ slots-1 ]      one slot per tick; an entry further away than a round waits `rounds` more
//
// `schedule` and `cancel` touch three entries and allocate nothing. An entry is late by less than one tick and never early.
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
  #cursor = 0;

  constructor(options: TimerWheelOptions = {}) {
    const slots = options.slots ?? 256;
    if (slots < 2 || (slots & (slots - 1)) !== 0) throw new RangeError(`a wheel has a power of two slots, not ${slots}`);
    this.tickMs = options.tickMs ?? 1_000;
    this.#mask = slots - 1;
    for (let i = 0; i < slots; i++) this.#slots.push(new SlotHead());
  }

  /** Sets the entry's deadline to at least `delayMs` from now, in place of the one it had. */
  schedule(entry: WheelEntry, delayMs: number): void {
    this.cancel(entry);
    // One tick more than the quotient: the current tick has partly gone by.
    const ticks = Math.max(1, Math.ceil(delayMs / this.tickMs)) + 1;
    entry.rounds = Math.floor((ticks - 1) / this.#slots.length);
    this.#link(entry, this.#slots[(this.#cursor + ticks) & this.#mask] as SlotHead);
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

  /** One tick: calls every entry whose time is up. `start` does it; a test may. */
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

  /** Ticks with the process's own clock until stopped; does not keep the process alive. */
  start(): Running {
    const timer = setInterval(() => this.advance(), this.tickMs);
    timer.unref();
    return {
      stop() {
        clearInterval(timer);
        return Promise.resolve();
      },
    };
  }
}
