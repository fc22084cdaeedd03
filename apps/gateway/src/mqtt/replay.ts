// Hot: retained messages on their way to a new subscription. As many as there is room for leave at a time; the rest follows as the client reads.
import { filterMatches } from "@mooring/mqtt";
import type { Message } from "../broker/message.ts";
import type { Places, RetainedMessages } from "../broker/retained.ts";
import type { Session } from "../broker/session.ts";
import type { SubscriptionOptions, Via } from "../broker/subscription.ts";

/**
 * With QoS 1 and 2: what can leave at once. For a session that is kept also what can wait, up to half of its queue: there it is safe from the end of
 * the connection, and SUBACK has promised it.
 */
function mayQueue(session: Session): boolean {
  return session.hasRoom || (session.isDurable && session.queued * 2 < session.space.limits.queuedMessagesMax);
}

/** Where those go that leave with QoS 0. */
export interface RetainedOutput {
  /** The message's bytes are good for this call only. */
  sendRetained(message: Message, ids: readonly number[] | null): void;
}

export class Replay {
  readonly filter: string;
  /** A message that was to be retained was dropped while this was under way. */
  hasMissed = false;
  readonly #places: Places;
  readonly #options: SubscriptionOptions;
  readonly #via: Via;
  #at = 0;

  constructor(filter: string, places: Places, options: SubscriptionOptions) {
    this.filter = filter;
    this.#places = places;
    this.#options = options;
    this.#via = { ids: options.ids, share: "" };
  }

  /** Sends what may be sent now. True when nothing is left. */
  pump(session: Session, out: RetainedOutput): boolean {
    const { space, channel } = session;
    while (this.#at < this.#places.length) {
      if (channel === null || !channel.isWritable) return false;
      const message = space.retained.at(this.#places, this.#at) ?? this.#replacement(space.retained);
      const qos = message !== undefined && message.qos < this.#options.qos ? message.qos : this.#options.qos;
      if (message !== undefined && qos !== 0 && !mayQueue(session)) return false;
      this.#at += 2;
      if (message === undefined || message.isExpired(space.clock.now())) continue;
      if (qos === 0) out.sendRetained(message, this.#options.ids);
      else space.send(session, message.copy(), qos, true, this.#via);
    }
    return true;
  }

  /**
   * What came in place of a message that waited here. It has gone out as a new one, and what waited would come behind it; but where there was no room
   * some with QoS 0 were dropped, and then the client would have nothing of the topic.
   */
  #replacement(retained: RetainedMessages): Message | undefined {
    const message = this.hasMissed ? retained.inPlaceOf(this.#places, this.#at) : undefined;
    if (message === undefined || (message.qos !== 0 && this.#options.qos !== 0)) return undefined;
    return filterMatches(this.filter, message.topic) ? message : undefined;
  }

  /** The connection of a session that is kept is gone: what is left, but for QoS 0, waits in its queue from now on, as far as there is room. */
  leave(session: Session): void {
    const { space, away, subscriptions } = session;
    const { queuedMessagesMax, queuedBytesMax } = space.limits;
    if (away === null || this.#options.qos === 0 || !subscriptions.has(this.filter)) return;
    for (; this.#at < this.#places.length; this.#at += 2) {
      const message = space.retained.at(this.#places, this.#at);
      if (message === undefined || message.qos === 0 || message.isExpired(space.clock.now())) continue;
      // What waits already is not dropped for it.
      if (away.messages >= queuedMessagesMax || away.bytes + message.bytes > queuedBytesMax) return;
      const qos = message.qos < this.#options.qos ? message.qos : this.#options.qos;
      space.send(session, message.copy(), qos, true, this.#via);
    }
  }
}
