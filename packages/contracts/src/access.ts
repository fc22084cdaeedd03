import type { Caller, Role } from "./caller.ts";

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly revokedAtMs?: number;
  /** The name of its access key, when it has one. */
  readonly accessKeyId?: string;
}

/** For callers that sign instead of sending their secret: AMQP clients in Alibaba's form. Belongs to an API key, and ends with it. */
export interface AccessKey {
  readonly id: string;
  readonly secret: string;
}

/** What a caller with an access key says of itself. */
export interface SignatureProof {
  /** The access key's id. */
  readonly authId: string;
  /** What was signed: `authId={id}&timestamp={milliseconds since 1970}`. */
  readonly content: string;
  /** base64 of the HMAC. */
  readonly signature: string;
  /** hmacsha1, hmacsha256 or hmacmd5, in any case. */
  readonly method: string;
}

export interface Tenant {
  readonly tenantId: string;
  readonly name: string;
  /** `active` or `suspended`. */
  readonly status: string;
  /** Of a suspended one: since when, and why, as whoever did it put it. */
  readonly suspendedAtMs?: number;
  readonly suspendedReason?: string;
  readonly createdAtMs: number;
}

/** Of it nobody can pass for the holder of the key (RFC 5802 s9); still it is no one's business but a server's. */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  /** Who it is that proves it. */
  readonly caller: Caller;
}

/** Tenants, API keys and roles: who may do what. */
export interface AccessApi {
  /**
   * The caller behind an API key. Throws `unauthenticated` for a key that is unknown, revoked or malformed, without saying which, and
   * `permissionDenied` for a good one whose tenant is suspended; so do the two below.
   */
  authenticateKey(caller: Caller, request: { readonly secret: string }): Promise<Caller>;
  /**
   * What a server needs to have a holder of this key prove it with SCRAM-SHA-256 (RFC 5802, RFC 7677): the user name is the key's id, the password
   * its secret. Throws `unauthenticated` as `authenticateKey` does.
   */
  findScramVerifier(caller: Caller, request: { readonly keyId: string }): Promise<ScramVerifier>;
  /**
   * The caller behind a signature made with an access key. Throws `unauthenticated` for one that is wrong, too old, or of a key that is unknown or
   * revoked, without saying which.
   */
  authenticateSignature(caller: Caller, request: SignatureProof): Promise<Caller>;
  /**
   * The secrets are in this answer and nowhere else: that of the key is stored hashed, that of its access key, made with `accessKey`, sealed.
   */
  createApiKey(
    caller: Caller,
    request: { readonly name: string; readonly role: string; readonly accessKey?: boolean },
  ): Promise<{ readonly key: ApiKey; readonly secret: string; readonly accessKey?: AccessKey }>;
  listApiKeys(caller: Caller, request: Record<never, never>): Promise<{ readonly keys: readonly ApiKey[] }>;
  /** Idempotent. Throws `notFound` for a key of another tenant. */
  revokeApiKey(caller: Caller, request: { readonly id: string }): Promise<ApiKey>;
  getTenant(caller: Caller, request: Record<never, never>): Promise<Tenant>;
  /** For owners of the platform's own tenant, the first one there was; `permissionDenied` for others. Newest first, at most 1,000. */
  listTenants(caller: Caller, request: Record<never, never>): Promise<{ readonly tenants: readonly Tenant[] }>;
  /**
   * For the same. `suspended`: within 2 s connections of the tenant's devices and back ends end, its API keys and credentials are refused and nothing is
   * delivered to it; what it has stays. `active` takes that back. The platform's own tenant cannot be suspended: `failedPrecondition`. Idempotent.
   */
  setTenantStatus(
    caller: Caller,
    request: { readonly tenantId: string; readonly status: string; readonly reason?: string },
  ): Promise<Tenant>;
  /** For the platform's own services: the tenants that are suspended now, at most 10,000. */
  listSuspendedTenants(caller: Caller, request: Record<never, never>): Promise<{ readonly tenantIds: readonly string[] }>;
  /** For the platform's own services: those created at `sinceMs` with an id that sorts after `afterId`, or later. Oldest first, at most 1,000. */
  listTenantsSince(
    caller: Caller,
    request: { readonly sinceMs: number; readonly afterId?: string },
  ): Promise<{ readonly tenants: readonly { readonly tenantId: string; readonly createdAtMs: number }[] }>;
}
