// What sessions, subscriptions, retained messages and wills there have to be, in the fewest words. Plain data, so that a copy is a copy.
import type { ListedSession, StoredMessage } from "@mooring/contracts";
import { filterMatches, parseSharedFilter } from "@mooring/mqtt";

/** Deadlines are met by a wheel of seconds. */
const slackMs = 1_000;

export interface BookSubscription {
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
}

export interface BookWill {
  readonly payload: string;
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly delayS: number;
}

export interface BookSession {
  /** Of one life of the session: another one of the same client id has another. */
  readonly serial: number;
  readonly tenantId: string;
  readonly clientId: string;
  isKept: boolean;
  isConnected: boolean;
  expiryS: number;
  leftAtMs: number;
  will: BookWill | null;
  readonly subscriptions: Map<string, BookSubscription>;
  /** QoS 2 packet ids that wait for PUBREL, and the event that each came with. */
  readonly received: Map<number, number>;
  /** The same ids after PUBREL. */
  readonly released: Map<number, number>;
}

/** One session that a message goes to. */
export interface Target {
  readonly serial: number;
  readonly qos: number;
  readonly isKept: boolean;
  readonly mayRetain: boolean;
}

export class Book {
  sessions = new Map<string, BookSession>();
  /** Payloads by tenant and topic. */
  retained = new Map<string, string>();
  /** When the process began. */
  startedAtMs = 0;
  #lastSerial = 0;

  /** What has to survive the process. */
  copy(): Pick<Book, "sessions" | "retained"> {
    const sessions = new Map<string, BookSession>();
    for (const [key, one] of this.sessions) {
      if (!one.isKept) continue;
      const maps = { subscriptions: new Map(one.subscriptions), received: new Map(one.received), released: new Map(one.released) };
      sessions.set(key, { ...one, ...maps });
    }
    return { sessions, retained: new Map(this.retained) };
  }

  find(tenantId: string, clientId: string): BookSession | undefined {
    return this.sessions.get(keyOf(tenantId, clientId));
  }

  bySerial(serial: number): BookSession | undefined {
    for (const session of this.sessions.values()) if (session.serial === serial) return session;
    return undefined;
  }

  begin(tenantId: string, clientId: string): BookSession {
    const session: BookSession = {
      ...{ serial: ++this.#lastSerial, tenantId, clientId, isKept: false, isConnected: false, expiryS: 0, leftAtMs: 0, will: null },
      ...{ subscriptions: new Map(), received: new Map(), released: new Map() },
    };
    this.sessions.set(keyOf(tenantId, clientId), session);
    return session;
  }

  /** Returns the will that is due with its end. */
  end(session: BookSession): BookWill | null {
    this.sessions.delete(keyOf(session.tenantId, session.clientId));
    return session.will;
  }

  // ---- times

  endsAtMs({ isConnected, leftAtMs, expiryS }: BookSession): number {
    return isConnected ? Number.POSITIVE_INFINITY : leftAtMs + expiryS * 1_000;
  }

  willDueMs({ will, isConnected, leftAtMs, expiryS }: BookSession): number {
    return will === null || isConnected ? Number.POSITIVE_INFINITY : leftAtMs + Math.min(will.delayS, expiryS) * 1_000;
  }

  /** When what is due at a time has to be done: what was due before the process began is done with the first ticks of its wheel. */
  latestMs(dueMs: number): number {
    return Math.max(dueMs, this.startedAtMs) + slackMs;
  }

  /** Those that had to be published by now. One without a delay goes out with its connection, or before a gateway that starts lets clients in. */
  lateWills(nowMs: number): string[] {
    return [...this.sessions.values()].flatMap((session) => {
      const { will, expiryS } = session;
      const dueMs = this.willDueMs(session);
      const isAtOnce = will?.delayS === 0 && expiryS > 0;
      return will !== null && (isAtOnce ? nowMs >= dueMs : nowMs > this.latestMs(dueMs)) ? [will.payload] : [];
    });
  }

  // ---- who gets what

  /** By subscriptions of their own. A session with several that match gets one copy, at the highest QoS [MQTT-3.3.4-2]. */
  direct(tenantId: string, topic: string, qos: number, publisher: number): Target[] {
    const targets: Target[] = [];
    for (const session of this.sessions.values()) {
      if (session.tenantId !== tenantId) continue;
      const matching = [...session.subscriptions].filter(([filter]) => parseSharedFilter(filter) === null && filterMatches(filter, topic));
      const found = matching.map(([, subscription]) => subscription);
      if (found.length === 0 || (session.serial === publisher && found.every(({ noLocal }) => noLocal))) continue;
      targets.push({
        serial: session.serial,
        qos: Math.min(qos, Math.max(...found.map((one) => one.qos))),
        isKept: session.isKept,
        mayRetain: found.some(({ retainAsPublished }) => retainAsPublished),
      });
    }
    return targets;
  }

  /** Keeps a message as its topic's retained one; an empty one takes that away. Returns whether anything is different. */
  retain(tenantId: string, topic: string, payload: string): boolean {
    const key = keyOf(tenantId, topic);
    if (payload === "") return this.retained.delete(key);
    this.retained.set(key, payload);
    return true;
  }

  retainedFor({ tenantId }: BookSession, filter: string): string[] {
    const start = keyOf(tenantId, "");
    const matching = [...this.retained].filter(([key]) => key.startsWith(start) && filterMatches(filter, key.slice(start.length)));
    return matching.map(([, payload]) => payload);
  }

  /** Who is in a group; `qos` is what each was granted. */
  members(tenantId: string, name: string): Target[] {
    const targets: Target[] = [];
    for (const { serial, isKept, subscriptions, tenantId: its } of this.sessions.values()) {
      const choice = its === tenantId ? subscriptions.get(name) : undefined;
      if (choice !== undefined) targets.push({ serial, isKept, qos: choice.qos, mayRetain: choice.retainAsPublished });
    }
    return targets;
  }

  /** By shared subscriptions: for each group those one of whom gets it. */
  groups(tenantId: string, topic: string, qos: number): Map<string, Target[]> {
    const groups = new Map<string, Target[]>();
    for (const session of this.sessions.values()) {
      if (session.tenantId !== tenantId) continue;
      for (const [name, subscription] of session.subscriptions) {
        const shared = parseSharedFilter(name);
        if (shared === null || !filterMatches(shared.filter, topic)) continue;
        const { serial, isKept } = session;
        const target = { serial, isKept, qos: Math.min(qos, subscription.qos), mayRetain: subscription.retainAsPublished };
        groups.set(name, [...(groups.get(name) ?? []), target]);
      }
    }
    return groups;
  }
}

export function keyOf(tenantId: string, name: string): string {
  return `${tenantId}/${name}`;
}

/** What the store has to have, as text; what has expired by `nowMs` is not listed. */
export function wordsOfBook({ sessions, retained }: Pick<Book, "sessions" | "retained">, nowMs: number): string {
  const lines: string[] = [];
  for (const [key, one] of sessions) {
    const isOver = !one.isConnected && one.leftAtMs + one.expiryS * 1_000 <= nowMs;
    if (!one.isKept || (isOver && !one.will)) continue;
    const left = one.isConnected ? "connected" : `left ${one.leftAtMs}`;
    const subscriptions = [...one.subscriptions].map(([filter, choice]) => subscriptionWords(filter, choice)).sort();
    const received = [...one.received.keys()].sort((a, b) => a - b);
    lines.push(`${key} ${one.expiryS} ${left} will ${one.will?.payload} [${subscriptions}] received ${received}`);
  }
  for (const [key, payload] of retained) lines.push(`retained ${key} ${payload}`);
  return lines.sort().join("\n");
}

/** What it does have, in the same words. Those that are over and there for others only are left out. */
export function wordsOfStore(sessions: readonly ListedSession[], retained: readonly StoredMessage[], nowMs: number): string {
  const lines: string[] = [];
  for (const one of sessions) {
    const leftAtMs = one.disconnectedAtMs ?? Number.POSITIVE_INFINITY;
    if (one.will === undefined && leftAtMs + one.expiryIntervalS * 1_000 <= nowMs) continue;
    const left = one.disconnectedAtMs === undefined ? "connected" : `left ${one.disconnectedAtMs}`;
    const will = one.will === undefined ? undefined : Buffer.from(one.will.payload).toString();
    const subscriptions = one.subscriptions.map((choice) => subscriptionWords(choice.filter, choice)).sort();
    const key = keyOf(one.tenantId, one.clientId);
    lines.push(`${key} ${one.expiryIntervalS} ${left} will ${will} [${subscriptions}] received ${one.receivedPacketIds}`);
  }
  for (const { tenantId, topic, payload } of retained) lines.push(`retained ${keyOf(tenantId, topic)} ${Buffer.from(payload)}`);
  return lines.sort().join("\n");
}

function subscriptionWords(filter: string, { qos, noLocal, retainAsPublished }: BookSubscription): string {
  return `${filter} ${qos}${noLocal ? " noLocal" : ""}${retainAsPublished ? " retainAsPublished" : ""}`;
}

/** Whether a message is acknowledged only when it is on disk for this session. */
export function isWaitedFor({ isKept, qos }: Target): boolean {
  return isKept && qos > 0;
}
