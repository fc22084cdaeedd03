// Hot: what of a client outlives its connection: subscriptions, messages in flight both ways, what waits. Sans-I/O.
//
//   attach --> [ connected ] --detach--> [ away ] --expiry--> ended
//                   ^                       |
//                   '------- attach --------'
//
// A session whose expiry interval is 0 ends with its connection and lives in memory only. Any other is kept: every change of it is written to the
// store, QoS 1 and 2 messages for it leave after they are committed, and while it is away this object holds figures and no messages.
// Memory: 0.4 KB while idle; the outbox, 0.3 KB, comes with the first QoS 1 message.
import { randomUUID } from "node:crypto";
import type { SessionOp } from "@mooring/contracts";
import { WheelEntry } from "@mooring/kit";
import { ReasonCode } from "@mooring/mqtt";
import { Flight, FlightState } from "./flight.ts";
import type { Message } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { SessionChannel } from "./ports.ts";
import type { Space } from "./space.ts";
import type { SubscriptionOptions } from "./subscription.ts";

/** `expiryS` of a session that never ends by itself. */
export const neverExpires = 0xffff_ffff;
/** Dropped at once from the front of a queue that is away and full, of what it may hold: each time costs a question to the store. */
const trimShare = 0.01;

/** How often a full queue is counted again, in milliseconds: it is read whole for that. */
const recountMs = 60_000;

/** A device's client ids are its own; those of other clients are the tenant's. */
export function sessionKey(owner: string, clientId: string): string {
  return owner.startsWith("device:") ? `${owner}|${clientId}` : `|${clientId}`;
}

export interface SessionWill {
  /** Its expiry begins when it is published. */
  readonly message: Message;
  readonly delayS: number;
  readonly expiryIntervalS: number | undefined;
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
  channel: SessionChannel | null = null;
  protocolLevel = 0;
  expiryS = 0;
  isDurable = false;
  will: SessionWill | null = null;
  connectedAtMs = 0;
  disconnectedAtMs = 0;
  /** QoS 2 packet ids of the client that were received and not released. */
  received: Set<number> | null = null;
  lastSeq = 0;
  /** Of a session that is away: what waits for it in the store. */
  waiting = 0;
  waitingBytes = 0;
  #outbox: Outbox | null = null;
  /** What came while the queue is read from the store; null otherwise. */
  #arrivals: Flight[] | null = null;
  /** In flight since before this connection, and not sent again yet. */
  #again: Flight[] = [];
  #isTrimming = false;
  /** Some of what waits may have expired: the figures may be too high. */
  mayHaveExpired = false;
  #countedAtMs = 0;
  #willDueMs = 0;
  #expiresMs = 0;

  constructor(space: Space, key: string, clientId: string, owner: string) {
    super();
    this.space = space;
    this.key = key;
    this.clientId = clientId;
    this.owner = owner;
  }

  /** How long it outlives its connections, in seconds, from now on. What was not kept is written down when it is to be. */
  setExpiry(expiryS: number): void {
    this.expiryS = expiryS;
    if (expiryS === 0 || this.isDurable) return;
    this.isDurable = true;
    this.id = randomUUID();
    this.space.onKept();
  }

  /** Whether a QoS 1 message could leave at once. */
  get hasRoom(): boolean {
    const { channel } = this;
    if (channel === null || !channel.isWritable || this.#arrivals !== null || this.#again.length > 0) return false;
    return this.#outbox === null || (this.#outbox.queued === 0 && this.#outbox.inFlight < channel.windowMax);
  }

  get queued(): number {
    return this.channel === null ? this.waiting : (this.#outbox?.queued ?? 0) + (this.#arrivals?.length ?? 0);
  }

  // ---- connections

  attach(channel: SessionChannel, will: SessionWill | null): void {
    this.channel = channel;
    this.space.counters.connections++;
    this.will = will;
    this.connectedAtMs = this.space.clock.now();
    this.disconnectedAtMs = 0;
    this.#willDueMs = 0;
    this.space.wheel.cancel(this);
  }

  /** Sends again what was in flight, and then what waits [MQTT-4.4.0-1]. After CONNACK. */
  resume(): void {
    if (!this.isDurable) return this.#resend();
    if (this.waiting === 0 && this.#outbox === null) return;
    this.#arrivals = [];
    this.#outbox = null;
    const { channel } = this;
    this.space.load(this, (flights) => {
      if (this.channel !== channel || channel === null) return;
      if (flights === undefined) return channel.endSession(ReasonCode.ServerUnavailable, "unavailable");
      this.#restore(flights);
    });
  }

  #restore(loaded: readonly Flight[]): void {
    const outbox = new Outbox();
    this.#outbox = outbox;
    let last = 0;
    for (const flight of loaded) {
      last = flight.seq;
      if (flight.packetId === 0) outbox.enqueue(flight);
      else outbox.restore(flight, flight.packetId);
    }
    // What came meanwhile is in the store too, perhaps, and perhaps was read with the rest.
    for (const flight of this.#arrivals ?? []) if (flight.seq > last) outbox.enqueue(flight);
    this.#arrivals = null;
    this.waiting = 0;
    this.waitingBytes = 0;
    this.#resend();
    this.channel?.onRoom();
  }

  #resend(): void {
    const { channel } = this;
    const outbox = this.#outbox;
    if (channel === null || outbox === null) return;
    for (const flight of outbox.flights()) {
      if (flight.state === FlightState.Released) channel.sendPubrel(flight.packetId);
      else this.#again.push(flight);
    }
    this.pump();
  }

  /** Also within the window: the client may allow less than it did on the connection before [MQTT-3.3.4-9]. */
  #sendAgain(channel: SessionChannel, outbox: Outbox): void {
    const again = this.#again;
    while (again.length > 0 && outbox.inFlight - again.length < channel.windowMax && channel.isWritable)
      this.#send(again.shift() as Flight);
  }

  /** Said with DISCONNECT: another expiry from now on (MQTT 5 s3.14.2.2.2). */
  changeExpiry(expiryS: number): void {
    this.expiryS = expiryS;
  }

  /** The connection is gone. `isClean`: the client said goodbye, so that its will goes with it [MQTT-3.14.4-3]. */
  detach(isClean: boolean): void {
    const { will } = this;
    this.channel = null;
    this.space.counters.connections--;
    this.disconnectedAtMs = this.space.clock.now();
    if (isClean) this.will = null;
    if (this.expiryS === 0) return this.space.end(this);
    this.#forgetMessages();
    const delayS = Math.min(will?.delayS ?? 0, this.expiryS);
    if (this.will !== null && delayS === 0) this.space.publishWill(this);
    this.space.keep(this);
    this.scheduleEnd(this.disconnectedAtMs);
  }

  /** The store has them. */
  #forgetMessages(): void {
    let bytes = 0;
    const left = [...(this.#outbox?.all() ?? []), ...(this.#arrivals ?? [])].filter(({ isTransient }) => !isTransient);
    for (const { message } of left) bytes += message?.bytes ?? 0;
    // While the queue was being read, the figures were those of before.
    this.waiting = this.#arrivals === null ? left.length : this.waiting + left.length;
    this.waitingBytes = this.#arrivals === null ? bytes : this.waitingBytes + bytes;
    this.#outbox = null;
    this.#arrivals = null;
    this.#again = [];
  }

  /** It was connected when the process ended: that counts as the connection's end. */
  afterCrash(): void {
    if (this.will?.delayS === 0) this.space.publishWill(this);
    this.space.keep(this);
  }

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
    const now = this.space.clock.now();
    if (this.channel !== null) return;
    if (this.#willDueMs !== 0 && now >= this.#willDueMs) {
      this.#willDueMs = 0;
      this.space.publishWill(this);
      this.space.keep(this);
    }
    if (now >= this.#expiresMs) this.space.end(this);
    else this.#scheduleNext();
  }

  // ---- messages to the client

  /** Takes a message for a session that is not kept. */
  accept(message: Message, qos: 1 | 2, retain: boolean, ids: readonly number[] | null): void {
    this.#take(new Flight(message, qos, retain, ids, ++this.lastSeq));
  }

  /** Takes a message that is kept nowhere: it goes with the connection. False when it is too large for the client. */
  acceptTransient(message: Message, qos: 1 | 2): boolean {
    const flight = new Flight(message, qos, false, null, ++this.lastSeq);
    flight.isTransient = true;
    return this.#take(flight);
  }

  #take(flight: Flight): boolean {
    if (this.#arrivals !== null) {
      this.#arrivals.push(flight);
      return true;
    }
    this.#outbox ??= new Outbox();
    if (this.hasRoom) {
      this.#outbox.launch(flight);
      return !flight.isCommitted || this.#send(flight);
    }
    this.#outbox.enqueue(flight);
    this.#shed();
    return true;
  }

  /** Takes a message for a session that is kept: it leaves when it is committed. */
  reserve(message: Message, qos: 1 | 2, retain: boolean, ids: readonly number[] | null): Flight {
    const flight = new Flight(message, qos, retain, ids, ++this.lastSeq);
    flight.isCommitted = false;
    if (this.channel === null) {
      this.waiting++;
      this.waitingBytes += message.bytes;
      if (message.expiresAtMs !== 0) this.mayHaveExpired = true;
      if (this.#isOver(this.waiting, this.waitingBytes)) this.#trim();
    } else this.#take(flight);
    return flight;
  }

  onFlightCommitted(flight: Flight): void {
    flight.isCommitted = true;
    flight.isStored = true;
    if (this.channel === null || this.#arrivals !== null) return;
    if (flight.state === FlightState.Queued) return this.pump();
    if (flight.state === FlightState.Released) this.channel.sendPubrel(flight.packetId);
    else if (!flight.wasSent && this.#outbox?.find(flight.packetId) === flight) {
      // The store may have taken its time [MQTT-3.3.2-5].
      if (flight.message?.isExpired(this.space.clock.now()) === true) this.#land(flight);
      else this.#send(flight);
    }
  }

  /** The store does not take it. What was stored before stays there, and comes again with the next connection. */
  onFlightRefused(flight: Flight): void {
    if (flight.isStored) return this.channel?.endSession(ReasonCode.ServerUnavailable, "unavailable");
    this.#outbox?.remove(flight);
    if (this.channel === null && this.waiting > 0) this.waiting--;
  }

  /** Sends what waits, as far as the client's window and its reading allow. */
  pump(): void {
    const { channel, space } = this;
    const outbox = this.#outbox;
    if (channel === null || outbox === null || this.#arrivals !== null) return;
    if (this.#again.length > 0) this.#sendAgain(channel, outbox);
    let assigned: Flight[] | null = null;
    while (this.#again.length === 0 && outbox.inFlight < channel.windowMax && channel.isWritable) {
      const flight = outbox.peek();
      if (flight === undefined || !flight.isCommitted) break;
      outbox.dequeue();
      if (flight.message?.isExpired(space.clock.now()) === true) {
        this.#done(flight);
        continue;
      }
      outbox.launch(flight);
      if (this.isDurable && !flight.isTransient) {
        flight.isCommitted = false;
        assigned ??= [];
        assigned.push(flight);
      } else this.#send(flight);
    }
    if (assigned !== null) space.assignPacketIds(this, assigned);
  }

  #send(flight: Flight): boolean {
    const isSent = this.channel?.sendFlight(flight) ?? false;
    flight.wasSent = true;
    if (isSent || this.channel === null) return isSent;
    this.#outbox?.land(flight);
    this.#done(flight);
    return false;
  }

  // ---- acknowledgements of the client; each returns 0 or the reason code of what is wrong

  onPuback(packetId: number): number {
    const flight = this.#outbox?.find(packetId);
    if (flight === undefined) return 0; // Late, and harmless.
    if (flight.qos !== 1) return ReasonCode.ProtocolError;
    this.#land(flight);
    return 0;
  }

  /** A refusal ends the exchange (MQTT 5 s4.3.3). Answered with PUBREL once the release is on disk. */
  onPubrec(packetId: number, reasonCode: number): number {
    const flight = this.#outbox?.find(packetId);
    if (flight === undefined) return ReasonCode.PacketIdentifierNotFound;
    if (flight.qos !== 2) return ReasonCode.ProtocolError;
    if (reasonCode >= 0x80) {
      this.#land(flight);
      return 0;
    }
    this.#forgetAgain(flight);
    flight.state = FlightState.Released;
    flight.message = null;
    if (this.isDurable && !flight.isTransient) this.space.release(this, flight);
    else this.channel?.sendPubrel(packetId);
    return 0;
  }

  onPubcomp(packetId: number): number {
    const flight = this.#outbox?.find(packetId);
    if (flight === undefined) return 0;
    if (flight.state !== FlightState.Released) return ReasonCode.ProtocolError;
    this.#land(flight);
    return 0;
  }

  #land(flight: Flight): void {
    this.#outbox?.land(flight);
    this.#forgetAgain(flight);
    this.#done(flight);
    this.pump();
    this.channel?.onRoom();
  }

  /** The client knows it: it need not be sent again. */
  #forgetAgain(flight: Flight): void {
    const at = this.#again.indexOf(flight);
    if (at !== -1) this.#again.splice(at, 1);
  }

  /** Nothing more is owed for it. */
  #done({ seq, isTransient }: Flight): void {
    if (this.isDurable && !isTransient) this.write({ op: "dequeue", sessionId: this.id, seqs: [seq] });
  }

  // ---- limits

  #isOver(messages: number, bytes: number): boolean {
    const { queuedMessagesMax, queuedBytesMax } = this.space.limits;
    return messages > queuedMessagesMax || bytes > queuedBytesMax;
  }

  /** The oldest makes room for the newest. */
  #shed(): void {
    const outbox = this.#outbox;
    while (outbox !== null && outbox.queued > 1 && this.#isOver(outbox.queued, outbox.queuedBytes)) {
      const oldest = outbox.dequeue();
      if (oldest === undefined) return;
      this.space.counters.queueDropped++;
      this.#done(oldest);
    }
  }

  /** The same for a queue that only the store knows. */
  #trim(): void {
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    const now = this.space.clock.now();
    if (this.mayHaveExpired && now - this.#countedAtMs >= recountMs) {
      this.#countedAtMs = now;
      // The message that is one too many is written down first.
      return queueMicrotask(() => this.#recount());
    }
    const { queuedMessagesMax } = this.space.limits;
    const over = Math.max(1, Math.floor(queuedMessagesMax * trimShare), this.waiting - queuedMessagesMax);
    this.space.dropOldest(this, over, (dropped, bytes) => {
      this.#isTrimming = false;
      if (this.channel !== null) return;
      this.waiting = Math.max(0, this.waiting - dropped);
      this.waitingBytes = Math.max(0, this.waitingBytes - bytes);
      if (dropped > 0 && this.#isOver(this.waiting, this.waitingBytes)) this.#trim();
    });
  }

  /** What has expired takes no room: the store leaves it out. */
  #recount(): void {
    const before = { waiting: this.waiting, bytes: this.waitingBytes };
    this.space.countQueue(this, (messages, bytes) => {
      this.#isTrimming = false;
      if (this.channel !== null) return;
      // What came since is not in the count.
      this.waiting = messages + Math.max(0, this.waiting - before.waiting);
      this.waitingBytes = bytes + Math.max(0, this.waitingBytes - before.bytes);
      if (this.#isOver(this.waiting, this.waitingBytes)) this.#trim();
    });
  }

  write(op: SessionOp): void {
    this.space.store.write(op, null);
  }
}
