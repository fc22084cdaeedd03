import type { ApiKey, Role, Tenant } from "@mooring/contracts";
import type { ScramKeys } from "./secret.ts";

/** A key as it is stored: its secret is only there as a hash. */
export interface NewApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly role: Role;
  readonly secretHash: Buffer;
  readonly scram: ScramKeys;
  readonly accessKey?: { readonly id: string; readonly sealedSecret: string };
  readonly createdAtMs: number;
}

/** A key with the tenant it belongs to, as found by the hash of its secret, or by its id. */
export interface FoundApiKey extends ApiKey {
  readonly tenantId: string;
  /** Absent in keys made before there were any. */
  readonly scram?: ScramKeys;
  readonly isTenantSuspended: boolean;
}

export interface FoundAccessKey extends FoundApiKey {
  readonly sealedSecret: string;
}

/** From now on suspended, or from now on no more. */
export type Suspension = { readonly atMs: number; readonly reason: string | undefined } | undefined;

/** Where tenants and keys are kept. Of the keys, every method but the first three is bound to one tenant; what belongs to another is not found. */
export interface AccessStore {
  /** Revoked keys are found too. */
  findKeyByHash(secretHash: Buffer): Promise<FoundApiKey | undefined>;
  /** Of any tenant; revoked keys are found too. */
  findKeyById(id: string): Promise<FoundApiKey | undefined>;
  findKeyByAccessKey(accessKeyId: string): Promise<FoundAccessKey | undefined>;
  findTenant(tenantId: string): Promise<Tenant | undefined>;
  /** The platform's own: the one made on the empty database. */
  findFirstTenant(): Promise<Tenant | undefined>;
  /** Newest first. */
  listTenants(limit: number): Promise<readonly Tenant[]>;
  /** A tenant that is suspended already keeps its time and reason. `limit` when `suspendedMax` others are. Atomic. */
  setSuspension(tenantId: string, suspension: Suspension, suspendedMax: number): Promise<Tenant | "notFound" | "limit">;
  listSuspended(limit: number): Promise<readonly string[]>;
  /** Oldest first, then by id: those after the place. */
  listSince(
    place: { readonly sinceMs: number; readonly afterId: string | undefined },
    limit: number,
  ): Promise<readonly { readonly tenantId: string; readonly createdAtMs: number }[]>;
  /** `limit` when the tenant has `activeMax` keys that are not revoked, `noTenant` when there is no such tenant. Atomic. */
  insertKey(key: NewApiKey, activeMax: number): Promise<ApiKey | "limit" | "noTenant">;
  /** Those not revoked first, in each group the newest first. */
  listKeys(tenantId: string, limit: number): Promise<readonly ApiKey[]>;
  /** Leaves a key that is revoked already as it is. `lastOwner` when no other owner's key would be left. Atomic. */
  revokeKey(tenantId: string, id: string, revokedAtMs: number): Promise<ApiKey | "notFound" | "lastOwner">;
  /**
   * Makes the first tenant with its key when there is no tenant yet, and answers the first tenant's id. `keep` is awaited before anything is
   * committed, and only by the one caller who makes the tenant; when it throws, nothing was made.
   */
  insertFirstTenant(
    tenant: Tenant,
    key: NewApiKey,
    keep: () => Promise<void>,
  ): Promise<{ readonly tenantId: string; readonly made: boolean }>;
}
