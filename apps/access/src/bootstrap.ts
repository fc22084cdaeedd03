import { randomUUID } from "node:crypto";
import type { Clock } from "@mooring/kit";
import { parseName } from "./input.ts";
import type { AccessStore } from "./ports.ts";
import { createScramKeys, createSecret, hashSecret } from "./secret.ts";

export interface BootstrapDeps {
  readonly store: AccessStore;
  readonly clock: Clock;
  /**
   * Puts the key where the owner will find it. Called before the tenant exists, so that a process that dies in between has not thrown the
   * only key away; a later start then makes another key and calls this again.
   */
  readonly keepKey?: (apiKey: string) => Promise<void>;
}

/**
 * On an empty database: makes the first tenant and an owner's key, whose secret is in this answer and nowhere else. On any other: answers
 * the first tenant's id, without a key. Safe when several processes start at once; idempotent. Throws invalidArgument for an odd name.
 */
export async function bootstrapTenant(
  deps: BootstrapDeps,
  options: { readonly name: string },
): Promise<{ readonly tenantId: string; readonly apiKey?: string }> {
  const apiKey = createSecret();
  const secretHash = hashSecret(apiKey);
  if (secretHash === undefined) throw new Error("made a secret that is none");
  const createdAtMs = deps.clock.now();
  const tenant = { tenantId: randomUUID(), name: parseName(options.name), status: "active", createdAtMs };
  const scram = createScramKeys(apiKey);
  const key = { id: randomUUID(), tenantId: tenant.tenantId, name: "first key", role: "owner", secretHash, scram, createdAtMs } as const;
  const { tenantId, made } = await deps.store.insertFirstTenant(tenant, key, async () => deps.keepKey?.(apiKey));
  return made ? { tenantId, apiKey } : { tenantId };
}
