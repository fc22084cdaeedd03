import type {
  DeviceApi,
  ListedSession,
  QueueItem,
  RetainedPlace,
  SessionOp,
  SessionSummary,
  StoredMessage,
  StoredSubscription,
} from "@mooring/contracts";

/** The store refuses ops for what they are, and will again: nothing of the run they came in is stored. */
export class UnstorableOps extends Error {
  override readonly name = "UnstorableOps";
}

/** A session would have more subscriptions than it may. */
export class CrowdedSession extends UnstorableOps {
  readonly sessionId: string;

  constructor(sessionId: string) {
    super(`the session ${sessionId} would have too many subscriptions`);
    this.sessionId = sessionId;
  }
}

export interface SessionWriter {
  /** Applies a run of ops in one transaction. Resolves once it is on disk; throws UnstorableOps. */
  apply(ops: readonly SessionOp[]): Promise<void>;
}

/** `next` when more follow. */
export interface Page<T, Place> {
  readonly items: readonly T[];
  readonly next: Place | undefined;
}

export interface SessionReader {
  /** In the order of their ids. Without `after` it waits for what is being written first. */
  sessions(after: string | undefined, limit: number): Promise<Page<ListedSession, string>>;
  queue(
    sessionId: string,
    from: { readonly afterSeq: number; readonly limit: number; readonly bytesMax: number },
  ): Promise<{ readonly items: readonly QueueItem[]; readonly isLast: boolean }>;
  retained(after: RetainedPlace | undefined, limit: number): Promise<Page<StoredMessage, RetainedPlace>>;
  summaries(tenantId: string, query: SummaryQuery): Promise<Page<SessionSummary, string>>;
  find(
    tenantId: string,
    sessionId: string,
  ): Promise<{ readonly session: SessionSummary; readonly subscriptions: readonly StoredSubscription[] } | undefined>;
}

export interface SummaryQuery {
  readonly after: string | undefined;
  readonly limit: number;
  readonly clientId: string | undefined;
  readonly owner: string | undefined;
}

/** What a step of a walk did, and where the next one begins; undefined at the end. */
export interface Step<Place> {
  readonly removed: number;
  readonly next: Place | undefined;
}

/** Removes what nobody will ask for again, in small transactions. Each walk looks at a bounded number of rows, from a place on. */
export interface SessionSweep {
  /** Sessions that expired before a time, with everything of theirs. */
  sessions(after: string | undefined, expiredBeforeMs: number): Promise<Step<string>>;
  /** Messages that expired, from the queues where their delivery has not begun; and those that are in no queue. */
  messages(after: string | undefined, expiredBeforeMs: number): Promise<Step<string>>;
  retained(after: RetainedPlace | undefined, expiredBeforeMs: number): Promise<Step<RetainedPlace>>;
  /** Devices with sessions, by id, in order. */
  owningDevices(after: string | undefined, limit: number): Promise<readonly string[]>;
  /** All sessions of these devices, with everything of theirs. Returns how many. */
  sessionsOfDevices(deviceIds: readonly string[]): Promise<number>;
  /** About how many rows each table has, and bytes on disk, by what the database counted last. */
  sizes(): Promise<readonly TableSize[]>;
}

export interface TableSize {
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
}

export type DeviceFeed = Pick<DeviceApi, "listChanges" | "findTags">;
