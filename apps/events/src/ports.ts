import type { DeviceApi, LogRecord, NewRecord } from "@mooring/contracts";

/** The log itself. One object per process: its readers share what it keeps in memory. */
export interface EventLog {
  /**
   * Stores all records or none, durably, with offsets in this order. A record whose message id was stored within the deduplication window is
   * skipped. Resolves with an offset that none of them is above, skipped ones included. Throws UnstorableRecord when the data itself is refused, so
   * that trying again is of no use.
   */
  append(records: readonly NewRecord[]): Promise<number>;
  /** Records after an offset, in order, at most `limit`. Empty means that there is none yet. The records are shared: nobody may change them. */
  read(after: number, limit: number): Promise<readonly LogRecord[]>;
  /** No record has a lower offset, now or later: retention has removed what was below. A cursor below `first() - 1` has lost records. */
  first(): Promise<number>;
  /** The last offset there is; one below the first for a log without records; 0 for one that never had any. */
  end(): Promise<number>;
  /**
   * The offset to read after, so that the first record received at or after `timeMs` comes first. Records are stored in about the order in which they
   * were received, so it is exact up to the time that records spend on their way. `end()` when there is none.
   */
  offsetAt(timeMs: number): Promise<number>;
}

export class UnstorableRecord extends Error {
  override readonly name = "UnstorableRecord";
}

export type DeviceDirectory = Pick<DeviceApi, "getDevice">;
