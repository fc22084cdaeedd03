// Hot: packet ids of QoS 1 and 2 messages from a client that are not acknowledged yet. Sans-I/O. Nothing is allocated before the first one, since
// most idle devices are only listened for.

const placesFirst = 16;
const pending = 0xff;

/**
 * The packet ids in the order they came, and whether each is settled yet. Services answer out of order; acknowledgements leave in order of
 * arrival ([MQTT-4.6.0-2], [MQTT-4.6.0-3]).
 *
 *     head            head + count
 *      v                  v
 *   [ 7:ok ][ 8:pending ][ 9:ok ]      9 waits for 8
 */
export class AckWindow {
  readonly #max: number;
  #mask = 0;
  #ids: Uint16Array | undefined;
  #codes: Uint8Array | undefined;
  #qos: Uint8Array | undefined;
  #kept: Uint8Array | undefined;
  #reasons: Map<number, string> | undefined;
  #head = 0;
  #count = 0;

  /** `max` is the Receive Maximum that CONNACK says, 1 to 65,535. */
  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#max;
  }

  /** Takes a packet id in; the caller has checked `isFull`. Returns the token to settle it by: good until it is settled and drained. */
  push(packetId: number, qos: 1 | 2): number {
    if (this.#ids === undefined || this.#codes === undefined || this.#qos === undefined || this.#count === this.#ids.length) this.#grow();
    const token = this.#head + this.#count;
    const slot = token & this.#mask;
    (this.#ids as Uint16Array)[slot] = packetId;
    (this.#codes as Uint8Array)[slot] = pending;
    (this.#qos as Uint8Array)[slot] = qos;
    (this.#kept as Uint8Array)[slot] = 0;
    this.#count++;
    return token;
  }

  /** Tokens count on, so that places may be moved to a larger ring while services hold them. */
  #grow(): void {
    const places = this.#ids === undefined ? placesFirst : this.#ids.length * 2;
    const [ids, codes, qos, kept] = [new Uint16Array(places), new Uint8Array(places), new Uint8Array(places), new Uint8Array(places)];
    for (let token = this.#head; token < this.#head + this.#count; token++) {
      ids[token & (places - 1)] = this.#ids?.[token & this.#mask] as number;
      codes[token & (places - 1)] = this.#codes?.[token & this.#mask] as number;
      qos[token & (places - 1)] = this.#qos?.[token & this.#mask] as number;
      kept[token & (places - 1)] = this.#kept?.[token & this.#mask] as number;
    }
    this.#ids = ids;
    this.#codes = codes;
    this.#qos = qos;
    this.#kept = kept;
    this.#mask = places - 1;
  }

  /** Whether a QoS 2 message with this packet id came and is not settled. */
  has(packetId: number): boolean {
    for (let token = this.#head; token < this.#head + this.#count; token++) {
      const slot = token & this.#mask;
      if ((this.#ids as Uint16Array)[slot] === packetId && (this.#qos as Uint8Array)[slot] === 2) return true;
    }
    return false;
  }

  /** The QoS 2 packet ids of which nobody knows yet what became of their messages, and that were not said to be kept. */
  unsettledQos2(): number[] {
    const ids: number[] = [];
    for (let token = this.#head; token < this.#head + this.#count; token++) {
      const slot = token & this.#mask;
      const isOpen = (this.#codes as Uint8Array)[slot] === pending && (this.#kept as Uint8Array)[slot] === 0;
      if (isOpen && (this.#qos as Uint8Array)[slot] === 2) ids.push((this.#ids as Uint16Array)[slot] as number);
    }
    return ids;
  }

  /** See `unsettledQos2`. */
  keep(token: number): void {
    (this.#kept as Uint8Array)[token & this.#mask] = 1;
  }

  packetIdOf(token: number): number {
    return (this.#ids as Uint16Array)[token & this.#mask] as number;
  }

  qosOf(token: number): number {
    return (this.#qos as Uint8Array)[token & this.#mask] as number;
  }

  /** `code` is a reason code of PUBACK and PUBREC; `reason` may be "". */
  settle(token: number, code: number, reason: string): void {
    if (this.#codes === undefined) return;
    this.#codes[token & this.#mask] = code;
    if (reason !== "") {
      this.#reasons ??= new Map();
      this.#reasons.set(token, reason);
    }
  }

  /** Hands over what is settled, from the oldest on, until one is not. */
  drain(emit: (packetId: number, qos: number, code: number, reason: string) => void): void {
    const ids = this.#ids;
    const codes = this.#codes;
    const qos = this.#qos;
    if (ids === undefined || codes === undefined || qos === undefined) return;
    while (this.#count > 0) {
      const token = this.#head;
      const slot = token & this.#mask;
      const code = codes[slot] as number;
      if (code === pending) return;
      this.#head++;
      this.#count--;
      let reason = "";
      if (this.#reasons !== undefined) {
        reason = this.#reasons.get(token) ?? "";
        this.#reasons.delete(token);
      }
      emit(ids[slot] as number, qos[slot] as number, code, reason);
    }
  }
}
