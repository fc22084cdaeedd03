import type { Caller } from "./caller.ts";
import type { DeviceAddress, DeviceRef } from "./ids.ts";
import type { JsonValue } from "./json.ts";
import type { PageRequest } from "./page.ts";

/** The latest time a device may give, in milliseconds: the end of year 9999, the last that RFC 3339 can write. */
export const deviceTimeMsMax = 253_402_300_799_999;

/**
 * properties: a property report; event: an event of the model; online, offline: the device came or went; lifecycle: it was created, enabled,
 * disabled or deleted; message: a custom topic; reply: the device's answer to a property set.
 */
export const recordKinds = ["properties", "event", "online", "offline", "lifecycle", "message", "reply"] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Something a device said or that happened to it, before it has its place in the log. */
export interface NewRecord {
  /** UUID, made where the message was accepted; the same id is stored once within the log's deduplication window. */
  readonly messageId: string;
  readonly device: DeviceRef;
  readonly kind: RecordKind;
  readonly receivedAtMs: number;
  /** JSON text; its shape follows from the kind: see PropertiesBody, EventBody, ConnectionBody, LifecycleBody, MessageBody, ReplyBody. */
  readonly body: string;
}

export interface LogRecord extends NewRecord {
  /** Its place in the log: grows in commit order, with gaps. */
  readonly offset: number;
}

export interface PropertiesBody {
  readonly properties: Readonly<Record<string, { readonly value: JsonValue; readonly time: number }>>;
  /** Validation findings kept in `flag` mode. */
  readonly invalid?: JsonValue;
  /** Reported as history: kept with its times, and no shadow shows it. */
  readonly past?: true;
  /** Said to the shadow, whose topics the device used: it holds this already. A member of which a part was said is told as a whole. */
  readonly source?: "shadow";
}

export interface EventBody {
  readonly name: string;
  readonly value: JsonValue;
  readonly time: number;
  readonly invalid?: JsonValue;
}

/** Order of one device's comings and goings: by (epoch, sequence), whatever order they arrive in. */
export interface ConnectionBody {
  readonly clientId: string;
  /** Of the connection that came first or left last; grows with each connection of the device. */
  readonly epoch: number;
  /** 0 for online, 1 for offline. */
  readonly sequence: number;
  readonly protocol: string;
  /** The gateway node that has, or had, the connection. */
  readonly nodeId: string;
  readonly address?: string;
  /** Of offline. */
  readonly reason?: string;
}

/** Order of what devices of one name live through: by (epoch, sequence). Apart from their comings and goings, which have an order of their own. */
export interface LifecycleBody {
  readonly action: "created" | "enabled" | "disabled" | "deleted" | "certificateExpiring" | "certificateExpired";
  /** Of the device: one that is created later, also under the same name, has a higher one. Absent in records from before there were any. */
  readonly epoch?: number;
  /** 0 for created; grows by one with each record of the device, so that a missing one shows. */
  readonly sequence?: number;
  readonly principal: string;
  /** Which certificate ends, or has ended, and when. */
  readonly certificate?: { readonly fingerprint: string; readonly notAfter: string };
}

/** What a device answered to a request that it was sent. */
export interface ReplyBody {
  readonly topic: string;
  readonly requestId: string;
  readonly code: number;
  readonly message?: string;
  readonly data?: JsonValue;
}

export interface MessageBody {
  readonly topic: string;
  readonly payloadBase64: string;
}

export interface AppendFrame {
  /** Grows by one per frame of a stream. */
  readonly sequence: number;
  readonly records: readonly NewRecord[];
}

/** A record that the log will never take for what it is. */
export interface RefusedRecord {
  /** Its place in its frame, from 0. */
  readonly index: number;
  readonly reason: string;
}

/** Sent once the frame is committed. */
export interface AppendAck {
  readonly sequence: number;
  /** Set when every record of the frame was refused: nothing of it is stored. */
  readonly error?: string;
  /** All records of the frame that were not refused have offsets up to this one; also when they were stored before. Absent with an error. */
  readonly lastOffset?: number;
  /** These were refused, each for itself; the others are stored, in their order. Absent or empty: none. */
  readonly refused?: readonly RefusedRecord[];
}

/** Which records a subscription wants; every member given must fit. */
export interface SubscriptionFilter {
  readonly productKey?: string;
  readonly deviceName?: string;
  /** Tags that the device has now, not when it spoke. At most 8. Records of devices that were deleted fit any tags: nothing of them is lost. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Empty or absent: all. */
  readonly kinds?: readonly string[];
  /** Only property reports that say this property. */
  readonly property?: string;
}

/** Where a new subscription begins, or an existing one is set to: exactly one member, or none for `now`. */
export interface StartPosition {
  /** `earliest` or `now`. */
  readonly from?: string;
  /** The first record received at or after this time, which may not be in the future. */
  readonly timeMs?: number;
  /** The record after this offset. */
  readonly offset?: number;
}

export interface Webhook {
  /** https, or http where the operator of the platform allows it. */
  readonly url: string;
  /** Signs bodies with HMAC-SHA-256. Made when absent; readable only in the answer to the request that set it. */
  readonly secret?: string;
}

/** What may be said of a subscription by those who own it. */
export interface SubscriptionSettings {
  /** 1 to 64 of [A-Za-z0-9_.-]. */
  readonly name: string;
  readonly filter?: SubscriptionFilter;
  /** A record not acknowledged for so long is delivered again. 1,000 to 600,000; default 30,000. */
  readonly acknowledgeWithinMs?: number;
  /** After so many failed deliveries of its own a record goes to the dead letters. 1 to 1,000; default 10. */
  readonly deliveriesMax?: number;
  /** With it, the platform delivers by itself; members are refused then. */
  readonly webhook?: Webhook;
}

/** How a webhook's endpoint does. */
export interface EndpointStatus {
  /** `delivering`, or `outage`: it takes nothing, and all records wait. */
  readonly state: string;
  /** Since when it is so. */
  readonly sinceMs: number;
  /** Why the last request failed. In an outage. */
  readonly lastError?: string;
  readonly lastErrorAtMs?: number;
  /** When the endpoint is asked again. In an outage. */
  readonly nextTryAtMs?: number;
}

export interface Subscription extends SubscriptionSettings {
  readonly createdAtMs: number;
  /** All up to here is done. */
  readonly cursor: number;
  /** Records in the log after the cursor, of all devices: an upper bound of what waits. */
  readonly backlog: number;
  /** How long the oldest record after the cursor has been in the log. 0 without backlog. */
  readonly lagMs: number;
  readonly inFlight: number;
  readonly members: number;
  readonly deadLetters: number;
  /** Records that retention removed before they were delivered. */
  readonly lost: number;
  /** With a webhook, once its endpoint has been out. */
  readonly endpoint?: EndpointStatus;
}

export interface DeadLetter {
  readonly record: LogRecord;
  /** Those that failed and counted against it. */
  readonly deliveries: number;
  readonly reason: string;
  readonly failedAtMs: number;
  /** Set while it waits to be delivered once more. */
  readonly replayedAtMs?: number;
}

export interface SubscribeStart extends SubscriptionFilter {
  /** The subscription's name; made with this filter when it does not exist yet. A filter given for an existing one replaces its filter. */
  readonly subscription: string;
  /** Where it begins when it is made now; an existing one goes on at its cursor. `earliest` or `now` (default). */
  readonly from?: string;
  readonly fromTimeMs?: number;
  readonly fromOffset?: number;
  /** How many records may be sent before more credit is given. Without it: as many as may be unacknowledged (1,000). */
  readonly credit?: number;
}

/** First `start`, once; then what was done with the records. Everything but `start` may stand in one request. */
export interface SubscribeRequest {
  readonly start?: SubscribeStart;
  /** Every record sent on this stream up to here is done. */
  readonly acknowledgedOffset?: number;
  /** These are done. */
  readonly acknowledged?: readonly number[];
  /** These could not be handled: they come again, and everything of their devices after them, or go to the dead letters. */
  readonly rejected?: readonly number[];
  /** So many more records may be sent. */
  readonly credit?: number;
  /** These are still in hand: their time to acknowledge begins anew. */
  readonly extended?: readonly number[];
  /** The stream ends with this. */
  readonly leave?: SubscribeLeave;
}

/** For those who pass records on: what never reached whoever handles them may not count against the records. */
export interface SubscribeLeave {
  /** Of what is not acknowledged or rejected, these were passed on. The others come again as if they had not been sent. */
  readonly handed: readonly number[];
}

/** A record on its way to a subscriber. */
export interface Delivery extends LogRecord {
  /**
   * 1 for the first time; grows whenever the record is handed out again, also behind another one of its device that failed. After another process has
   * taken the subscription over, only deliveries that failed are known of.
   */
  readonly attempt: number;
}

/** Which properties of a device. */
export interface HistorySelection extends DeviceAddress {
  readonly property?: string;
  /** Several, at most 300, together with `property` if that is given. None of both: all that there are. */
  readonly properties?: readonly string[];
}

export interface HistoryQuery extends HistorySelection {
  /** Inclusive. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  readonly pageSize?: number;
  readonly pageToken?: string;
}

export interface HistoryPoint {
  readonly property: string;
  readonly timeMs: number;
  readonly value: JsonValue;
  readonly messageId: string;
}

export interface HistoryAggregateQuery extends HistorySelection {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Width of the intervals, which begin at multiples of it since 1970 UTC. At least 1,000; at most 10,000 intervals, of all properties together. */
  readonly intervalMs: number;
}

/** Points of one interval; intervals without points are left out. */
export interface HistoryInterval {
  readonly property: string;
  readonly startMs: number;
  readonly count: number;
  /** Of the numbers among the values; absent when there are none. */
  readonly min?: number;
  readonly max?: number;
  readonly avg?: number;
  readonly last: JsonValue;
}

/** A message of a device that was not accepted, for `trace`. */
export interface Refusal {
  readonly device: DeviceRef;
  readonly atMs: number;
  readonly protocol: string;
  readonly topic: string;
  /** An error code of the platform's table. */
  readonly code: string;
  readonly reason: string;
}

export interface TraceConsumer {
  /** `history`, `shadow`, or `subscription:{name}`. */
  readonly consumer: string;
  /**
   * applied; notForIt: what was said of the past changes no shadow; refused, with the reason; acknowledged; filtered: its filter does not want it; inFlight: sent, not acknowledged; waiting: not reached yet; deadLetter;
   * discarded: a dead letter that somebody deleted; lost.
   */
  readonly state: string;
  /** How often it was sent so far, while in flight or dead. */
  readonly attempt?: number;
  /** Of a dead letter, while the webhook's endpoint is out, or where what is told follows from a filter or tags that may have been others then. */
  readonly reason?: string;
}

export interface TraceEntry {
  readonly atMs: number;
  /** `accepted` or `refused`. */
  readonly outcome: string;
  /** Of an accepted record. */
  readonly offset?: number;
  readonly messageId?: string;
  readonly kind?: string;
  readonly consumers?: readonly TraceConsumer[];
  /** Of a refused message. */
  readonly topic?: string;
  readonly protocol?: string;
  readonly code?: string;
  readonly reason?: string;
}

export interface TraceRequest extends DeviceAddress {
  /** At most 100, default 20. */
  readonly limit?: number;
  /** Which device of this name. Absent: the one there is, or else the one that was deleted last. */
  readonly deviceId?: string;
}

export interface Trace {
  readonly deviceId: string;
  /** Of a device that is gone: its trace is told as long as the log has anything of it. */
  readonly deletedAtMs?: number;
  /** Newest first. */
  readonly entries: readonly TraceEntry[];
}

/** Whether a device is connected, from its last online or offline record. */
export interface ConnectionStatus {
  readonly online: boolean;
  /** Since when; 0 when it was never seen. */
  readonly sinceMs: number;
  readonly clientId?: string;
  readonly protocol?: string;
  readonly nodeId?: string;
  readonly address?: string;
  /** Why it went. */
  readonly reason?: string;
}

/** The durable log of what devices said, its history, and its delivery to subscribers. */
export interface EventApi {
  /**
   * A long-lived stream per gateway. Frames are committed and acknowledged in order; what is not acknowledged may be sent again. A record that cannot
   * be stored for what it is takes no other with it.
   */
  append(caller: Caller, frames: AsyncIterable<AppendFrame>): AsyncIterable<AppendAck>;
  /**
   * For the platform's own consumers, which keep their cursors themselves: records after an offset, in order; waits up to `waitMs` for the
   * first. `consumer` has done everything up to `after`: retention keeps what it has not done, and metrics show how far behind it is.
   */
  read(
    caller: Caller,
    request: { readonly consumer: string; readonly after: number; readonly limit: number; readonly waitMs: number },
  ): Promise<{ readonly records: readonly LogRecord[] }>;
  /**
   * At least once; records of one device in order. Streams of one subscription share its records: those of one device go to one of them while
   * any is under way. A record not acknowledged in time or rejected comes again, with everything of its device after it.
   */
  subscribe(caller: Caller, requests: AsyncIterable<SubscribeRequest>): AsyncIterable<Delivery>;
  /** `alreadyExists` when the name is taken. */
  createSubscription(caller: Caller, request: SubscriptionSettings & { readonly start?: StartPosition }): Promise<Subscription>;
  getSubscription(caller: Caller, request: { readonly name: string }): Promise<Subscription>;
  listSubscriptions(
    caller: Caller,
    request: PageRequest,
  ): Promise<{ readonly subscriptions: readonly Subscription[]; readonly nextPageToken?: string }>;
  /** Members that are absent stay as they are; the filter is replaced as a whole. */
  updateSubscription(caller: Caller, request: SubscriptionSettings): Promise<Subscription>;
  /** Sets the cursor. What is under way is forgotten: open streams end with `unavailable`, and nothing said of what they were sent counts. */
  seekSubscription(caller: Caller, request: { readonly name: string; readonly position: StartPosition }): Promise<Subscription>;
  deleteSubscription(caller: Caller, request: { readonly name: string }): Promise<Record<never, never>>;
  /** Oldest first. */
  listDeadLetters(
    caller: Caller,
    request: PageRequest & { readonly name: string },
  ): Promise<{ readonly deadLetters: readonly DeadLetter[]; readonly nextPageToken?: string }>;
  /** Delivers them once more, all or those with these offsets; acknowledged, they are gone. Returns how many. */
  replayDeadLetters(
    caller: Caller,
    request: { readonly name: string; readonly offsets?: readonly number[] },
  ): Promise<{ readonly count: number }>;
  deleteDeadLetters(
    caller: Caller,
    request: { readonly name: string; readonly offsets?: readonly number[] },
  ): Promise<{ readonly count: number }>;
  /** Points, newest first; those of one record by the names of their properties backwards. */
  history(caller: Caller, request: HistoryQuery): Promise<{ readonly points: readonly HistoryPoint[]; readonly nextPageToken?: string }>;
  /** Intervals by property, in the order of names; of each, oldest first. */
  aggregateHistory(caller: Caller, request: HistoryAggregateQuery): Promise<{ readonly intervals: readonly HistoryInterval[] }>;
  getConnection(caller: Caller, request: DeviceAddress): Promise<ConnectionStatus>;
  /** From gateways, best effort: what was not accepted, for `trace`. At most 500. */
  recordRefusals(caller: Caller, request: { readonly refusals: readonly Refusal[] }): Promise<Record<never, never>>;
  /** A device's last messages, accepted and refused, and where each accepted one has got to. */
  trace(caller: Caller, request: TraceRequest): Promise<Trace>;
}
