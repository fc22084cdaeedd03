// Connections that have signed on, by tenant and by address: how many there may be.
import { ReasonCode } from "@mooring/mqtt";
import { SignOnRefused } from "./mqtt/connect.ts";

export interface CountLimits {
  readonly connectionsPerTenantMax: number;
  readonly connectionsPerAddressMax: number;
}

export class ConnectionCounts {
  readonly #limits: CountLimits;
  readonly #tenants = new Map<string, number>();
  readonly #addresses = new Map<string, number>();

  constructor(limits: CountLimits) {
    this.#limits = limits;
  }

  /**
   * Counts a connection in. Throws SignOnRefused when there is no room for it; the client hears 0x97 (before MQTT 5: 3). The place of the
   * connection whose session it takes over is free to it: `freed` is the address of that one.
   */
  enter(tenantId: string, address: string, freed: string | undefined): void {
    const { connectionsPerTenantMax, connectionsPerAddressMax } = this.#limits;
    const others = (this.#tenants.get(tenantId) ?? 0) - (freed === undefined ? 0 : 1);
    if (others >= connectionsPerTenantMax) throw new SignOnRefused(ReasonCode.QuotaExceeded, "tenantLimit");
    const neighbours = (this.#addresses.get(address) ?? 0) - (freed === address ? 1 : 0);
    if (neighbours >= connectionsPerAddressMax) throw new SignOnRefused(ReasonCode.QuotaExceeded, "addressLimit");
    count(this.#tenants, tenantId, 1);
    count(this.#addresses, address, 1);
  }

  leave(tenantId: string, address: string): void {
    count(this.#tenants, tenantId, -1);
    count(this.#addresses, address, -1);
  }
}

function count(counts: Map<string, number>, key: string, by: number): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
