// Hot: who gets what matches a filter, and how.
import type { Qos } from "@mooring/mqtt";
import type { Session } from "./session.ts";
import type { SharedGroup } from "./shared-group.ts";

/** How a message came to a session: what the session's copy of it carries. */
export interface Via {
  /** Of the subscriptions that matched, in their order; null for none. */
  readonly ids: readonly number[] | null;
  /** The shared subscription, `$share/{group}/{filter}`; "" for none. */
  readonly share: string;
}

/** By no subscription. */
export const direct: Via = { ids: null, share: "" };

/** One subscription of one session, or of a shared group: then `session` is null and the group names a session per message. */
export class Subscription implements Via {
  readonly session: Session | null;
  readonly group: SharedGroup | null;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly ids: readonly number[] | null;
  readonly share: string;

  constructor(session: Session | null, group: SharedGroup | null, options: SubscriptionOptions) {
    this.session = session;
    this.group = group;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.ids = options.ids;
    this.share = group === null ? "" : group.name;
  }
}

export interface SubscriptionOptions {
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly ids: readonly number[] | null;
}

const choices = new Map<number, SubscriptionOptions>();

/** What a client chose for a filter: `id` is 0 for none. Without one it is an object that all who choose so share, since most do. */
export function chosen(
  qos: Qos,
  { noLocal, retainAsPublished }: Omit<SubscriptionOptions, "qos" | "ids">,
  id: number,
): SubscriptionOptions {
  if (id !== 0) return { qos, noLocal, retainAsPublished, ids: [id] };
  const key = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0);
  let choice = choices.get(key);
  if (choice === undefined) {
    choice = { qos, noLocal, retainAsPublished, ids: null };
    choices.set(key, choice);
  }
  return choice;
}

/** The session's subscription with these options: it says nothing of its filter, so one is for all that were chosen alike. */
export function subscriptionOf(session: Session, options: SubscriptionOptions): Subscription {
  const { qos, noLocal, retainAsPublished, ids } = options;
  const last = session.lastSubscription;
  if (last?.qos === qos && last.noLocal === noLocal && last.retainAsPublished === retainAsPublished && last.ids === ids) return last;
  session.lastSubscription = new Subscription(session, null, options);
  return session.lastSubscription;
}

/**
 * Makes one of the subscriptions of one session that match the same topic: it is sent one copy, at the highest QoS [MQTT-3.3.4-2], with the
 * identifiers of all [MQTT-3.3.4-4]. Once per topic, since the trie caches what it matched.
 */
export function mergeBySession(found: Subscription[]): readonly Subscription[] {
  const bySession = new Map<Session, Subscription>();
  const merged: Subscription[] = [];
  for (const one of found) {
    if (one.session === null) {
      merged.push(one);
      continue;
    }
    const other = bySession.get(one.session);
    bySession.set(one.session, other === undefined ? one : join(other, one));
  }
  merged.push(...bySession.values());
  return merged;
}

function join(a: Subscription, b: Subscription): Subscription {
  return new Subscription(a.session, null, {
    qos: a.qos > b.qos ? a.qos : b.qos,
    // What one of them would get of the session's own messages, it gets.
    noLocal: a.noLocal && b.noLocal,
    retainAsPublished: a.retainAsPublished || b.retainAsPublished,
    ids: a.ids === null ? b.ids : b.ids === null ? a.ids : [...a.ids, ...b.ids],
  });
}
