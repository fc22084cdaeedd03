// Hot: what the client of a session is being sent with QoS 1 and 2: in flight, waiting for its turn, and again after a reconnect. One per connection
// that is sent such a message.
//
//   take --> [ queue ] --window, reading--> in flight --PUBACK, PUBCOMP--> done
//   load --> [ again ] ----------------------^
import { ReasonCode } from "@mooring/mqtt";
import { isOver } from "./away-queue.ts";
import { type Flight, FlightState } from "./flight.ts";
import { Outbox } from "./outbox.ts";
import type { SessionChannel } from "./ports.ts";
import type { Session } from "./session.ts";

export class Delivery {
  readonly #session: Session;
  #outbox = new Outbox();
  /** What came while the queue is read from the store; null otherwise. */
  #arrivals: Flight[] | null = null;
  /** In flight since before this connection, and not sent again yet. */
  readonly #again: Flight[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  /** The queue is being read. */
  get isLoading(): boolean {
    return this.#arrivals !== null;
  }

  /** Whether a message could leave at once. */
  hasRoom(windowMax: number): boolean {
    if (this.#arrivals !== null || this.#again.length > 0) return false;
    return this.#outbox.queued === 0 && this.#outbox.inFlight < windowMax;
  }

  get queued(): number {
    return this.#outbox.queued + (this.#arrivals?.length ?? 0);
  }

  /** Everything that the store has too. */
  kept(): Flight[] {
    return [...this.#outbox.all(), ...(this.#arrivals ?? [])].filter(({ isTransient }) => !isTransient);
  }

  /** In the order in which it was taken. */
  inOrder(): Flight[] {
    return [...this.#outbox.all()].sort((a, b) => a.seq - b.seq);
  }

  /** Not while the queue is being read. */
  giveAway(take: (flight: Flight) => boolean): void {
    if (this.#arrivals === null) this.#outbox.giveAway(take);
  }

  // ---- after a reconnect

  beginLoading(): void {
    this.#arrivals = [];
  }

  restore(loaded: readonly Flight[]): void {
    const outbox = this.#outbox;
    let last = 0;
    for (const flight of loaded) {
      last = flight.seq;
      if (flight.packetId === 0) outbox.enqueue(flight);
      else outbox.restore(flight, flight.packetId);
    }
    // What came meanwhile is in the store too, perhaps, and perhaps was read with the rest.
    for (const flight of this.#arrivals ?? []) if (flight.isTransient || flight.seq > last) outbox.enqueue(flight);
    this.#arrivals = null;
  }

  /** Sends again what was in flight, and then what waits [MQTT-4.4.0-1]. */
  resend(): void {
    const { channel } = this.#session;
    if (channel === null) return;
    for (const flight of this.#outbox.flights()) {
      if (flight.state === FlightState.Released) channel.sendPubrel(flight.packetId);
      else this.#again.push(flight);
    }
    this.pump();
  }

  /** Also within the window: the client may allow less than it did on the connection before [MQTT-3.3.4-9]. */
  #sendAgain(channel: SessionChannel): void {
    const again = this.#again;
    while (again.length > 0 && this.#outbox.inFlight - again.length < channel.windowMax && channel.isWritable)
      this.#send(again.shift() as Flight);
  }

  // ---- to the client

  /** False when it is too large for the client. */
  take(flight: Flight): boolean {
    if (this.#arrivals !== null) {
      this.#arrivals.push(flight);
      return true;
    }
    if (this.#session.hasRoom) {
      this.#outbox.launch(flight);
      return !flight.isCommitted || this.#send(flight);
    }
    this.#outbox.enqueue(flight);
    this.#shed();
    return true;
  }

  onCommitted(flight: Flight): void {
    const { channel, space } = this.#session;
    if (channel === null || this.#arrivals !== null) return;
    if (flight.state === FlightState.Queued) return this.pump();
    if (flight.state === FlightState.Released) channel.sendPubrel(flight.packetId);
    else if (!flight.wasSent && this.#outbox.find(flight.packetId) === flight) {
      // The store may have taken its time [MQTT-3.3.2-5].
      if (flight.message?.isExpired(space.clock.now()) === true) this.#land(flight);
      else this.#send(flight);
    }
  }

  /** The store does not take it. */
  onRefused(flight: Flight): void {
    this.#outbox.remove(flight);
  }

  /** Sends what waits, as far as the client's window and its reading allow. */
  pump(): void {
    const { channel, space, isDurable } = this.#session;
    const outbox = this.#outbox;
    if (channel === null || this.#arrivals !== null) return;
    if (this.#again.length > 0) this.#sendAgain(channel);
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
      if (isDurable && !flight.isTransient) {
        flight.isCommitted = false;
        assigned ??= [];
        assigned.push(flight);
      } else this.#send(flight);
    }
    if (assigned !== null) space.queues.assignPacketIds(this.#session, assigned);
  }

  #send(flight: Flight): boolean {
    const { channel } = this.#session;
    const isSent = channel?.sendFlight(flight) ?? false;
    flight.wasSent = true;
    if (isSent || channel === null) return isSent;
    this.#outbox.land(flight);
    this.#done(flight);
    return false;
  }

  /** The oldest makes room for the newest. */
  #shed(): void {
    const outbox = this.#outbox;
    while (outbox.queued > 1 && isOver(this.#session, outbox.queued, outbox.queuedBytes)) {
      const oldest = outbox.dequeue();
      if (oldest === undefined) return;
      this.#session.space.counters.queueDropped++;
      this.#done(oldest);
    }
  }

  // ---- acknowledgements of the client; each returns 0 or the reason code of what is wrong

  onPuback(packetId: number): number {
    const flight = this.#outbox.find(packetId);
    if (flight === undefined) return 0; // Late, and harmless.
    if (flight.qos !== 1) return ReasonCode.ProtocolError;
    this.#land(flight);
    return 0;
  }

  /** A refusal ends the exchange (MQTT 5 s4.3.3). Answered with PUBREL once the release is on disk. */
  onPubrec(packetId: number, reasonCode: number): number {
    const { channel, space, isDurable } = this.#session;
    const flight = this.#outbox.find(packetId);
    if (flight === undefined) return ReasonCode.PacketIdentifierNotFound;
    if (flight.qos !== 2) return ReasonCode.ProtocolError;
    if (reasonCode >= 0x80) {
      this.#land(flight);
      return 0;
    }
    this.#forgetAgain(flight);
    flight.state = FlightState.Released;
    flight.message = null;
    if (isDurable && !flight.isTransient) space.queues.release(this.#session, flight);
    else channel?.sendPubrel(packetId);
    return 0;
  }

  onPubcomp(packetId: number): number {
    const flight = this.#outbox.find(packetId);
    if (flight === undefined) return 0;
    if (flight.state !== FlightState.Released) return ReasonCode.ProtocolError;
    this.#land(flight);
    return 0;
  }

  #land(flight: Flight): void {
    this.#outbox.land(flight);
    this.#forgetAgain(flight);
    this.#done(flight);
    this.pump();
    this.#session.channel?.onRoom();
  }

  /** The client knows it: it need not be sent again. */
  #forgetAgain(flight: Flight): void {
    if (this.#again.length === 0) return;
    const at = this.#again.indexOf(flight);
    if (at !== -1) this.#again.splice(at, 1);
  }

  /** Nothing more is owed for it. */
  #done({ seq, isTransient }: Flight): void {
    const { isDurable, id, space } = this.#session;
    if (isDurable && !isTransient) space.store.write({ op: "dequeue", sessionId: id, seqs: [seq] }, null);
  }
}
