// Hot: every reader near the end of the log reads here. The last records, contiguous, as Postgres gave them.
//
//      Postgres only          kept here                      not read yet
//   ──────────────────┬───────────────────────────────┬──────────────────▶ offsets
//                  #after                            #to
//
// All records with offsets in (#after, #to] are kept. A read inside costs no query; one at #to asks Postgres for what follows, once for all who wait;
// one before #after goes to Postgres by itself and leaves the cache as it is. Nothing gets in by another way, so the cache cannot hold what Postgres
// would not give; and as offsets become visible in their order, what follows #to in one answer leaves no gap.
import type { LogRecord } from "@mooring/contracts";
import type { EventLog } from "../ports.ts";

/** More than the log lets its consumers be behind (log/pace.ts), so that they read it from memory. */
const recordsMax = 40_000;
const bytesMax = 32_000_000;
/** Records taken from Postgres at once; some milliseconds. */
const extendMax = 1_000;
/** Besides its body: identity, ids, the object. */
const recordBytes = 600;

export interface TailLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly extendMax: number;
}

const defaultLimits: TailLimits = { recordsMax, bytesMax, extendMax };

/** Counted by this process. */
export interface TailFigures {
  readonly hits: number;
  readonly queries: number;
}

/** A log whose readers share the last records in memory. */
export function createTailCache(log: EventLog, limits: TailLimits = defaultLimits): EventLog & { readonly tail: TailFigures } {
  const tail = new Tail(log, limits);
  return {
    tail,
    append: (records) => log.append(records),
    read: (after, limit) => tail.read(after, limit),
    first: () => log.first(),
    end: () => log.end(),
    offsetAt: (timeMs) => log.offsetAt(timeMs),
  };
}

class Tail implements TailFigures {
  readonly #log: EventLog;
  readonly #limits: TailLimits;
  /** Those before #head have left; cut off now and then. */
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;
  #after = -1;
  #to = -1;
  #extending: Promise<boolean> | undefined;
  hits = 0;
  queries = 0;

  constructor(log: EventLog, limits: TailLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  async read(after: number, limit: number): Promise<readonly LogRecord[]> {
    // What is under way may have begun before what the reader was woken for was committed.
    if (this.#extending !== undefined && after >= this.#to) await this.#extending;
    for (;;) {
      const kept = this.#find(after, limit);
      if (kept !== undefined) return kept;
      if (after < this.#after) return this.#readPast(after, limit);
      const isAtEnd = await this.#extend(after);
      if (isAtEnd && after >= this.#to) return [];
    }
  }

  /** Undefined when it is not for the cache to say. */
  #find(after: number, limit: number): readonly LogRecord[] | undefined {
    if (after < this.#after || after >= this.#to) return undefined;
    this.hits++;
    const begin = this.#indexAfter(after);
    return this.#records.slice(begin, begin + limit);
  }

  #readPast(after: number, limit: number): Promise<readonly LogRecord[]> {
    this.queries++;
    return this.#log.read(after, limit);
  }

  /** One query for all who wait at the end. Resolves with whether the cache reaches to the end of the log now. */
  #extend(after: number): Promise<boolean> {
    this.#extending ??= this.#take(after).finally(() => {
      this.#extending = undefined;
    });
    return this.#extending;
  }

  async #take(after: number): Promise<boolean> {
    if (this.#to < 0) await this.#moveTo(after);
    this.queries++;
    const records = await this.#log.read(this.#to, this.#limits.extendMax);
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += bytesOf(record);
    }
    const last = records.at(-1);
    if (last !== undefined) this.#to = last.offset;
    const isAtEnd = records.length < this.#limits.extendMax;
    // A reader is further on than the others have read for a while: the tail goes to where it is.
    if (after > this.#to && !isAtEnd) await this.#moveTo(after);
    this.#evict();
    return isAtEnd;
  }

  /** Never beyond the end: a reader may ask for what is not there yet, and the others would have no cache until it is. */
  async #moveTo(after: number): Promise<void> {
    const end = await this.#log.end();
    this.#records = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#to = Math.min(after, end);
    this.#after = this.#to;
  }

  #evict(): void {
    const { recordsMax, bytesMax } = this.#limits;
    while (this.#records.length - this.#head > recordsMax || this.#bytes > bytesMax) {
      const oldest = this.#records[this.#head++] as LogRecord;
      this.#bytes -= bytesOf(oldest);
      this.#after = oldest.offset;
    }
    if (this.#head * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  /** Index of the first kept record with a higher offset. */
  #indexAfter(after: number): number {
    let low = this.#head;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle] as LogRecord).offset <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** At two bytes a character, which is the worst. */
function bytesOf(record: LogRecord): number {
  return recordBytes + 2 * record.body.length;
}
