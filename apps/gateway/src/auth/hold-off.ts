// Hot: who has to wait before trying again. Asked for every sign-on, written to for the failed ones only.
//
//   HoldOff   somebody in particular: the first failures are free, then each one doubles the wait. A success forgets them.
//   Buckets   everybody behind an address together: so many failures at once, and so many a second.
//
// Both are tables with a bound; at the bound the entry that was touched longest ago goes.

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
  failures: number;
  untilMs: number;
}

export class HoldOff {
  readonly #options: HoldOffOptions;
  readonly #entries = new Map<string, Held>();

  constructor(options: HoldOffOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  mayTry(key: string, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    return entry === undefined || nowMs >= entry.untilMs;
  }

  failed(key: string, nowMs: number): void {
    const { free, firstMs, maxMs, forgetMs, entriesMax } = this.#options;
    const known = this.#entries.get(key);
    const failures = known === undefined || nowMs - known.untilMs > forgetMs ? 1 : known.failures + 1;
    const waitMs = failures <= free ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(failures - free - 1, 30));
    this.#entries.delete(key);
    if (this.#entries.size >= entriesMax) dropOldest(this.#entries);
    this.#entries.set(key, { failures, untilMs: nowMs + waitMs });
  }

  succeeded(key: string): void {
    this.#entries.delete(key);
  }
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
