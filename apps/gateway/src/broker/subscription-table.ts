// Hot: who subscribes to what within one tenant: a trie of filters, and the groups of shared subscriptions.
import { parseSharedFilter, SubscriptionTrie } from "@mooring/mqtt";
import { isPlatformTopic } from "../route/acl.ts";
import type { Session } from "./session.ts";
import { SharedGroup } from "./shared-group.ts";
import { mergeBySession, Subscription, type SubscriptionOptions, subscriptionOf } from "./subscription.ts";

export class SubscriptionTable {
  readonly #trie = new SubscriptionTrie<Session | SharedGroup, Subscription>(undefined, mergeBySession);
  readonly #groups = new Map<string, SharedGroup>();

  get size(): number {
    return this.#trie.size;
  }

  get hasGroups(): boolean {
    return this.#groups.size > 0;
  }

  group(share: string): SharedGroup | undefined {
    return this.#groups.get(share);
  }

  match(topic: string): readonly Subscription[] {
    return this.#trie.match(topic);
  }

  /** In place of the session's subscription to the same filter. */
  put(session: Session, filter: string, options: SubscriptionOptions): void {
    if (!isRouted(session, filter)) return;
    const shared = parseSharedFilter(filter);
    if (shared === null) {
      this.#trie.add(filter, session, subscriptionOf(session, options));
      return;
    }
    let group = this.#groups.get(filter);
    if (group === undefined) {
      group = new SharedGroup(filter);
      this.#groups.set(filter, group);
      this.#trie.add(shared.filter, group, new Subscription(null, group, { ...options, qos: 2, ids: null }));
    }
    group.put(session, options);
  }

  remove(session: Session, filter: string): void {
    if (!isRouted(session, filter)) return;
    const shared = parseSharedFilter(filter);
    if (shared === null) {
      this.#trie.remove(filter, session);
      return;
    }
    const group = this.#groups.get(filter);
    group?.remove(session);
    if (group === undefined || group.size > 0) return;
    this.#groups.delete(filter);
    this.#trie.remove(shared.filter, group);
  }
}

/**
 * In the platform's own topics a device hears the platform and nobody else, itself included: what it publishes there is not sent back to it. So
 * those filters, which most of a fleet has, are not in the trie.
 */
function isRouted({ owner }: Session, filter: string): boolean {
  return !owner.startsWith("device:") || !isPlatformTopic(filter);
}
