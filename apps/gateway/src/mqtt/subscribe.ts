// Hot: SUBSCRIBE and UNSUBSCRIBE, filter by filter, and what of them is kept.
import type { SessionOp } from "@mooring/contracts";
import { isValidTopicFilter, parseSharedFilter, ReasonCode, type SubscribePacket, type SubscriptionRequest } from "@mooring/mqtt";
import type { Session } from "../broker/session.ts";
import { chosen, type SubscriptionOptions } from "../broker/subscription.ts";
import type { ChannelLimits } from "./channel-ports.ts";
import { Replay } from "./replay.ts";

/** Who subscribes. */
export interface Subscriber {
  readonly session: Session;
  readonly limits: ChannelLimits;
  /** 0, or why the client may not hear what this filter (without `$share/...`) matches. */
  refuseFilter(filter: string, isShared: boolean): number;
}

export interface Subscribed {
  /** For SUBACK: one per filter. */
  readonly reasonCodes: readonly number[];
  readonly granted: readonly string[];
  readonly ops: readonly SessionOp[];
  /** Retained messages to be sent behind SUBACK. */
  readonly replays: readonly Replay[];
}

/** What is not granted is not kept. */
export function subscribe(subscriber: Subscriber, { subscriptions, properties }: SubscribePacket): Subscribed {
  const id = properties?.subscriptionIds?.[0] ?? 0;
  const reasonCodes: number[] = [];
  const granted: string[] = [];
  const replays: Replay[] = [];
  for (const request of subscriptions) {
    const code = subscribeTo(subscriber, request, id, replays);
    reasonCodes.push(code);
    if (code < 0x80) granted.push(request.filter);
  }
  const { session } = subscriber;
  return { reasonCodes, granted, replays, ops: session.isDurable ? granted.map((filter) => subscriptionOp(session, filter)) : [] };
}

/** The SUBACK code of one filter. */
function subscribeTo(subscriber: Subscriber, request: SubscriptionRequest, id: number, replays: Replay[]): number {
  const { session, limits } = subscriber;
  const { filter, qos, retainHandling } = request;
  if (!isValidTopicFilter(filter, limits.topicBytesMax, limits.topicLevelsMax)) return ReasonCode.TopicFilterInvalid;
  const shared = parseSharedFilter(filter);
  const refused = subscriber.refuseFilter(shared === null ? filter : shared.filter, shared !== null);
  if (refused !== 0) return refused;
  const { subscriptions, isDurable, space } = session;
  const max = isDurable ? Math.min(limits.subscriptionsMax, limits.keptSubscriptionsMax) : limits.subscriptionsMax;
  if (subscriptions.size >= max && !subscriptions.has(filter)) return ReasonCode.QuotaExceeded;
  const options = chosen(qos, request, id);
  const isNew = space.subscribe(session, filter, options);
  // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]; shared subscriptions are sent none (s4.8.2).
  if (shared === null && (retainHandling === 0 || (retainHandling === 1 && isNew))) prepareReplay(session, filter, options, replays);
  return qos;
}

function prepareReplay({ space }: Session, filter: string, options: SubscriptionOptions, replays: Replay[]): void {
  if (space.retained.count === 0) return;
  const places = space.retained.match(filter);
  if (places.length > 0) replays.push(new Replay(filter, places, options));
}

function subscriptionOp({ id, subscriptions }: Session, filter: string): SessionOp {
  const { qos, noLocal, retainAsPublished, ids } = subscriptions.get(filter) as SubscriptionOptions;
  const choice = { filter, qos, noLocal, retainAsPublished, retainHandling: 0, subscriptionId: ids?.[0] ?? 0 };
  return { op: "putSubscription", sessionId: id, ...choice };
}

/** For UNSUBACK, one code per filter. */
export function unsubscribe(session: Session, filters: readonly string[]): Pick<Subscribed, "reasonCodes" | "ops"> {
  const reasonCodes: number[] = [];
  const ops: SessionOp[] = [];
  for (const filter of filters) {
    const isGone = session.space.unsubscribe(session, filter);
    reasonCodes.push(isGone ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted);
    if (isGone) ops.push({ op: "deleteSubscription", sessionId: session.id, filter });
  }
  return { reasonCodes, ops };
}
