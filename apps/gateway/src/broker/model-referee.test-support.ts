// Keeps the book while the broker works, and says what is broken. It hears of each packet at the moment the broker reads it.
import type { Clock } from "@mooring/kit";
import {
  type ConnectPacket,
  ProtocolLevel,
  type PublishPacket,
  parseSharedFilter,
  type ReasonPacket,
  type SubscribePacket,
  type UnsubscribePacket,
} from "@mooring/mqtt";
import { Book, type BookSession, type BookWill, isWaitedFor } from "./model-book.test-support.ts";
import type { ModelClient } from "./model-client.test-support.ts";
import type { Delivery, Judge } from "./model-judge.test-support.ts";
import { Ledger } from "./model-ledger.test-support.ts";
import type { Link, Watch } from "./model-node.test-support.ts";
import { Past } from "./model-past.test-support.ts";
import { type Asked, Pledges } from "./model-pledges.test-support.ts";

const expirySMax = 3_600;

export class Referee implements Watch, Judge {
  readonly book = new Book();
  readonly ledger: Ledger;
  readonly failures: string[] = [];
  isExpiring = false;
  /** What happened, counted: a model that nothing happens in proves nothing. */
  readonly figures = { delivered: 0, redelivered: 0, acknowledged: 0, wills: 0, resumed: 0, restored: 0, dropped: 0, handedOn: 0 };
  readonly #clock: Clock;
  readonly #sessionOf = new Map<Link, BookSession>();
  /** Wills of sessions that have ended: to be published at once. */
  readonly #due = new Map<string, { readonly will: BookWill; readonly tenantId: string }>();
  #event = 0;
  #depth = 0;
  readonly past = new Past();
  readonly #pledges = new Pledges();
  /** Kept when the connection is gone: its last words may still be read. */
  readonly #serials = new Map<Link, number>();
  readonly #presence = new Map<Link, boolean>();
  /** Of sessions that are away: the event that they left with. */
  readonly #awayAfter = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.ledger = new Ledger((words) => this.fail(words));
    this.past.remember(this.book, this.#event);
  }

  fail(words: string): void {
    this.failures.push(words);
  }

  sessionOf(link: Link): BookSession | undefined {
    return this.#sessionOf.get(link);
  }

  // ---- the store

  hold(): void {
    this.past.hold(this.#event);
  }

  onAllCommitted(): void {
    this.past.onAllCommitted(this.#event);
  }

  /** The process has ended. `words` is what the store holds: it has to be what it was after one of the events. */
  onCrash(words: string): void {
    const nowMs = this.#clock.now();
    const found = this.past.find(words, nowMs);
    if (typeof found === "string") {
      return this.fail(`the store holds what never was, or what is older than what was acknowledged:\n${words}\n${found}`);
    }
    this.ledger.forgetAfter(found.first, found.last);
    const before = [...this.book.sessions.values()].map(({ serial }) => serial);
    this.#event++;
    const { sessions, retained } = found.kept;
    this.book.sessions = sessions;
    this.book.retained = retained;
    this.figures.restored += sessions.size;
    this.past.beginAgain(this.book, this.#event);
    const after = new Set([...sessions.values()].map(({ serial }) => serial));
    this.ledger.onLost(new Set(before.filter((serial) => !after.has(serial))));
    const over: BookSession[] = [];
    for (const [key, session] of [...sessions]) {
      // With a will that is owed it ends when the node looks at it, unless it did not outlive its connection.
      if (this.book.endsAtMs(session) <= nowMs && (!session.will || session.expiryS === 0)) {
        sessions.delete(key);
        over.push(session);
      } else if (session.isConnected) {
        session.isConnected = false;
        session.leftAtMs = nowMs;
      }
    }
    for (const session of over) this.#handOn(session);
    for (const serial of after) if (!this.#awayAfter.has(serial)) this.#awayAfter.set(serial, this.#event);
    this.#sessionOf.clear();
    this.#due.clear();
    for (const { will, tenantId } of over) if (will !== null) this.#due.set(will.payload, { will, tenantId });
    this.book.startedAtMs = nowMs;
    // Until the gateway has started: what it does meanwhile belongs to this event.
    this.#depth = 1;
  }

  #begin(): void {
    if (this.#depth++ === 0) this.#event++;
  }

  onDone(): void {
    if (--this.#depth > 0) return;
    this.past.remember(this.book, this.#event);
    for (const payload of this.#due.keys()) this.fail(`the will ${payload} was not published at the end of its session`);
    this.#due.clear();
    for (const payload of this.book.lateWills(this.#clock.now())) this.fail(`the will ${payload} was not published when it was due`);
  }

  onTickBegins(): void {
    this.#begin();
  }

  /** Time has passed. `isThere` says whether the broker still has the session. */
  onTick(isThere: (session: BookSession) => boolean): void {
    const nowMs = this.#clock.now();
    for (const session of [...this.book.sessions.values()]) {
      const there = isThere(session);
      if (there && nowMs > this.book.latestMs(this.book.endsAtMs(session))) this.fail(`the session of ${session.clientId} has not ended`);
      if (there) continue;
      if (nowMs < this.book.endsAtMs(session)) this.fail(`the session of ${session.clientId} ended too early`);
      const will = this.book.end(session);
      this.#handOn(session);
      if (will !== null) this.fail(`the will ${will.payload} was not published at the end of its session`);
    }
    this.onDone();
  }

  // ---- wills

  onWill(payload: string): void {
    const due = this.#due.get(payload);
    if (due !== undefined) {
      this.#due.delete(payload);
      // One without a delay goes out with the connection, to the session itself perhaps, which then ends.
      return this.#publishWill(due.will, due.tenantId, 0, due.will.delayS > 0);
    }
    for (const session of this.book.sessions.values()) {
      if (session.will?.payload !== payload) continue;
      const { will } = session;
      if (this.book.willDueMs(session) > this.#clock.now()) this.fail(`the will ${payload} was published before it was due`);
      session.will = null;
      return this.#publishWill(will, session.tenantId, session.serial);
    }
    this.fail(`the will ${payload} was published and is not owed, or was published before`);
  }

  #publishWill({ payload, topic, qos, retain }: BookWill, tenantId: string, publisher: number, reachesGroups = true): void {
    this.figures.wills++;
    this.ledger.note(payload, { tenantId, topic, publisher: payload, qos, expiresAtMs: 0 });
    this.#route(tenantId, { payload, topic, qos, retain }, publisher, reachesGroups);
  }

  // ---- sessions

  onConnect(link: Link, packet: ConnectPacket): void {
    this.#begin();
    const { clientId, cleanStart, protocolLevel, properties, will } = packet;
    const { tenantId } = link;
    const before = this.book.find(tenantId, clientId);
    if (before?.isConnected === true) this.#leave(before, false);
    if (cleanStart && this.book.find(tenantId, clientId) === before && before !== undefined) this.#end(before);
    const there = this.book.find(tenantId, clientId);
    this.#presence.set(link, there !== undefined);
    const session = there ?? this.book.begin(tenantId, clientId);
    const isV5 = protocolLevel === ProtocolLevel.V5;
    session.expiryS = isV5 ? (properties?.sessionExpiryIntervalS ?? 0) : cleanStart ? 0 : expirySMax;
    if (session.expiryS > 0) session.isKept = true;
    this.#sessionOf.set(link, session);
    this.#serials.set(link, session.serial);
    const willOf =
      will === null ? null : { ...will, payload: Buffer.from(will.payload).toString(), delayS: will.properties?.willDelayIntervalS ?? 0 };
    this.#arriving = { session, will: willOf };
  }

  #arriving: { readonly session: BookSession; readonly will: BookWill | null } | undefined;

  onWelcomed(link: Link, isPresent: boolean): void {
    if (isPresent) this.figures.resumed++;
    if (isPresent !== this.#presence.get(link)) this.fail(`session present was ${isPresent} in CONNACK`);
    if (this.#arriving === undefined) return;
    const { session, will } = this.#arriving;
    session.isConnected = true;
    session.will = will;
    this.#awayAfter.delete(session.serial);
    this.#arriving = undefined;
  }

  onDisconnect(link: Link, { reasonCode, properties }: ReasonPacket): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    if (session === undefined) return;
    const expiryS = properties?.sessionExpiryIntervalS;
    if (expiryS !== undefined) session.expiryS = expiryS;
    link.isClean = reasonCode === 0;
  }

  onClose(link: Link): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    this.#sessionOf.delete(link);
    if (session?.isConnected === true) this.#leave(session, link.isClean);
  }

  #leave(session: BookSession, isClean: boolean): void {
    for (const [link, one] of this.#sessionOf) if (one === session) this.#sessionOf.delete(link);
    session.isConnected = false;
    session.leftAtMs = this.#clock.now();
    this.#awayAfter.set(session.serial, this.#event);
    if (isClean) session.will = null;
    if (session.expiryS === 0) this.#end(session);
  }

  #end(session: BookSession): void {
    const will = this.book.end(session);
    this.#handOn(session);
    if (will !== null) this.#due.set(will.payload, { will, tenantId: session.tenantId });
  }

  /** It has ended: what it leaves of its groups is for their other members. */
  #handOn(session: BookSession): void {
    for (const name of session.subscriptions.keys()) this.#onGroup(session, name, true);
  }

  #onGroup({ serial, tenantId }: BookSession, name: string, hasEnded?: boolean): void {
    if (parseSharedFilter(name) === null) return;
    const awayAfter = this.#awayAfter.get(serial) ?? Number.POSITIVE_INFINITY;
    const left = hasEnded === undefined ? undefined : { serial, hasEnded, awayAfter };
    this.ledger.onGroup({ tenantId, name }, this.book.members(tenantId, name), left);
  }

  // ---- messages and subscriptions

  onPublish(link: Link, packet: PublishPacket): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    if (session === undefined) return;
    const { packetId, qos, topic, retain, properties } = packet;
    const { tenantId, serial, received, isKept } = session;
    if (qos === 2) {
      const before = received.get(packetId);
      this.#pledges.add(link, "publish", packetId, { isDurable: isKept, event: before ?? this.#event });
      if (before !== undefined) return;
      received.set(packetId, this.#event);
      session.released.delete(packetId);
    }
    const payload = packet.payload.toString();
    const expiryS = properties?.messageExpiryIntervalS;
    if (expiryS !== undefined) this.isExpiring = true;
    const expiresAtMs = expiryS === undefined ? 0 : this.#clock.now() + expiryS * 1_000;
    // Those that clear what is retained are all alike, so nobody can tell them apart.
    if (payload !== "") this.ledger.note(payload, { tenantId, topic, publisher: session.clientId, qos, expiresAtMs });
    const isDurable = this.#route(tenantId, { payload, topic, qos, retain }, serial);
    if (qos === 1) this.#pledges.add(link, "publish", packetId, { isDurable, event: this.#event });
  }

  /** Returns whether an acknowledgement has to wait for the store. */
  #route(tenantId: string, { payload, topic, qos, retain }: Omit<BookWill, "delayS">, publisher: number, reachesGroups = true): boolean {
    const direct = this.book.direct(tenantId, topic, qos, publisher);
    for (const target of direct) if (payload !== "") this.ledger.owe(payload, this.#event, [target]);
    let isDurable = direct.some((target) => isWaitedFor(target));
    for (const [name, members] of this.book.groups(tenantId, topic, qos)) {
      if (payload !== "") this.ledger.owe(payload, this.#event, members, reachesGroups ? { name } : { name, isSure: false });
      if (members.every((target) => isWaitedFor(target))) isDurable = true;
    }
    if (!retain) return isDurable;
    const isChanged = this.book.retain(tenantId, topic, payload);
    return isDurable || (isChanged && qos > 0);
  }

  onPubrel(link: Link, packetId: number): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    if (session === undefined) return;
    const before = session.released.get(packetId);
    const event = session.received.has(packetId) ? this.#event : (before ?? this.#event);
    this.#pledges.add(link, "pubrel", packetId, { isDurable: session.isKept, event });
    if (session.received.delete(packetId)) session.released.set(packetId, this.#event);
  }

  onSubscribe(link: Link, { packetId, subscriptions }: SubscribePacket): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    if (session === undefined) return;
    this.#pledges.add(link, "subscribe", packetId, { isDurable: session.isKept, event: this.#event });
    for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of subscriptions) {
      const isNew = !session.subscriptions.has(filter);
      session.subscriptions.set(filter, { qos, noLocal, retainAsPublished });
      this.#onGroup(session, filter);
      if (parseSharedFilter(filter) !== null || retainHandling === 2 || (retainHandling === 1 && !isNew)) continue;
      for (const payload of this.book.retainedFor(session, filter)) this.ledger.allowReplay(session.serial, payload, qos);
    }
  }

  onUnsubscribe(link: Link, { packetId, filters }: UnsubscribePacket): void {
    this.#begin();
    const session = this.#sessionOf.get(link);
    if (session === undefined) return;
    let isDurable = false;
    for (const filter of filters) {
      if (!session.subscriptions.delete(filter)) continue;
      if (session.isKept) isDurable = true;
      this.#onGroup(session, filter, false);
    }
    this.#pledges.add(link, "unsubscribe", packetId, { isDurable, event: this.#event });
  }

  // ---- what clients see

  onConnack(client: ModelClient, isPresent: boolean): void {
    if (client.link === undefined || isPresent !== this.#presence.get(client.link))
      this.fail(`${client.name} heard session present ${isPresent}`);
  }

  onAcknowledged(client: ModelClient, type: Asked, packetId: number): void {
    const link = client.link as Link;
    const pending = this.#pledges.find(link, type, packetId);
    if (pending === undefined) return this.fail(`${client.name} got an acknowledgement of ${type} ${packetId}, which it did not send`);
    const { event, isDurable } = pending;
    if (!isDurable) return;
    this.figures.acknowledged++;
    if (!this.past.isCommittable(event)) this.fail(`${type} ${packetId} of ${client.name} was acknowledged before it was committed`);
    this.past.onAcknowledged(event);
  }

  onDelivery(client: ModelClient, delivery: Delivery): void {
    const serial = client.link === undefined ? undefined : this.#serials.get(client.link);
    if (serial === undefined || delivery.payload === "") return;
    if (delivery.qos > 0) this.figures[delivery.dup ? "redelivered" : "delivered"]++;
    this.ledger.onDelivery(client.name, serial, delivery, this.#clock.now());
  }
}
