import type { DeviceApi, EventApi, GatewayApi, NewRecord, PlatformError, ShadowApi } from "@mooring/contracts";
import type { Accepted, Change } from "./change.ts";
import type { ShadowDocument } from "./document.ts";

/** Which shadow of whose device; `name` is empty for the classic one. */
export interface ShadowKey {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly name: string;
}

/** A report of the log that no document took, and why. */
export type RefusedReport = NonNullable<Awaited<ReturnType<ShadowApi["waitApplied"]>>["refused"]>[number];

/** What became of a change. A refused one harms no other. */
export type Outcome = Accepted | Repeated | { readonly refused: PlatformError };

/** A change that was made before, under the id that this one was given: nothing is changed. */
export interface Repeated {
  /** The version that it made. */
  readonly repeats: number;
  /** Of what is to be in the log before it is answered. */
  readonly reportId?: string;
}

export interface ShadowStore {
  /** The empty document when nothing was ever said. */
  load(key: ShadowKey): Promise<ShadowDocument>;
  /**
   * Makes the changes in their order, each on what those before it have left, with a line of history for each, in one transaction. Resolves once
   * it is on disk, with what became of each change. Rejects when nothing of it is.
   */
  apply(changes: readonly Change[]): Promise<readonly Outcome[]>;
  /** The same for what was read from the log, and moves the cursor with it. Undefined when the cursor is elsewhere. */
  follow(read: LogBatch): Promise<readonly Outcome[] | undefined>;
  /** Those of these messages of the log that no document took; known once the cursor is past them. */
  refused(messageIds: readonly string[]): Promise<readonly RefusedReport[]>;
  /** How far the log was applied. */
  cursor(): Promise<number>;
  /** Names of the device's named shadows that hold anything, in order, from after a name on. */
  listNames(device: { readonly tenantId: string; readonly deviceId: string }, after: string, limit: number): Promise<readonly string[]>;
}

/** Reports on their way to the log: written in the transaction of the change that said so, removed once the log holds them. */
export interface ReportOutbox {
  /**
   * Gives the oldest to `relay`, in order and no more than there is room for, and removes them; answers their message ids. One caller at a time, over all
   * processes: `busy` when another one is at it. When `relay` rejects, nothing is removed.
   */
  take(
    room: { readonly reportsMax: number; readonly bytesMax: number },
    relay: (reports: readonly NewRecord[]) => Promise<void>,
  ): Promise<readonly string[] | "busy">;
  /** Those of these message ids that are still there. */
  waiting(messageIds: readonly string[]): Promise<readonly string[]>;
}

/** A part of the log, and what of it is for shadows. */
export interface LogBatch {
  /** Offsets: after the first, up to and with the other. */
  readonly from: number;
  readonly to: number;
  /** Reports. */
  readonly changes: readonly Change[];
  /** Reports that no document may hold. */
  readonly unfit: readonly RefusedReport[];
  /** Ids of devices that were deleted: from now on they have no shadows. */
  readonly removed: readonly string[];
}

/** What is left of devices that were deleted. */
export interface ShadowRemovals {
  /** Removes rows of theirs, in one transaction; returns how many, 0 when there are none now. */
  clear(nowMs: number, rowsMax: number): Promise<number>;
  /** Forgets which devices were deleted before a time, of those of which nothing is left. */
  forget(beforeMs: number): Promise<void>;
}

/** A line of the history. Sections are JSON text; `null` (the text) where the change cleared the section, undefined where it left it. */
export interface HistoryRow {
  readonly version: number;
  readonly atMs: number;
  /** When it was said, if not then. */
  readonly saidAtMs: number | undefined;
  readonly principal: string;
  readonly desired: string | undefined;
  readonly reported: string | undefined;
  readonly clientToken: string | undefined;
  readonly offset: number | undefined;
  /** The document after the change: desired, reported, metadata and desiredVersions. */
  readonly snapshot: string | undefined;
}

export interface ShadowHistory {
  /** Newest first, below a version. */
  list(key: ShadowKey, before: number | undefined, limit: number): Promise<readonly HistoryRow[]>;
  /** Oldest first, both ends included. */
  range(key: ShadowKey, from: number, to: number): Promise<readonly HistoryRow[]>;
  /** The last version made at or before a time, of those that are kept. */
  versionAt(key: ShadowKey, timeMs: number): Promise<number | undefined>;
  /** The first version from which on documents can be made again. */
  firstKept(key: ShadowKey): Promise<number | undefined>;
  /** Makes the partition of the day that a time lies in, unless there is one. */
  ensureDay(timeMs: number): Promise<void>;
  /** Drops the days that have ended by then. Returns how many. */
  dropDaysBefore(timeMs: number): Promise<number>;
}

export type DeviceDirectory = Pick<DeviceApi, "getDevice">;
export type LogReader = Pick<EventApi, "read" | "recordRefusals">;

/** Finds the gateway nodes that hold a device's connections. */
export interface Gateways {
  /** Empty when the device is not connected. */
  find(deviceId: string): Promise<readonly Pick<GatewayApi, "deliverAll">[]>;
}
