// Who is told of records: durable subscriptions, their endpoints, and what was never taken.
import type { LogRecord } from "./records.ts";

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
