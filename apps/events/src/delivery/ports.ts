import type {
  Delivery,
  DeviceApi,
  EndpointStatus,
  LogRecord,
  Subscription,
  SubscriptionFilter,
  TenantId,
  TraceConsumer,
} from "@mooring/contracts";
import type { Signal } from "../signal.ts";

/** One of those who share a subscription's records: a stream of a back end, or the webhook runner. In this process. */
export interface Member {
  /**
   * Records for this member, one device's in order. Iterated once. Ends after `close`; throws `failedPrecondition` when another process has taken the
   * subscription over or its webhook was set or removed, `notFound` when it was deleted, `unavailable` when this process stops. Breaking off the
   * iteration closes the member.
   */
  readonly deliveries: AsyncIterable<Delivery>;
  /** Everything sent to this member up to this offset is done. Throws `invalidArgument` for one beyond what was sent. */
  acknowledgeUpTo(offset: number): void;
  /** These are done. Here and below, offsets that are not under way with this member are passed over: they may have timed out. */
  acknowledge(offsets: readonly number[]): void;
  /** These failed: they come again later, and everything of their devices after them; after `deliveriesMax` deliveries they are dead letters. */
  reject(offsets: readonly number[], reason?: string): void;
  /** These go to the dead letters at once, however few deliveries they have had; the member has tried `tries` times (1 unless given). */
  giveUp(offsets: readonly number[], reason: string, tries?: number): void;
  /** Begins `acknowledgeWithinMs` anew for these: for a member that is still at it. */
  extend(offsets: readonly number[]): void;
  /** So many more records may be sent. Only for a member that joined with `credit`. */
  addCredit(records: number): void;
  /** How the endpoint does, as it was last said, by this member or one before: also by another process. */
  readonly endpoint: EndpointStatus | undefined;
  /** Says how the endpoint does, for those who ask about the subscription. Only for the webhook runner. */
  reportEndpoint(status: EndpointStatus): void;
  /**
   * Leaves: what is under way goes to others at once. With `handed`, only these reached whoever handles them, and the others count as not sent. May be
   * called again. Resolves when the cursor is written.
   */
  close(handed?: readonly number[]): Promise<void>;
}

export interface JoinOptions {
  /** How many records may be sent before more credit is given; absent: bounded by the window of 1,000 unacknowledged records alone. */
  readonly credit?: number;
  /** The webhook runner: it alone joins a subscription that has a webhook, and none other. */
  readonly webhook?: boolean;
  /** While another process delivers the subscription: wait to see whether it is alive (seconds), or be refused at once. Default true. */
  readonly wait?: boolean;
}

/** What back ends' streams and the webhook runner join. */
export interface DeliveryGroups {
  /**
   * Joins an existing subscription. Throws `notFound`; `failedPrecondition` for a stream where there is a webhook, or the runner where there is none;
   * `quotaExceeded` for the 65th member; `unavailable` while another process delivers it.
   */
  join(tenantId: TenantId, name: string, options: JoinOptions): Promise<Member>;
}

export interface WebhookSubscription {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly url: string;
  /** Opened. */
  readonly secret: string;
  readonly deliveriesMax: number;
  /** Grows with each change of the subscription. */
  readonly revision: number;
}

/** By which the runner learns which subscriptions have a webhook. */
export interface Webhooks {
  /** All of them, of all tenants, whoever delivers them. */
  list(): Promise<readonly WebhookSubscription[]>;
  /** Fires when one was set, changed or removed through this process; those of other processes are seen by listing again (every 5 s). */
  readonly changed: Signal;
}

/** For `trace`. */
export interface DeliveryStates {
  /**
   * Where these records of one tenant have got to, by offset: one entry for each subscription of the tenant that began before the record; `filtered`
   * where its filter, as it is now, does not fit. What is under way in another process reads `waiting`.
   */
  statesOf(tenantId: TenantId, records: readonly LogRecord[]): Promise<ReadonlyMap<number, readonly TraceConsumer[]>>;
}

/** Seals webhook secrets: `@mooring/pki`'s `createSealer`, as it is. `associatedData` names where a secret belongs. */
export interface SecretSeal {
  seal(secret: string, associatedData: string): string;
  unseal(sealed: string, associatedData: string): { toString(encoding: "utf8"): string };
}

/** What delivery needs of the log. */
export interface DeliveryLog {
  /** Records after an offset, in order, at most `limit`. */
  read(after: number, limit: number): Promise<readonly LogRecord[]>;
  /** The lowest offset that there can be: what lies below was dropped. */
  first(): Promise<number>;
  /** The last offset there is; 0 for an empty log. */
  end(): Promise<number>;
  /** The offset after which the first record received at or after the time follows. */
  offsetAt(timeMs: number): Promise<number>;
}

export type TagDirectory = Pick<DeviceApi, "findTags" | "listChanges">;

/** A subscription as it is stored. */
export interface StoredSubscription {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly filter: SubscriptionFilter;
  readonly cursor: number;
  /** Where it began, or was set to: what lies before was never to be delivered. */
  readonly began: number;
  /** What lies up to here may have been passed by another filter. */
  readonly filterSince: number;
  readonly epoch: number;
  readonly revision: number;
  readonly acknowledgeWithinMs: number;
  readonly deliveriesMax: number;
  readonly webhook?: { readonly url: string; readonly sealedSecret: string };
  readonly lost: number;
  readonly createdAtMs: number;
  /** The process that has it and how long its lease lasts, both as the database sees it now; absent without one. */
  readonly owner?: { readonly id: string; readonly untilMs: number; readonly leftMs: number };
  readonly progress: Progress;
}

/** What the owner of a subscription last said about it. */
export interface Progress {
  readonly members?: number;
  readonly inFlight?: number;
  /** With a webhook that was ever out. */
  readonly endpoint?: EndpointStatus;
  /** Of records above the cursor, by offset: deliveries that failed, and members that went away with them; counted on by the next owner. */
  readonly attempts?: Readonly<Record<string, readonly [failures: number, deaths: number]>>;
}

/** A subscription that no process delivers. */
export interface UnheldSubscription extends Pick<Subscription, "backlog" | "lagMs"> {
  readonly tenantId: TenantId;
  readonly name: string;
}

/** A stored subscription beside what the log says about its backlog. */
export type SubscriptionView = StoredSubscription & Pick<Subscription, "backlog" | "lagMs" | "deadLetters">;

export interface SubscriptionChange {
  readonly filter?: SubscriptionFilter;
  readonly acknowledgeWithinMs?: number;
  readonly deliveriesMax?: number;
  readonly webhook?: { readonly url: string; readonly sealedSecret: string };
}

export interface NewSubscription extends SubscriptionChange {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly cursor: number;
}

export interface NewLease {
  readonly owner: string;
  readonly leaseMs: number;
  /** Whoever has it. */
  readonly force: boolean;
}

/** What one owner has to say about one of its subscriptions. */
export interface OwnedState {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly epoch: number;
  readonly cursor: number;
  /** Records lost since it was last said. */
  readonly lost: number;
  readonly progress: Progress;
}

/** How a subscription stands that its owner has just written. */
export interface HeldSubscription {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly revision: number;
}

export interface SubscriptionStore {
  find(tenantId: TenantId, name: string): Promise<StoredSubscription | undefined>;
  view(tenantId: TenantId, name: string): Promise<SubscriptionView | undefined>;
  /** By name, after a name. */
  list(tenantId: TenantId, after: string, limit: number): Promise<readonly SubscriptionView[]>;
  /** Without backlog: cheap. */
  all(tenantId: TenantId): Promise<readonly StoredSubscription[]>;
  withWebhook(): Promise<readonly StoredSubscription[]>;
  /** Of all tenants, those that no process has now, furthest behind first. */
  unheld(limit: number): Promise<readonly UnheldSubscription[]>;
  /** Throws `alreadyExists`, `quotaExceeded`. */
  create(subscription: NewSubscription): Promise<void>;
  /** False when there is none. */
  update(tenantId: TenantId, name: string, change: SubscriptionChange): Promise<boolean>;
  /** Sets the cursor and outdates the deliveries under way. False when there is none. */
  seek(tenantId: TenantId, name: string, cursor: number): Promise<boolean>;
  /** With its dead letters. False when there is none. */
  delete(tenantId: TenantId, name: string): Promise<boolean>;
  /** Takes it when nobody has it, its owner's lease ran out, the owner is this one, or by force; the epoch grows. Undefined when it cannot be had. */
  take(tenantId: TenantId, name: string, lease: NewLease): Promise<StoredSubscription | undefined>;
  /** Writes cursors (never backwards) and begins leases anew. What is not in the answer is not this owner's in this epoch any more. */
  hold(owner: string, leaseMs: number, states: readonly OwnedState[]): Promise<readonly HeldSubscription[]>;
  /** Writes the last state and gives the lease back. */
  release(owner: string, state: OwnedState): Promise<void>;
}

export interface NewDeadLetter {
  readonly record: LogRecord;
  readonly deliveries: number;
  readonly reason: string;
}

export interface StoredDeadLetter extends NewDeadLetter {
  readonly failedAtMs: number;
  readonly replayedAtMs?: number;
}

export interface FoundLetter {
  readonly subscription: string;
  readonly offset: number;
  readonly deliveries: number;
  readonly reason: string;
  readonly state: "deadLetter" | "discarded";
}

export interface DeadLetterStore {
  /**
   * Stores them and moves the cursor in one transaction. `fenced`: the subscription is not this owner's any more; `full`: they would be more than
   * may be kept; nothing is stored then.
   */
  bury(owner: string, state: OwnedState, letters: readonly NewDeadLetter[]): Promise<"stored" | "fenced" | "full">;
  /** Oldest first, after an offset. */
  list(tenantId: TenantId, name: string, after: number, limit: number): Promise<readonly StoredDeadLetter[]>;
  /** Marks them to be delivered once more; all without `offsets`. Returns how many. */
  replay(tenantId: TenantId, name: string, offsets: readonly number[] | undefined): Promise<number>;
  /** Those marked, after an offset, in offset order. */
  replayed(tenantId: TenantId, name: string, after: number, limit: number): Promise<readonly StoredDeadLetter[]>;
  /** They failed once more: the mark is taken off. */
  unmark(tenantId: TenantId, name: string, letters: readonly { readonly offset: number; readonly reason: string }[]): Promise<void>;
  /** They were acknowledged after all. */
  delete(tenantId: TenantId, name: string, offsets: readonly number[] | undefined): Promise<number>;
  /** Somebody deleted them, all without `offsets`: `find` says so as long as the records are in the log. Returns how many. */
  discard(tenantId: TenantId, name: string, offsets: readonly number[] | undefined): Promise<number>;
  /** Which of these offsets are dead letters, or were and were discarded, of which subscription of the tenant; a dead letter last. */
  find(tenantId: TenantId, offsets: readonly number[]): Promise<readonly FoundLetter[]>;
}
