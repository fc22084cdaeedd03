// What a connection takes of the limits of its tenant and its address.
import type { ConnectionCounts } from "../connection-counts.ts";
import type { Reauthenticate, Stay, Welcomed } from "./welcome-ports.ts";

export class Place implements Stay {
  readonly #counts: ConnectionCounts;
  readonly #tenantId: string;
  readonly #address: string;
  #inner: Stay | undefined;

  constructor(counts: ConnectionCounts, tenantId: string, address: string) {
    this.#counts = counts;
    this.#tenantId = tenantId;
    this.#address = address;
  }

  get reauthenticate(): Reauthenticate | undefined {
    return this.#inner?.reauthenticate;
  }

  /** It stays taken until the connection ends. */
  give(welcomed: Welcomed): Welcomed {
    this.#inner = welcomed.stay;
    return { channel: welcomed.channel, connack: welcomed.connack, stay: this };
  }

  leave(): undefined {
    this.#counts.leave(this.#tenantId, this.#address);
  }

  onClosed(word: string): void {
    this.leave();
    this.#inner?.onClosed(word);
  }
}
