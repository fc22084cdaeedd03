import { PlatformError } from "@mooring/contracts";
import { pause } from "@mooring/kit";

/** One gateway asks once at a time, so this is far more than there are gateways. */
const waitersMax = 10_000;
/** How often the stored cursor is looked at while somebody waits: another process may be the one that follows the log. */
const lookMs = 50;

interface Waiter {
  readonly offset: number;
  readonly done: () => void;
}

/** How far the log was applied, as far as this process knows, and who waits for it to get further. */
export class Applied {
  readonly #cursor: () => Promise<number>;
  #offset = 0;
  #waiters = new Set<Waiter>();
  #wake = new AbortController();
  #looking = false;

  /** `cursor` reads how far that is from where it is stored. */
  constructor(cursor: () => Promise<number>) {
    this.#cursor = cursor;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The log is applied up to here, committed. */
  advance(offset: number): void {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    for (const waiter of this.#waiters) if (waiter.offset <= offset) waiter.done();
  }

  /** Resolves when the log is applied up to `offset`, or after `timeoutMs`; with how far it is applied. */
  async wait(offset: number, timeoutMs: number): Promise<number> {
    if (offset <= this.#offset) return this.#offset;
    if (this.#waiters.size >= waitersMax)
      throw new PlatformError("unavailable", "too many wait for reports to be applied; try again later");
    const reached = new AbortController();
    const waiter: Waiter = { offset, done: () => reached.abort() };
    this.#waiters.add(waiter);
    this.#wake.abort();
    void this.#look();
    await pause(timeoutMs, reached.signal);
    this.#waiters.delete(waiter);
    return this.#offset;
  }

  /** A pause of whoever follows the log, so that more comes together; there is none while somebody waits. */
  async gather(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#waiters.size > 0) return;
    this.#wake = new AbortController();
    await pause(ms, AbortSignal.any([signal, this.#wake.signal]));
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#waiters.size > 0) {
      try {
        this.advance(await this.#cursor());
      } catch {
        // Whoever waits is told how far it is known to be; the follower reports that the database is out of reach.
      }
      if (this.#waiters.size > 0) await pause(lookMs);
    }
    this.#looking = false;
  }
}
