// Hot path (style: Hot): one promise per frame, none per record.
//
//   frames of many streams -> [ queue ] -> one transaction at a time takes all that wait -> acknowledgements
//
// While one transaction is being committed the next group gathers by itself; and groups begin at least `gatherMs` apart, further when the log's
// consumers do not keep up (log/pace.ts).
import { type NewRecord, PlatformError, type RefusedRecord } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { storeApart } from "./isolate.ts";
import type { Pace } from "./log/pace.ts";
import { type EventLog, UnstorableRecord } from "./ports.ts";

/** Records in one transaction: more gains nothing measurable and makes the others wait. */
const groupRecordsMax = 2_000;
/** Characters of bodies in one transaction; one frame alone may have more. A statement holds them all, and a string ends at 512 M. */
const groupCharactersMax = 16 * 1024 * 1024;
/** How far apart groups begin while there is something to store all the time: what a frame waits for company at most. */
const gatherMs = 3;
/** With so many there is company enough. */
const gatherRecordsMax = 500;
/** Records that may wait, over all streams: about 50 MB at 1 KB each. */
const waitingRecordsMax = 50_000;
/** Characters of their bodies, since a body may have 340,000. */
const waitingCharactersMax = 256 * 1024 * 1024;

/** One stream's place in the queue. Once a frame of it failed, later ones may not be stored before that one was sent again: order per device. */
export interface StreamToken {
  failed: boolean;
}

/** What became of a frame. */
export interface Committed {
  /** No stored record of it is above; undefined when all of it was refused. */
  readonly lastOffset: number | undefined;
  /** Never to be stored, by their place in the frame. */
  readonly refused: readonly RefusedRecord[];
}

const none: readonly RefusedRecord[] = [];

interface Waiting {
  readonly stream: StreamToken;
  readonly records: readonly NewRecord[];
  readonly characters: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #log: EventLog;
  readonly #onCommit: () => void;
  readonly #pace: Pace | undefined;
  #queue: Waiting[] = [];
  #waitingRecords = 0;
  #waitingCharacters = 0;
  #running = false;
  /** On the clock of performance.now(): when the last group was. */
  #begunAt = Number.NEGATIVE_INFINITY;
  committedRecords = 0;
  committedGroups = 0;
  refusedRecords = 0;
  /** How long groups have waited for consumers of the log, in all. */
  pacedMs = 0;

  /** Without a pace, consumers are not waited for. */
  constructor(log: EventLog, onCommit: () => void, pace?: Pace) {
    this.#log = log;
    this.#onCommit = onCommit;
    this.#pace = pace;
  }

  get waitingRecords(): number {
    return this.#waitingRecords;
  }

  /** Resolves once all records are committed but those that never can be, with an offset that none of them is above: the last of their group. */
  append(stream: StreamToken, records: readonly NewRecord[]): Promise<Committed> {
    let characters = 0;
    for (const record of records) characters += record.body.length;
    if (this.#waitingRecords + records.length > waitingRecordsMax || this.#waitingCharacters + characters > waitingCharactersMax) {
      stream.failed = true;
      return Promise.reject(new PlatformError("unavailable", `the log has ${this.#waitingRecords} records waiting to be stored`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ stream, records, characters, resolve, reject });
      this.#waitingRecords += records.length;
      this.#waitingCharacters += characters;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const early = this.#begunAt + gatherMs - performance.now();
      // After silence nothing waits. Close upon another group, the next one gathers a little: a commit costs more than its records.
      if (early > 0 && this.#waitingRecords < gatherRecordsMax) await pause(Math.ceil(early));
      const waitMs = this.#pace?.waitMs ?? 0;
      if (waitMs > 0) {
        this.pacedMs += waitMs;
        await pause(waitMs);
      }
      this.#begunAt = performance.now();
      await this.#commitGroup(this.#takeGroup());
    }
    this.#running = false;
  }

  #takeGroup(): Waiting[] {
    let count = 0;
    let records = 0;
    let characters = 0;
    for (const next of this.#queue) {
      const isFull = records + next.records.length > groupRecordsMax || characters + next.characters > groupCharactersMax;
      if (count > 0 && isFull) break;
      records += next.records.length;
      characters += next.characters;
      count++;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#waitingRecords -= records;
    this.#waitingCharacters -= characters;
    return group;
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const live = group.filter((waiting) => {
      if (waiting.stream.failed) waiting.reject(new PlatformError("unavailable", "an earlier frame of this stream was not stored"));
      return !waiting.stream.failed;
    });
    if (live.length === 0) return;
    const records = live.length === 1 && live[0] !== undefined ? live[0].records : live.flatMap((waiting) => waiting.records);
    try {
      const committed = { lastOffset: await this.#store(records), refused: none };
      for (const waiting of live) waiting.resolve(committed);
    } catch (error) {
      if (error instanceof UnstorableRecord) return this.#commitApart(live, records, error);
      fail(live, error);
    }
  }

  /** Something in the group is refused for what it is: finds out what, so that nothing else suffers. */
  async #commitApart(group: readonly Waiting[], records: readonly NewRecord[], error: UnstorableRecord): Promise<void> {
    try {
      const { lastOffset, refused } = await storeApart((some) => this.#store(some), records, error);
      this.refusedRecords += refused.size;
      let from = 0;
      for (const waiting of group) {
        const mine = waiting.records.flatMap((_, index) => refusalAt(refused, from, index));
        from += waiting.records.length;
        waiting.resolve({ lastOffset: mine.length === waiting.records.length ? undefined : lastOffset, refused: mine });
      }
    } catch (failure) {
      fail(group, failure);
    }
  }

  async #store(records: readonly NewRecord[]): Promise<number> {
    const lastOffset = await this.#log.append(records);
    this.committedRecords += records.length;
    this.committedGroups++;
    this.#pace?.onEnd(lastOffset);
    this.#onCommit();
    return lastOffset;
  }
}

function refusalAt(refused: ReadonlyMap<number, string>, from: number, index: number): readonly RefusedRecord[] {
  const reason = refused.get(from + index);
  return reason === undefined ? none : [{ index, reason }];
}

/** It may pass, so the streams must start over from here. What was stored already is known by its ids when it comes again. */
function fail(group: readonly Waiting[], error: unknown): void {
  for (const waiting of group) {
    waiting.stream.failed = true;
    waiting.reject(error);
  }
}
