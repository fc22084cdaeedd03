// Hot: what a session has to be sent with QoS 1 and 2. Packet ids in flight lie in a ring, what waits for one in a queue.
//
//   ring, by packet id & mask                    queue
//   [ . ][ 5 ][ . ][ 7 ][ 8 ][ . ][ . ][ . ]     9th, 10th, 11th ... message
//               ^ a free id is the next one whose place is free
//
// The ring has at least twice as many places as may be in flight, so that one late acknowledgement does not hold up the ids behind it.
import { type Flight, FlightState } from "./flight.ts";

const ringPlacesFirst = 16;
const packetIdMax = 65_535;

export class Outbox {
  #ring: (Flight | null)[] = [];
  #mask = 0;
  #next = 1;
  #inFlight = 0;
  #queue: (Flight | undefined)[] = [];
  #head = 0;
  #queuedBytes = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Gives the flight the next free packet id: 1, 2, 3 and so on [MQTT-2.2.1-4]. The caller has checked that fewer than 65,535 are in flight. */
  launch(flight: Flight): void {
    if (this.#inFlight * 2 >= this.#ring.length) this.#grow();
    let id = this.#next;
    while (this.#ring[id & this.#mask] !== null) id = id === packetIdMax ? 1 : id + 1;
    this.#next = id === packetIdMax ? 1 : id + 1;
    this.#put(flight, id);
  }

  /** Puts back a flight that had this packet id before. */
  restore(flight: Flight, packetId: number): void {
    if (this.find(packetId) !== undefined) return;
    while (this.#inFlight * 2 >= this.#ring.length || this.#ring[packetId & this.#mask] !== null) this.#grow();
    this.#put(flight, packetId);
    if (packetId >= this.#next) this.#next = packetId === packetIdMax ? 1 : packetId + 1;
  }

  #put(flight: Flight, packetId: number): void {
    flight.packetId = packetId;
    if (flight.state === FlightState.Queued) flight.state = FlightState.Sent;
    this.#ring[packetId & this.#mask] = flight;
    this.#inFlight++;
  }

  find(packetId: number): Flight | undefined {
    const flight = this.#ring[packetId & this.#mask];
    return flight != null && flight.packetId === packetId ? flight : undefined;
  }

  /** The exchange is over: its packet id is free. */
  land(flight: Flight): void {
    this.#ring[flight.packetId & this.#mask] = null;
    this.#inFlight--;
  }

  enqueue(flight: Flight): void {
    this.#queue.push(flight);
    this.#queuedBytes += flight.message?.bytes ?? 0;
  }

  /** The one that is next to get a packet id. */
  peek(): Flight | undefined {
    return this.#queue[this.#head];
  }

  dequeue(): Flight | undefined {
    const flight = this.#queue[this.#head];
    if (flight === undefined) return undefined;
    this.#queue[this.#head++] = undefined;
    this.#queuedBytes -= flight.message?.bytes ?? 0;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return flight;
  }

  /** Takes a flight out, wherever it is: the store refused it. */
  remove(flight: Flight): void {
    if (flight.state !== FlightState.Queued) {
      if (this.find(flight.packetId) === flight) this.land(flight);
      return;
    }
    const at = this.#queue.indexOf(flight, this.#head);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    this.#queuedBytes -= flight.message?.bytes ?? 0;
  }

  /** Takes out of what waits all that `take` says yes to. */
  giveAway(take: (flight: Flight) => boolean): void {
    const queue = this.#queue as Flight[];
    let to = this.#head;
    for (let at = this.#head; at < queue.length; at++) {
      const flight = queue[at] as Flight;
      if (take(flight)) this.#queuedBytes -= flight.message?.bytes ?? 0;
      else queue[to++] = flight;
    }
    queue.length = to;
  }

  /** Everything, in flight or waiting. */
  *all(): Generator<Flight> {
    for (const flight of this.#ring) if (flight !== null) yield flight;
    for (let at = this.#head; at < this.#queue.length; at++) yield this.#queue[at] as Flight;
  }

  /** All in flight, in the order in which they were sent [MQTT-4.6.0-1]. */
  flights(): Flight[] {
    const flights: Flight[] = [];
    for (const flight of this.#ring) if (flight !== null) flights.push(flight);
    return flights.sort((a, b) => a.seq - b.seq);
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = new Array<Flight | null>(Math.max(ringPlacesFirst, old.length * 2)).fill(null);
    this.#mask = this.#ring.length - 1;
    for (const flight of old) if (flight !== null) this.#ring[flight.packetId & this.#mask] = flight;
  }
}
