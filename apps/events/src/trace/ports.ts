import type { LogRecord, Refusal } from "@mooring/contracts";

/** How far the platform's own consumers of property reports have got. */
export interface ConsumerPositions {
  readonly history: number;
  readonly shadow: number;
}

export interface TraceStore {
  /** A device's last records in the log, newest first. */
  lastRecords(deviceId: string, limit: number): Promise<readonly LogRecord[]>;
  positions(): Promise<ConsumerPositions>;
}

export type StoredRefusal = Omit<Refusal, "device">;

/** What was not accepted. Keeps the newest `refusalsPerDeviceMax` of each device. */
export interface RefusalStore {
  insert(refusals: readonly Refusal[]): Promise<void>;
  /** Newest first. */
  list(deviceId: string, limit: number): Promise<readonly StoredRefusal[]>;
  /** Removes up to `limit` that are older; answers how many. */
  removeOlderThan(ageMs: number, limit: number): Promise<number>;
}
