// Hot: who may open a connection at all. Asked for every socket, before a byte of it is read.
import type { RareCounters } from "./counters.ts";

export interface AdmissionLimits {
  /** All connections of the node. */
  readonly connectionsMax: number;
  /** Strangers from one address: connections that have not signed on. Signed-on ones do not count, since fleets share addresses. */
  readonly strangersPerAddressMax: number;
}

/** One connection's place. */
export class Ticket {
  readonly #admission: Admission;
  readonly #address: string;
  #isStranger = true;
  #isHere = true;

  constructor(admission: Admission, address: string) {
    this.#admission = admission;
    this.#address = address;
  }

  /** The client has signed on. Idempotent. */
  known(): void {
    if (this.#isStranger) this.#admission.forgetStranger(this.#address);
    this.#isStranger = false;
  }

  /** The connection is gone. Idempotent. */
  leave(): void {
    this.known();
    if (this.#isHere) this.#admission.forgetConnection();
    this.#isHere = false;
  }
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rare: RareCounters;
  readonly #strangers = new Map<string, number>();
  #connections = 0;

  constructor(limits: AdmissionLimits, rare: RareCounters) {
    this.#limits = limits;
    this.#rare = rare;
  }

  /** Undefined when the connection is to be dropped without a word. */
  enter(address: string): Ticket | undefined {
    if (this.#connections >= this.#limits.connectionsMax) {
      this.#rare.onConnectionRefused("nodeLimit");
      return undefined;
    }
    const strangers = this.#strangers.get(address) ?? 0;
    if (strangers >= this.#limits.strangersPerAddressMax) {
      this.#rare.onConnectionRefused("addressLimit");
      return undefined;
    }
    this.#connections++;
    this.#strangers.set(address, strangers + 1);
    return new Ticket(this, address);
  }

  /** For tickets. */
  forgetStranger(address: string): void {
    const rest = (this.#strangers.get(address) ?? 1) - 1;
    if (rest === 0) this.#strangers.delete(address);
    else this.#strangers.set(address, rest);
  }

  /** For tickets. */
  forgetConnection(): void {
    this.#connections--;
  }
}
