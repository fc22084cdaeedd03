import type { DeviceApi, HistoryInterval, HistoryPoint } from "@mooring/contracts";

/** Under which the log knows the history. */
export const historyConsumer = "history";

/** The history of property values, which follows the log. */
export interface HistoryStore {
  /** Applies the next records of the log, at most `limit`, together with the cursor; points older than `kept` says are left out. */
  follow(limit: number, kept: KeptTimes): Promise<Followed>;
  /** Tells the log's retention how far the history has come. What it is told is never ahead of what is on disk. */
  reportPosition(): Promise<void>;
  /** Newest first, and points of one record by name backwards. */
  query(query: HistoryStoreQuery): Promise<readonly StoredPoint[]>;
  /** Of which properties there are points. Throws `timeout` as `aggregate` does, and `invalidArgument` when there are more than may be found. */
  properties(range: HistoryStoreRange): Promise<readonly string[]>;
  /** By property; of each, oldest first. Throws `timeout` when there is too much to go through. */
  aggregate(query: HistoryStoreAggregate): Promise<readonly HistoryInterval[]>;
}

export interface Followed {
  /** 0 also when another process is at it. */
  readonly records: number;
  readonly points: number;
  /** Applied up to here; undefined when nothing was applied. */
  readonly offset?: number;
  /** The offset of a record that cannot be applied by any means and was passed over. */
  readonly passedOver?: number;
}

/** From when on points are worth keeping: those of a product in `shorter` from its own time on, the others from `fromMs` on. */
export interface KeptTimes {
  readonly fromMs: number;
  readonly shorter: readonly { readonly productKey: string; readonly fromMs: number }[];
}

/** Properties that are looked for without being named: more than any thing model has. Each costs a look of its own. */
export const propertiesFoundMax = 1_000;

export interface HistoryStoreRange {
  readonly deviceId: string;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Where a page ends. */
export interface PointPlace {
  readonly timeMs: number;
  readonly offset: number;
  readonly property?: string;
}

export interface HistoryStoreQuery extends HistoryStoreRange {
  /** Each once; none: all. */
  readonly properties: readonly string[];
  /** Only points older than this one. */
  readonly before: PointPlace | undefined;
  readonly limit: number;
}

export interface HistoryStoreAggregate extends HistoryStoreRange {
  /** Each once. */
  readonly properties: readonly string[];
  readonly intervalMs: number;
}

export interface StoredPoint extends HistoryPoint {
  readonly offset: number;
}

/** The days in which the history lies, beside what lies in none: times long past, far ahead, or of days with few points. */
export interface HistoryDays {
  /** Runs `work` unless another process is at its own; false then. */
  exclusively(work: () => Promise<void>): Promise<boolean>;
  list(): Promise<readonly HistoryDay[]>;
  /** Makes a day unless it is there; points that are there already move into it, and the follower waits meanwhile. */
  ensure(startMs: number): Promise<void>;
  /** Removes a day with all its points. */
  drop(startMs: number): Promise<void>;
  /** Days from `fromMs` to `toMs` of which at least `pointsMin` points lie in no day; those with most first. */
  findMissing(search: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly pointsMin: number;
    readonly limit: number;
  }): Promise<readonly number[]>;
  /** Removes a day's points of these products, in batches; returns how many. Remembers `mark` with the day once it is through. */
  sweep(
    startMs: number,
    sweep: { readonly productKeys: readonly string[]; readonly mark: string; readonly signal: AbortSignal },
  ): Promise<number>;
  /** Removes what lies in no day and is not worth keeping, in batches; returns how many points. */
  sweepRest(kept: KeptTimes, signal: AbortSignal): Promise<number>;
}

export interface HistoryDay {
  /** Midnight UTC. */
  readonly startMs: number;
  /** Of its last sweep. */
  readonly mark: string | undefined;
}

/** Whom the history asks about devices and products. */
export type HistoryDevices = Pick<DeviceApi, "getDevice" | "getProduct">;
