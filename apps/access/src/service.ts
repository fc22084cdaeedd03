import { randomBytes, randomUUID } from "node:crypto";
import { type AccessApi, assertMay, asTenantId, type Caller, PlatformError, uuidPattern } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import type { Sealer } from "@mooring/pki";
import { accessKeyIdOf, accessKeyPlace, createAccessKey, isFresh, isSignedWith } from "./access-key.ts";
import { parseFlag, parseName, parseRole } from "./input.ts";
import type { AccessStore, FoundApiKey } from "./ports.ts";
import { createScramKeys, createSecret, hashSecret, scramIterations } from "./secret.ts";
import { createTenantOperations, noTenant, tenantOf } from "./tenants.ts";

export interface AccessServiceDeps {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly log: Log;
  /** For the secrets of access keys. */
  readonly sealer: Pick<Sealer, "seal" | "unseal">;
  /** How old a signature may be; a year when not given. */
  readonly signatureDaysMax?: number;
}

/** Keys that are not revoked, per tenant: one for each program and person of a large installation. */
export const activeKeysMax = 500;
/** A list is not cut into pages; revoked keys beyond this are not shown. */
const listedKeysMax = 1_000;
const signatureDaysDefault = 365;
/** Stand in where there is nothing to compare. */
const noSecret = randomBytes(32);
const noProof = { authId: "", content: "", signature: "", method: "hmacsha256" };

/** Tenants, API keys and roles: who may do what. */
export function createAccessService(deps: AccessServiceDeps): AccessApi {
  const { store, clock, sealer, signatureDaysMax = signatureDaysDefault } = deps;
  return {
    async authenticateKey(caller, { secret }) {
      assertMay(caller, "access.authenticateKey");
      const hash = hashSecret(secret);
      const key = hash === undefined ? undefined : await store.findKeyByHash(hash);
      if (key === undefined || key.revokedAtMs !== undefined) throw new PlatformError("unauthenticated", "the API key is not valid");
      return holderOf(key);
    },

    async findScramVerifier(caller, { keyId }) {
      assertMay(caller, "access.findScramVerifier");
      const key = uuidPattern.test(keyId) ? await store.findKeyById(keyId) : undefined;
      if (key?.scram === undefined || key.revokedAtMs !== undefined) throw new PlatformError("unauthenticated", "the API key is not valid");
      const { salt, storedKey, serverKey } = key.scram;
      return { salt, iterations: scramIterations, storedKey, serverKey, caller: holderOf(key) };
    },

    async authenticateSignature(caller, proof) {
      assertMay(caller, "access.authenticateSignature");
      const id = accessKeyIdOf(proof);
      const key = id === undefined ? undefined : await store.findKeyByAccessKey(id);
      // Whoever asks about a key that is not there waits as long as for one that is.
      const secret = key === undefined ? noSecret : sealer.unseal(key.sealedSecret, accessKeyPlace(key));
      const isSigned = isSignedWith(secret, id === undefined ? noProof : proof) && isFresh(proof, clock.now(), signatureDaysMax);
      if (key === undefined || !isSigned || key.revokedAtMs !== undefined) {
        throw new PlatformError("unauthenticated", "the signature is not valid");
      }
      return holderOf(key);
    },

    async createApiKey(caller, request) {
      assertMay(caller, "access.createApiKey");
      const tenantId = tenantOf(caller);
      const secret = createSecret();
      const secretHash = hashSecret(secret);
      if (secretHash === undefined) throw new Error("made a secret that is none");
      const name = parseName(request.name);
      const role = parseRole(request.role);
      const id = randomUUID();
      const accessKey = parseFlag("/accessKey", request.accessKey) ? createAccessKey() : undefined;
      const sealed = accessKey && { id: accessKey.id, sealedSecret: sealer.seal(accessKey.secret, accessKeyPlace({ tenantId, id })) };
      const proofs = { secretHash, scram: createScramKeys(secret), ...(sealed && { accessKey: sealed }) };
      const created = { id, tenantId, name, role, ...proofs, createdAtMs: clock.now() };
      const key = await store.insertKey(created, activeKeysMax);
      if (key === "noTenant") throw noTenant();
      if (key === "limit") throw new PlatformError("quotaExceeded", `a tenant has at most ${activeKeysMax} API keys; revoke one first`);
      return { key, secret, ...(accessKey && { accessKey }) };
    },

    async listApiKeys(caller) {
      assertMay(caller, "access.listApiKeys");
      return { keys: await store.listKeys(tenantOf(caller), listedKeysMax) };
    },

    async revokeApiKey(caller, { id }) {
      assertMay(caller, "access.revokeApiKey");
      const tenantId = tenantOf(caller);
      const key = uuidPattern.test(id) ? await store.revokeKey(tenantId, id, clock.now()) : "notFound";
      if (key === "notFound") throw new PlatformError("notFound", "there is no such API key");
      if (key === "lastOwner") throw new PlatformError("failedPrecondition", "this is the last owner key: create another one first");
      return key;
    },

    ...createTenantOperations(deps),
  };
}

/** Whom a key that holds speaks for. Throws when its tenant is suspended. */
function holderOf({ id, tenantId, role, isTenantSuspended }: FoundApiKey): Caller {
  if (isTenantSuspended) throw new PlatformError("permissionDenied", "the tenant is suspended");
  return { tenantId: asTenantId(tenantId), principal: `key:${id}`, role };
}
