// Hot: who has to wait before trying again. Asked for every sign-on, written to for the failed ones only.
//
//   HoldOff   somebody in particular: the first failures are free, then each one doubles the wait. A success forgets them.
//   Buckets   everybody behind an address together: so many failures at once, and so many a second.
//
// Both are tables with a bound; at the bound the entry that was touched longest ago goes.
//
// Who is held off is somebody (`who`) at an address (`from`): by itself a name would let strangers keep its owner out. What is forgotten is forgotten at all
// addresses, and a failure of an attempt that had begun before that is not counted: its verdict may be of before the change.

export interface HoldOffOptions {
  /** Failures without a wait. */
  readonly free: number;
  readonly firstMs: number;
  readonly maxMs: number;
  /** Without a failure for so long, all is forgotten. */
  readonly forgetMs: number;
  readonly entriesMax: number;
}

interface Held {
  readonly who: string;
  failures: number;
  untilMs: number;
}

/** Of whom it is remembered when they were forgotten: an attempt takes milliseconds, a change of the whole feed as many. */
const forgottenMax = 1_000;

export class HoldOff {
  readonly #options: HoldOffOptions;
  readonly #entries = new Map<string, Held>();
  /** The keys of somebody's entries. */
  readonly #ofWhom = new Map<string, Set<string>>();
  readonly #forgottenAtMs = new Map<string, number>();

  constructor(options: HoldOffOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many have to wait. Looks at all entries. */
  countHeld(nowMs: number): number {
    let count = 0;
    for (const { untilMs } of this.#entries.values()) if (nowMs < untilMs) count++;
    return count;
  }

  /** When the wait is over; 0 when there is none. */
  heldUntilMs(who: string, from: string, nowMs: number): number {
    const untilMs = this.#entries.get(keyOf(who, from))?.untilMs ?? 0;
    return nowMs < untilMs ? untilMs : 0;
  }

  /** `begunAtMs`: when the attempt that failed had begun. */
  failed(who: string, from: string, nowMs: number, begunAtMs: number): void {
    if (begunAtMs <= (this.#forgottenAtMs.get(who) ?? -1)) return;
    const { free, firstMs, maxMs, forgetMs, entriesMax } = this.#options;
    const key = keyOf(who, from);
    const known = this.#entries.get(key);
    const failures = known === undefined || nowMs - known.untilMs > forgetMs ? 1 : known.failures + 1;
    const waitMs = failures <= free ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(failures - free - 1, 30));
    this.#remove(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < entriesMax) break;
      this.#remove(oldest);
    }
    this.#entries.set(key, { who, failures, untilMs: nowMs + waitMs });
    const others = this.#ofWhom.get(who);
    if (others === undefined) this.#ofWhom.set(who, new Set([key]));
    else others.add(key);
  }

  succeeded(who: string, from: string): void {
    this.#remove(keyOf(who, from));
  }

  /** Something about them changed: nothing that was found before it counts any more. */
  forget(who: string, nowMs: number): void {
    for (const key of this.#ofWhom.get(who) ?? []) this.#entries.delete(key);
    this.#ofWhom.delete(who);
    this.#forgottenAtMs.delete(who);
    if (this.#forgottenAtMs.size >= forgottenMax) dropOldest(this.#forgottenAtMs);
    this.#forgottenAtMs.set(who, nowMs);
  }

  /** Forgets all of whom it holds. Looks at everybody. */
  forgetWhere(isMeant: (who: string) => boolean, nowMs: number): void {
    for (const who of this.#ofWhom.keys()) if (isMeant(who)) this.forget(who, nowMs);
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const others = this.#ofWhom.get(entry.who);
    others?.delete(key);
    if (others?.size === 0) this.#ofWhom.delete(entry.who);
  }
}

function keyOf(who: string, from: string): string {
  return `${who}@${from}`;
}

export interface BucketOptions {
  readonly burst: number;
  readonly perSecond: number;
  readonly entriesMax: number;
}

interface Bucket {
  left: number;
  filledAtMs: number;
}

export class Buckets {
  readonly #options: BucketOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Whether there is something left, without taking it. */
  has(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || this.#leftOf(bucket, nowMs) >= 1;
  }

  /** Takes one. False when there was none. */
  take(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    const left = bucket === undefined ? this.#options.burst : this.#leftOf(bucket, nowMs);
    this.#buckets.delete(key);
    if (this.#buckets.size >= this.#options.entriesMax) dropOldest(this.#buckets);
    this.#buckets.set(key, { left: left < 1 ? left : left - 1, filledAtMs: nowMs });
    return left >= 1;
  }

  /** How long until there is something to take; 0 when there is. */
  msUntilNext(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    const missing = bucket === undefined ? 0 : 1 - this.#leftOf(bucket, nowMs);
    return missing <= 0 ? 0 : (missing / this.#options.perSecond) * 1_000;
  }

  #leftOf({ left, filledAtMs }: Bucket, nowMs: number): number {
    const { burst, perSecond } = this.#options;
    return Math.min(burst, left + (Math.max(0, nowMs - filledAtMs) / 1_000) * perSecond);
  }
}

/** Maps keep the order in which keys came, and a touched one comes again. */
function dropOldest(entries: Map<string, unknown>): void {
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}
