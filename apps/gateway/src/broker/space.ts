// Hot: one tenant's broker: who subscribes to what, what is retained, which sessions there are. Nothing here knows another tenant.
//
//   PUBLISH --> route --> trie: subscriptions that match --> QoS 0: into the connection's buffer
//                 |                                      |-> session in memory: in flight, or queued
//                 '-> retained                           '-> session that is kept: Commit --> store --> leaves, and is acknowledged
import type { SessionOp } from "@mooring/contracts";
import type { Clock, TimerWheel } from "@mooring/kit";
import type { PublishPacket, Qos } from "@mooring/mqtt";
import { Commit } from "./commit.ts";
import { BrokerCounters } from "./counters.ts";
import { DueWills, type PublishWill } from "./due-wills.ts";
import { Endings } from "./endings.ts";
import { KeptQueues } from "./kept-queues.ts";
import type { BrokerLimits } from "./limits.ts";
import { Message, messageOfPacket } from "./message.ts";
import type { SessionStore } from "./ports.ts";
import { RetainedMessages } from "./retained.ts";
import { Session, sessionKey } from "./session.ts";
import { SharedQueues } from "./shared-queues.ts";
import { storedMessage, storedSession } from "./stored.ts";
import type { Subscription, SubscriptionOptions, Via } from "./subscription.ts";
import { SubscriptionTable } from "./subscription-table.ts";

export interface SpaceDeps {
  readonly tenantId: string;
  readonly nodeId: string;
  readonly store: SessionStore;
  readonly limits: BrokerLimits;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  /** How the will of a session is published: a device's goes the way of what it says. */
  readonly onWill: PublishWill;
  /** Told what broke while a session without a connection was dealt with. */
  readonly onFault: (error: unknown) => void;
}

/** How the bytes of what is routed may go on: see Message. */
export const Form = { V5: 1, Plain: 2 } as const;

export function formOf({ isV5, isPlain }: Message): number {
  return (isV5 ? Form.V5 : 0) | (isPlain ? Form.Plain : 0);
}

export class Space {
  readonly tenantId: string;
  readonly store: SessionStore;
  readonly limits: BrokerLimits;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly counters = new BrokerCounters();
  readonly retained = new RetainedMessages();
  readonly queues: KeptQueues;
  readonly shared = new SharedQueues(this);
  readonly endings: Endings;
  readonly wills: DueWills;
  readonly onFault: SpaceDeps["onFault"];
  readonly #table = new SubscriptionTable();
  readonly #sessions = new Map<string, Session>();
  #kept = 0;
  readonly #nodeId: string;

  constructor(deps: SpaceDeps) {
    this.tenantId = deps.tenantId;
    this.store = deps.store;
    this.limits = deps.limits;
    this.wheel = deps.wheel;
    this.clock = deps.clock;
    this.#nodeId = deps.nodeId;
    this.onFault = deps.onFault;
    this.endings = new Endings(deps.store);
    this.wills = new DueWills(this, deps.onWill);
    this.queues = new KeptQueues({ ...deps, counters: this.counters });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions that outlive their connections. */
  get keptSessions(): number {
    return this.#kept;
  }

  get subscriptions(): number {
    return this.#table.size;
  }

  // ---- publishing

  /** Whether anybody would get it, or it is retained. */
  wants(topic: string, retain: boolean): boolean {
    return retain || (this.#table.size > 0 && this.#table.match(topic).length > 0);
  }

  /**
   * Hands a message to all who subscribe. `form` says what its bytes are. Returns the commit to be waited for, or null when all is done; the
   * number of subscribers is in `matched` either way. The packet's bytes are copied as far as they are kept.
   */
  route(source: PublishPacket | Message, topic: string, form: number, publisher: Session | null): Commit | null {
    const found = this.#table.match(topic);
    let message: Message | null = source instanceof Message ? source : null;
    let commit: Commit | null = null;
    for (let i = 0; i < found.length; i++) {
      const one = found[i] as Subscription;
      const to = one.group === null ? one : one.group.pick(one.qos !== 0 && source.qos !== 0);
      if (to === undefined) continue;
      const session = to.session as Session;
      if (to.noLocal && session === publisher) continue; // [MQTT-3.8.3-3]
      const qos: Qos = to.qos < source.qos ? to.qos : source.qos; // [MQTT-3.8.4-8]
      if (qos === 0) {
        if (session.channel !== null) session.channel.sendQos0(source, topic, form, to);
        continue;
      }
      message ??= messageOfPacket(source as PublishPacket, topic, (form & Form.V5) !== 0, this.clock.now());
      const retain = to.retainAsPublished && source.retain; // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
      if (!session.isDurable) session.accept(message, qos, retain, to);
      else {
        commit ??= new Commit(found.length);
        commit.add(session, session.reserve(message, qos, retain, to));
      }
    }
    if (commit !== null && message !== null) this.queues.add(message, commit);
    if (source.retain) {
      message ??= messageOfPacket(source as PublishPacket, topic, (form & Form.V5) !== 0, this.clock.now());
      commit = this.#retain(message, commit, found.length);
    }
    this.matched = found.length;
    return commit;
  }

  /** Sends a message to one session: a retained one to who subscribes, one of a group to another member. */
  send(session: Session, message: Message, qos: 1 | 2, retain: boolean, via: Via): void {
    if (!session.isDurable) return session.accept(message, qos, retain, via);
    const commit = new Commit(1);
    commit.add(session, session.reserve(message, qos, retain, via));
    this.queues.add(message, commit);
  }

  /** How many subscriptions the last routed message matched. */
  matched = 0;

  /** Whether a message may be retained: in place of another one, or within the limits. */
  mayRetain(topic: string, payloadBytes: number): boolean {
    const { retainedMax, retainedBytesMax } = this.limits;
    if (payloadBytes === 0) return true;
    const before = this.retained.charge(topic);
    const bytes = this.retained.bytes - before + payloadBytes;
    return (before > 0 || this.retained.count < retainedMax) && bytes <= retainedBytesMax;
  }

  /** [MQTT-3.3.1-5], [MQTT-3.3.1-6], [MQTT-3.3.1-7]. Waited for with QoS 1 and 2. */
  #retain(message: Message, commit: Commit | null, matched: number): Commit | null {
    const { tenantId } = this;
    let op: SessionOp;
    if (message.payloadStart === message.payloadEnd) {
      if (!this.retained.delete(message.topic)) return commit;
      op = { op: "deleteRetained", tenantId, topic: message.topic };
    } else if (!this.mayRetain(message.topic, message.payloadEnd - message.payloadStart)) {
      this.counters.retainedRefused++;
      return commit;
    } else {
      this.retained.put(message);
      op = { op: "putRetained", tenantId, message: storedMessage(message, tenantId, this.clock.now()) };
    }
    if (message.qos === 0) {
      this.store.write(op, null);
      return commit;
    }
    const waiting = commit ?? new Commit(matched);
    this.store.write(op, waiting.expect());
    return waiting;
  }

  // ---- sessions

  find(key: string): Session | undefined {
    return this.#sessions.get(key);
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** A session that begins now, under a key that is free. */
  create(clientId: string, owner: string): Session {
    const session = new Session(this, sessionKey(owner, clientId), clientId, owner);
    this.#sessions.set(session.key, session);
    return session;
  }

  /** Puts back a session that the store knows. */
  restore(session: Session): void {
    this.#kept++;
    this.#sessions.set(session.key, session);
    for (const [filter, options] of session.subscriptions) this.#table.put(session, filter, options);
  }

  /** Ends a session and all of it; its will is published if it has not been (MQTT 5 s3.1.2.5). */
  end(session: Session): void {
    if (this.#sessions.get(session.key) !== session) return;
    this.#sessions.delete(session.key);
    this.wheel.cancel(session);
    for (const filter of session.subscriptions.keys()) this.#table.remove(session, filter);
    session.subscriptions.clear();
    try {
      // When nothing is left of it: it would take what another member of its group can have.
      this.publishWill(session);
    } catch (error) {
      session.will = null;
      throw error;
    } finally {
      if (session.isDurable) this.#kept--;
      this.shared.onEnded(session);
    }
  }

  /** A session is kept from now on. */
  onKept(): void {
    this.#kept++;
  }

  /** The session's will, if it has one, is due: see DueWills. */
  publishWill(session: Session): void {
    this.wills.publish(session);
  }

  /** The will of a session, or of one that was, is out for good. */
  onWillOut(session: Session): void {
    if (this.#sessions.get(session.key) === session || session.isOver) this.keep(session);
    else this.shared.forget(session);
  }

  /** Writes down how a session is. */
  keep(session: Session): void {
    if (session.isDurable) this.store.write(this.#putSession(session), null);
  }

  /** Writes down that it has ended, and leaves what of it is still for others: its will, what is in its queue. */
  keepOver(session: Session): void {
    session.expiryS = 0;
    this.endings.write(session.key, this.#putSession(session));
  }

  #putSession(session: Session): SessionOp {
    return { op: "putSession", ...storedSession(session, this.#nodeId) };
  }

  // ---- subscriptions

  /** Subscribes, in place of the session's subscription to the same filter [MQTT-3.8.4-3]. Returns whether it is a new one. */
  subscribe(session: Session, filter: string, choice: SubscriptionOptions): boolean {
    const isNew = !session.subscriptions.has(filter);
    session.subscriptions.set(filter, choice);
    this.#table.put(session, filter, choice);
    return isNew;
  }

  /** Returns whether there was such a subscription. The caller writes it down. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false;
    this.#table.remove(session, filter);
    this.shared.onLeft(session, filter);
    return true;
  }

  get hasGroups(): boolean {
    return this.#table.hasGroups;
  }

  /** Whether the shared subscription has members. */
  hasGroup(share: string): boolean {
    return this.#table.group(share) !== undefined;
  }

  /** Whose turn it is to get a QoS 1 or 2 message of a shared subscription. */
  pick(share: string): Subscription | undefined {
    return this.#table.group(share)?.pick(true);
  }
}
