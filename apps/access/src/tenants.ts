import { type AccessApi, assertMay, type Caller, invalidField, PlatformError, uuidPattern } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import { parseReason } from "./input.ts";
import type { AccessStore } from "./ports.ts";

type TenantOperations = Pick<AccessApi, "getTenant" | "listTenants" | "setTenantStatus" | "listSuspendedTenants" | "listTenantsSince">;

export interface TenantDeps {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** Services hold the whole list, and ask for it several times a second. */
const suspendedMax = 10_000;
/** A list is not cut into pages; older ones beyond this are not shown. */
const listedMax = 1_000;

export function createTenantOperations({ store, clock, log }: TenantDeps): TenantOperations {
  /** Throws unless the caller belongs to the platform's own tenant, whose id this answers. */
  async function platformTenant(caller: Caller): Promise<string> {
    const first = await store.findFirstTenant();
    if (first !== undefined && first.tenantId === caller.tenantId) return first.tenantId;
    throw new PlatformError("permissionDenied", "only owners of the platform's own tenant may look after tenants");
  }

  return {
    async getTenant(caller) {
      assertMay(caller, "access.getTenant");
      const tenant = await store.findTenant(tenantOf(caller));
      if (tenant === undefined) throw noTenant();
      return tenant;
    },

    async listTenants(caller) {
      assertMay(caller, "access.listTenants");
      await platformTenant(caller);
      return { tenants: await store.listTenants(listedMax) };
    },

    async setTenantStatus(caller, { tenantId, status, reason }) {
      assertMay(caller, "access.setTenantStatus");
      const own = await platformTenant(caller);
      if (status !== "active" && status !== "suspended") throw invalidField("/status", "must be one of active, suspended");
      const words = parseReason(reason);
      if (words !== undefined && status === "active") throw invalidField("/reason", "goes with suspended alone");
      if (tenantId === own && status === "suspended")
        throw new PlatformError("failedPrecondition", "the platform's own tenant cannot be suspended: nobody could resume it");
      const suspension = status === "active" ? undefined : { atMs: clock.now(), reason: words };
      const tenant = uuidPattern.test(tenantId) ? await store.setSuspension(tenantId, suspension, suspendedMax) : "notFound";
      if (tenant === "notFound") throw noTenant();
      if (tenant === "limit") throw new PlatformError("quotaExceeded", `${suspendedMax} tenants are suspended already`);
      log.info({ tenantId, status, reason: words, by: caller.principal }, "a tenant's status was set");
      return tenant;
    },

    async listSuspendedTenants(caller) {
      assertMay(caller, "access.listSuspendedTenants");
      return { tenantIds: await store.listSuspended(suspendedMax) };
    },

    async listTenantsSince(caller, { sinceMs, afterId }) {
      assertMay(caller, "access.listTenantsSince");
      // What Postgres and Date both take.
      if (!Number.isSafeInteger(sinceMs) || sinceMs < 0 || sinceMs > 253_402_300_799_999)
        throw invalidField("/sinceMs", "must be a time in milliseconds from 1970 to 9999");
      if (afterId !== undefined && !uuidPattern.test(afterId)) throw invalidField("/afterId", "must be a tenant's id");
      return { tenants: await store.listSince({ sinceMs, afterId }, listedMax) };
    },
  };
}

/** A caller without a tenant owns nothing, whatever its role says. */
export function tenantOf(caller: Caller): string {
  if (!uuidPattern.test(caller.tenantId)) throw noTenant();
  return caller.tenantId;
}

export function noTenant(): PlatformError {
  return new PlatformError("notFound", "there is no such tenant");
}
