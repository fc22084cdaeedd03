// The packet ids that are under way to a client on one connection.

export class Flights {
  readonly #max: number;
  readonly #ids = new Set<number>();
  #last = 0;

  /** `max` is the client's Receive Maximum. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Returns what is wrong with a PUBLISH of this packet id, or "". `isStrict`: new ids have to follow one another [MQTT-2.2.1-4]. */
  take(packetId: number, dup: boolean, isStrict: boolean): string {
    let next = this.#last + 1;
    while (this.#ids.has(next)) next++;
    const isSkipped = isStrict && !dup && this.#last > 0 && packetId !== next;
    if (!dup || packetId > this.#last) this.#last = packetId;
    this.#ids.add(packetId);
    if (isSkipped) return `was given packet id ${packetId}, not ${next}`;
    return this.#ids.size > this.#max ? `has ${this.#ids.size} messages in flight and allows ${this.#max}` : "";
  }

  land(packetId: number): void {
    this.#ids.delete(packetId);
  }
}
