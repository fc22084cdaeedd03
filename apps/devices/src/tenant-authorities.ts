// A tenant has its certificate authority from when there is the tenant: devices and verifiers can be given its root before the first certificate is made.
import { type AccessApi, serviceCaller } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import { ensureTenantAuthority } from "./authority.ts";
import type { AuthorityStore } from "./authority-ports.ts";

export interface TenantAuthoritiesDeps {
  readonly authorities: Pick<AuthorityStore, "findIssuing" | "insertIssuing">;
  readonly access: Pick<AccessApi, "listTenantsSince">;
  readonly keyEncryptionKey: Uint8Array;
  readonly statusUrl?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 1_000;
const retryMs = 2_000;
/** A tenant's time of creation is from before its commit, on another machine's clock: those so near the newest are looked at again. */
const lookBackMs = 60_000;

/**
 * Makes the authority of each tenant there is and of each that comes, and tries until it is done. Any number of processes may run it; a certificate that is
 * asked for before makes it as well.
 */
export function startTenantAuthorities({ access, keyEncryptionKey, log, ...deps }: TenantAuthoritiesDeps): Running {
  const making = { ...deps, sealer: createSealer([keyEncryptionKey]) };
  const self = serviceCaller("devices");
  const done = new Map<string, number>();
  let sinceMs = 0;
  const step = async (signal: AbortSignal): Promise<void> => {
    let place: { readonly sinceMs: number; readonly afterId?: string } = { sinceMs };
    for (;;) {
      const { tenants } = await access.listTenantsSince(self, place);
      const last = tenants.at(-1);
      if (last === undefined || signal.aborted) break;
      for (const { tenantId, createdAtMs } of tenants) {
        if (!done.has(tenantId)) await ensureTenantAuthority(making, tenantId);
        done.set(tenantId, createdAtMs);
      }
      place = { sinceMs: last.createdAtMs, afterId: last.tenantId };
    }
    sinceMs = Math.max(sinceMs, place.sinceMs - lookBackMs, 0);
    for (const [tenantId, createdAtMs] of done) if (createdAtMs < sinceMs) done.delete(tenantId);
    await pause(everyMs, signal);
  };
  return startLoop(step, { retryMs, onError: (error) => log.warn({ err: error }, "a tenant's authority could not be made; trying again") });
}
