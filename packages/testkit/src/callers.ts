import { randomUUID } from "node:crypto";
import { asTenantId, type Caller, type Role } from "@mooring/contracts";

/** Somebody of a tenant; of a new one unless it is named. */
export function makeCaller(role: Role = "owner", tenantId: string = randomUUID()): Caller {
  return { tenantId: asTenantId(tenantId), principal: `key:${randomUUID()}`, role };
}
