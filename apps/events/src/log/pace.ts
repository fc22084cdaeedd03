// Hot: asked once per group. How long the next group of records waits, so that what follows the log can follow it.
//
//   behind: from the slowest consumer that moves to the end of the log
//
//   wait  waitMsMax ┤          ┌────────
//                   │        ╱
//                 0 ┼──────╱─┬─────────▶ behind
//                     behindMax  2 x behindMax
//
// The wait takes nothing from what is under way, so a group that waits becomes fuller: the log takes in less, and the consumers get the machine,
// until both are equally fast. It never stops: what devices say does not depend on whether anybody follows.
import { type Clock, systemClock } from "@mooring/kit";
import { platformConsumers } from "./retention.ts";

/** With full groups some 8,000 records a second still go in; a device waits for its acknowledgement so much longer at most. */
const waitMsMax = 200;
/** One that has not moved for so long is down, frozen or in trouble, and not waited for. More than the time between two looks. */
const movingMs = 5_000;

interface Consumer {
  offset: number;
  movedAtMs: number;
  /** What it is measured by when this process did not hear it from itself. */
  end: number | undefined;
}

export class Pace {
  readonly #behindMax: number;
  readonly #clock: Clock;
  readonly #consumers = new Map<string, Consumer>();
  #end = 0;
  #endAtLook = 0;

  /** `behindMax`: records that a consumer may be behind before the log takes in more slowly; 0 for as many as it likes. */
  constructor(behindMax: number, clock: Clock = systemClock) {
    this.#behindMax = behindMax;
    this.#clock = clock;
  }

  /** The log reaches to `offset`. Offsets that were left out count as records until a consumer has passed them, which takes it no time. */
  onEnd(offset: number): void {
    if (offset > this.#end) this.#end = offset;
  }

  /** A consumer says itself that it has done everything up to `offset`. Names other than those of the platform's own consumers are passed over. */
  onDone(name: string, offset: number): void {
    this.#move(name, offset, undefined);
  }

  /**
   * What all processes together have written down, from time to time. Of a consumer that is followed elsewhere this is the only news, and about a
   * second old; so it is measured by where the log ended at the look before, or one that keeps up would seem to be behind.
   */
  onLook(end: number, consumers: readonly { readonly name: string; readonly offset: number }[]): void {
    for (const { name, offset } of consumers) this.#move(name, offset, this.#endAtLook);
    this.#endAtLook = end;
    this.onEnd(end);
  }

  /** Forwards only: what was written down is behind what was said here. */
  #move(name: string, offset: number, end: number | undefined): void {
    const consumer = this.#consumers.get(name);
    if (consumer === undefined) {
      // Where it was found is no sign yet that it moves.
      if (platformConsumers.includes(name)) this.#consumers.set(name, { offset, movedAtMs: Number.NEGATIVE_INFINITY, end });
    } else if (offset > consumer.offset) {
      consumer.offset = offset;
      consumer.movedAtMs = this.#clock.now();
      consumer.end = end;
    }
  }

  /** Records between the slowest consumer that moves and the end. */
  get behind(): number {
    const sinceMs = this.#clock.now() - movingMs;
    let behind = 0;
    for (const { offset, movedAtMs, end = this.#end } of this.#consumers.values()) {
      if (movedAtMs > sinceMs && end - offset > behind) behind = end - offset;
    }
    return behind;
  }

  get waitMs(): number {
    const over = this.#behindMax === 0 ? 0 : this.behind - this.#behindMax;
    return over <= 0 ? 0 : Math.min(waitMsMax, Math.ceil((waitMsMax * over) / this.#behindMax));
  }
}
