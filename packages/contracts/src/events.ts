// The events service: see records.ts, subscriptions.ts, history.ts and trace.ts for what it is asked.
import type { Caller } from "./caller.ts";
import type { HistoryAggregateQuery, HistoryInterval, HistoryPoint, HistoryQuery } from "./history.ts";
import type { DeviceAddress } from "./ids.ts";
import type { PageRequest } from "./page.ts";
import type { AppendAck, AppendFrame, LogRecord } from "./records.ts";
import type { DeadLetter, Delivery, StartPosition, SubscribeRequest, Subscription, SubscriptionSettings } from "./subscriptions.ts";
import type { ConnectionStatus, Refusal, Trace, TraceRequest } from "./trace.ts";

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
