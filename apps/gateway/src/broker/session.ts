// Hot: what of a client outlives its connection: subscriptions, messages in flight both ways, what waits. Sans-I/O.
//
//   attach --> [ connected ] --detach--> [ away ] --expiry--> ended
//                   ^                       |
//                   '------- attach --------'
//
// A session whose expiry interval is 0 ends with its connection and lives in memory only. Any other is kept: every change of it is written to the
// store, QoS 1 and 2 messages for it leave after they are committed, and while it is away this object holds figures and no messages.
//
// Others' publishes, the store and timers call in here too: what throws then ends this session's connection, and never who called (`fail`).
// Memory: 0.4 KB while idle; Delivery, 0.4 KB, comes with the first QoS 1 message.
import { randomUUID } from "node:crypto";
import { WheelEntry } from "@mooring/kit";
import { ReasonCode } from "@mooring/mqtt";
import { AwayQueue } from "./away-queue.ts";
import { Delivery } from "./delivery.ts";
import { Flight } from "./flight.ts";
import type { Message } from "./message.ts";
import type { SessionChannel } from "./ports.ts";
import type { Space } from "./space.ts";
import { direct, type Subscription, type SubscriptionOptions, type Via } from "./subscription.ts";
import type { SessionWill } from "./will.ts";

/** `expiryS` of a session that never ends by itself. */
export const neverExpires = 0xffff_ffff;
/** A device's client ids are its own; those of other clients are the tenant's. */
export function sessionKey(owner: string, clientId: string): string {
  return owner.startsWith("device:") ? `${owner}|${clientId}` : `|${clientId}`;
}

export class Session extends WheelEntry {
  readonly space: Space;
  /** Its place in the space; see `sessionKey`. */
  readonly key: string;
  readonly clientId: string;
  /** Whose it is: nobody else may take it over. */
  readonly owner: string;
  /** Name in the store; "" for one that is not kept. */
  id = "";
  readonly subscriptions = new Map<string, SubscriptionOptions>();
  /** See `subscriptionOf`. */
  lastSubscription: Subscription | null = null;
  channel: SessionChannel | null = null;
  protocolLevel = 0;
  expiryS = 0;
  /** Of its connection, or of the last one until it is out for good. */
  will: SessionWill | null = null;
  connectedAtMs = 0;
  disconnectedAtMs = 0;
  /** QoS 2 packet ids of the client that were received and not released. */
  received: Set<number> | null = null;
  lastSeq = 0;
  /** What waits in the store while it is away; null for one that is not kept. */
  away: AwayQueue | null = null;
  /** What is known of its queue may be wrong: it was not read yet, or something broke while the client was served. */
  isInDoubt = false;
  /** Something of a shared subscription may be in its queue. */
  mayHoldShared = false;
  /** It has ended, and what is in its queue has not been handed on. */
  isOver = false;
  #delivery: Delivery | null = null;
  #willDueMs = 0;
  #expiresMs = 0;

  constructor(space: Space, key: string, clientId: string, owner: string) {
    super();
    this.space = space;
    this.key = key;
    this.clientId = clientId;
    this.owner = owner;
  }

  get isDurable(): boolean {
    return this.away !== null;
  }

  /** How long it outlives its connections, in seconds, from now on. What was not kept is written down when it is to be. */
  setExpiry(expiryS: number): void {
    this.expiryS = expiryS;
    if (expiryS === 0 || this.isDurable) return;
    this.away = new AwayQueue(this);
    this.id = randomUUID();
    this.space.onKept();
  }

  /** Said with DISCONNECT: another expiry from now on (MQTT 5 s3.14.2.2.2). */
  changeExpiry(expiryS: number): void {
    this.expiryS = expiryS;
  }

  /** Whether a QoS 1 message could leave at once. */
  get hasRoom(): boolean {
    const { channel } = this;
    if (channel === null || !channel.isWritable) return false;
    return this.#delivery === null || this.#delivery.hasRoom(channel.windowMax);
  }

  get queued(): number {
    return (this.channel === null ? this.away?.messages : this.#delivery?.queued) ?? 0;
  }

  // ---- connections

  attach(channel: SessionChannel, will: SessionWill | null): void {
    this.space.wills.onAttach(this);
    this.channel = channel;
    this.space.counters.connections++;
    this.will = will;
    this.connectedAtMs = this.space.clock.now();
    this.disconnectedAtMs = 0;
    this.#willDueMs = 0;
    // Until they are read: this connection may be gone before that.
    if (this.away !== null && this.away.messages > 0) this.isInDoubt = true;
    this.space.wheel.cancel(this);
  }

  /** Sends again what was in flight, and then what waits [MQTT-4.4.0-1]. After CONNACK. */
  resume(): void {
    const { away, channel } = this;
    if (away === null) return this.#delivery?.resend();
    if (away.messages === 0 && this.#delivery === null && !this.isInDoubt) return;
    const delivery = new Delivery(this);
    this.#delivery = delivery;
    delivery.beginLoading();
    this.space.queues.load(this, (flights) => {
      if (this.channel !== channel || channel === null) return;
      if (flights === undefined) return channel.endSession(ReasonCode.ServerUnavailable, "unavailable");
      delivery.restore(flights);
      away.set(0, 0);
      this.isInDoubt = false;
      this.space.shared.onRead(this);
      delivery.resend();
      channel.onRoom();
    });
  }

  /** The connection is gone. `isClean`: the client said goodbye, so that its will goes with it [MQTT-3.14.4-3]. */
  detach(isClean: boolean): void {
    this.channel = null;
    this.space.counters.connections--;
    this.disconnectedAtMs = this.space.clock.now();
    if (isClean) this.will = null;
    if (this.expiryS === 0) return this.space.end(this);
    this.#forgetMessages();
    const delayS = Math.min(this.will?.delayS ?? 0, this.expiryS);
    if (this.will !== null && delayS === 0) this.space.publishWill(this);
    this.space.keep(this);
    this.scheduleEnd(this.disconnectedAtMs);
  }

  /** The store has them. */
  #forgetMessages(): void {
    const { away } = this;
    const delivery = this.#delivery;
    this.#delivery = null;
    if (away === null || delivery === null) return;
    let bytes = 0;
    const left = delivery.kept();
    for (const { message } of left) bytes += message?.bytes ?? 0;
    // While the queue was being read, the figures were those of before.
    if (delivery.isLoading || this.isInDoubt) away.set(away.messages + left.length, away.bytes + bytes);
    else away.set(left.length, bytes);
  }

  /** Something broke while the session was dealt with: its connection ends, and what is kept comes again with the next one. */
  fail(error: unknown): void {
    if (this.channel === null) this.space.onFault(error);
    else this.channel.fail(error);
  }

  /** It was connected when the process ended: that counts as the connection's end. */
  afterCrash(): void {
    if (this.will?.delayS === 0) this.space.publishWill(this);
    this.space.keep(this);
  }

  // ---- the will and the end

  /** Sets the times of the will and of the end, counted from when it was left. */
  scheduleEnd(leftAtMs: number): void {
    this.#willDueMs = this.will === null ? 0 : leftAtMs + Math.min(this.will.delayS, this.expiryS) * 1_000;
    this.#expiresMs = this.expiryS === neverExpires ? Number.POSITIVE_INFINITY : leftAtMs + this.expiryS * 1_000;
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    const due = this.#willDueMs === 0 ? this.#expiresMs : Math.min(this.#willDueMs, this.#expiresMs);
    if (due === Number.POSITIVE_INFINITY) return this.space.wheel.cancel(this);
    this.space.wheel.schedule(this, Math.max(0, due - this.space.clock.now()));
  }

  override onDeadline(): void {
    try {
      this.#onDue(this.space.clock.now());
    } catch (error) {
      this.fail(error);
      // What is done is not done again; its end must still come.
      this.#scheduleNext();
    }
  }

  #onDue(now: number): void {
    if (this.channel !== null) return;
    if (this.isOver) return this.space.shared.settle(this);
    if (this.#willDueMs !== 0 && now >= this.#willDueMs) {
      this.#willDueMs = 0;
      this.space.publishWill(this);
      if (this.will === null) this.space.keep(this);
    }
    if (now >= this.#expiresMs) this.space.end(this);
    else this.#scheduleNext();
  }

  // ---- messages to the client; see Delivery

  /** Takes a message for a session that is not kept. */
  accept(message: Message, qos: 1 | 2, retain: boolean, via: Via): void {
    this.#tryTake(new Flight(message, qos, retain, via, ++this.lastSeq));
  }

  /** Takes a message that is kept nowhere: it goes with the connection. False when it is too large for the client. */
  acceptTransient(message: Message, qos: 1 | 2): boolean {
    const flight = new Flight(message, qos, false, direct, ++this.lastSeq);
    flight.isTransient = true;
    return this.#take(flight);
  }

  #tryTake(flight: Flight): void {
    try {
      if (this.channel === null && this.away !== null) this.away.add(flight.message as Message);
      else this.#take(flight);
    } catch (error) {
      this.fail(error);
    }
  }

  #take(flight: Flight): boolean {
    this.#delivery ??= new Delivery(this);
    return this.#delivery.take(flight);
  }

  /** Takes a message for a session that is kept: it leaves when it is committed. Whatever breaks here, it is to be written down. */
  reserve(message: Message, qos: 1 | 2, retain: boolean, via: Via): Flight {
    const flight = new Flight(message, qos, retain, via, ++this.lastSeq);
    if (via.share !== "") this.mayHoldShared = true;
    flight.isCommitted = false;
    this.#tryTake(flight);
    return flight;
  }

  onFlightCommitted(flight: Flight): void {
    flight.isCommitted = true;
    flight.isStored = true;
    try {
      this.#delivery?.onCommitted(flight);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The store does not take it. What was stored before stays there, and comes again with the next connection. */
  onFlightRefused(flight: Flight): void {
    try {
      if (flight.isStored) return this.channel?.endSession(ReasonCode.ServerUnavailable, "unavailable");
      this.#delivery?.onRefused(flight);
      if (this.channel === null) this.away?.forgetOne();
    } catch (error) {
      this.fail(error);
    }
  }

  /** All that is in flight to it or waits, of a session that is not kept. */
  owed(): readonly Flight[] {
    return this.#delivery?.inOrder() ?? [];
  }

  /** Takes out of what waits, and was not sent, all that `take` says yes to. */
  giveAway(take: (flight: Flight) => boolean): void {
    this.#delivery?.giveAway(take);
  }

  /** Sends what waits, as far as the client's window and its reading allow. */
  pump(): void {
    this.#delivery?.pump();
  }

  // ---- acknowledgements of the client; each returns 0 or the reason code of what is wrong

  onPuback(packetId: number): number {
    return this.#delivery === null ? 0 : this.#delivery.onPuback(packetId);
  }

  onPubrec(packetId: number, reasonCode: number): number {
    return this.#delivery === null ? ReasonCode.PacketIdentifierNotFound : this.#delivery.onPubrec(packetId, reasonCode);
  }

  onPubcomp(packetId: number): number {
    return this.#delivery === null ? 0 : this.#delivery.onPubcomp(packetId);
  }
}
