// `$SYS`: what one tenant's broker does, as messages, for operators who look there. Made only while somebody listens, and kept nowhere.
import type { Running } from "@mooring/kit";
import { filterMatches } from "@mooring/mqtt";
import { createMessage, type Message } from "./message.ts";
import type { Space } from "./space.ts";
import type { Spaces } from "./spaces.ts";

const intervalMs = 10_000;
const figuresStart = "$SYS";

/** Topic -> value, under the names that other brokers use. Counts are since the node started, and of this node. */
function figuresOf(space: Space, startedAtMs: number): readonly (readonly [string, string | number])[] {
  const { counters, retained } = space;
  return [
    ["$SYS/broker/version", "Mooring"],
    ["$SYS/broker/uptime", Math.round((performance.now() - startedAtMs) / 1_000)],
    ["$SYS/broker/clients/connected", counters.connections],
    ["$SYS/broker/clients/total", space.sessions],
    ["$SYS/broker/clients/persistent", space.keptSessions],
    ["$SYS/broker/subscriptions/count", space.subscriptions],
    ["$SYS/broker/retained messages/count", retained.count],
    ["$SYS/broker/retained messages/bytes", retained.bytes],
    ["$SYS/broker/publish/messages/received", counters.messagesIn],
    ["$SYS/broker/publish/messages/sent", counters.messagesOut],
    ["$SYS/broker/publish/messages/dropped", counters.qos0Dropped + counters.queueDropped],
    ["$SYS/broker/wills/published", counters.willsPublished],
  ];
}

function messageOf(topic: string, value: string | number): Message {
  return createMessage({ topic, payload: Buffer.from(String(value)), qos: 0, retain: false, properties: null }, 0);
}

/** Who looks at the figures. */
export interface Listener {
  say(message: Message, filter: string): void;
}

export class Figures {
  readonly #spaces: Spaces;
  readonly #startedAtMs = performance.now();

  constructor(spaces: Spaces) {
    this.#spaces = spaces;
  }

  /** Says how things are, now, to who has begun to listen to these filters; the others hear it when it is time. */
  tell(space: Space, filters: readonly string[], listener: Listener): void {
    const here = filters.filter((filter) => filter.startsWith(figuresStart));
    if (here.length === 0) return;
    for (const [topic, value] of figuresOf(space, this.#startedAtMs)) {
      const filter = here.find((one) => filterMatches(one, topic));
      if (filter !== undefined) listener.say(messageOf(topic, value), filter);
    }
  }

  #publish(space: Space): void {
    for (const [topic, value] of figuresOf(space, this.#startedAtMs)) {
      if (space.wants(topic, false)) space.route(messageOf(topic, value), topic, 0, null);
    }
  }

  start(): Running {
    const timer = setInterval(() => {
      for (const space of this.#spaces.all()) this.#publish(space);
    }, intervalMs);
    timer.unref();
    return {
      stop() {
        clearInterval(timer);
        return Promise.resolve();
      },
    };
  }
}
