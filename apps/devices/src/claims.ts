// Certificates of whole fleets, as operators make and look after them. What they are used for: provisioning.ts.
import { randomBytes, randomUUID } from "node:crypto";
import { assertMay, type Claim, type ClaimSettings, type DeviceApi, invalidField, PlatformError } from "@mooring/contracts";
import { issueDeviceCertificate, issueDeviceKeyPair, type Sealer } from "@mooring/pki";
import { parseClaimName, parseClaimSettings, parseHookUrl } from "./claim-input.ts";
import type { ClaimPatch, ClaimRecord, ClaimStore, HookPatch } from "./claim-ports.ts";
import { wordsOf } from "./failure-words.ts";
import { readForeignLeaf } from "./foreign-certificates.ts";
import { noProduct, parseProductKey, tenantOf } from "./input.ts";
import { type IssuingDeps, issueFor } from "./issuing.ts";
import { hookPlace } from "./secret-place.ts";

export type ClaimOperations = Pick<DeviceApi, "createClaim" | "listClaims" | "getClaim" | "updateClaim" | "listClaimFailures">;

export interface ClaimDeps extends IssuingDeps {
  readonly claims: ClaimStore;
}

/** Per product: one for each line of production, and room for the next ones. */
const claimsMax = 100;
const listedMax = 1_000;
const defaults = { namePattern: "{serial}", tags: {}, devicesMax: 1_000, allowsNewKeys: false };
const failuresShownMs = 7 * 86_400_000;

export function createClaimOperations(deps: ClaimDeps): ClaimOperations {
  const { claims, sealer, clock } = deps;

  async function getRecord(tenantId: string, productKey: unknown, name: unknown): Promise<ClaimRecord> {
    const record = typeof name === "string" ? await claims.find(tenantId, parseProductKey(productKey), name) : undefined;
    if (record === undefined) throw noClaim();
    return record;
  }

  /** The certificate that the claim is to have: a new one of the tenant's authority, or one that a registered authority has signed. */
  async function certify(tenantId: string, request: Parameters<ClaimOperations["createClaim"]>[1]) {
    const { productKey, name, csrPem, certificatePem, validityDays } = request;
    if (certificatePem !== undefined) {
      if (csrPem !== undefined) throw invalidField("/csrPem", "goes without certificatePem");
      const certificate = await readForeignLeaf(deps, tenantId, certificatePem);
      return { certificate, answer: { certificatePem: certificate.pem, chainPem: certificate.pem } };
    }
    // No device's name begins so, unless somebody wants it to: the certificate is found by its fingerprint anyway.
    const subject = { tenantId, productKey, deviceName: `claim:${name}` };
    const { made, certificate } = await issueFor(deps, subject, validityDays, (authority, plan) =>
      csrPem === undefined ? issueDeviceKeyPair(authority, plan, "ec-p256") : issueDeviceCertificate(authority, { ...plan, csrPem }),
    );
    const key = "privateKeyPem" in made ? { privateKeyPem: String(made.privateKeyPem) } : {};
    return { certificate, answer: { certificatePem: made.certificatePem, chainPem: made.chainPem, ...key } };
  }

  return {
    async createClaim(caller, request) {
      assertMay(caller, "devices.createClaim");
      const tenantId = tenantOf(caller);
      const productKey = parseProductKey(request.productKey);
      if ((await deps.products.find({ tenantId }, productKey)) === undefined) throw noProduct();
      const name = parseClaimName(request.name);
      const settings = { ...defaults, ...parseClaimSettings(request) };
      const id = randomUUID();
      const { hook, hookSecret } = newHook(sealer, { id, tenantId }, request);
      const { certificate, answer } = await certify(tenantId, request);
      const { fingerprint, serial, authorityId, notBeforeMs, notAfterMs } = certificate;
      const record: ClaimRecord = {
        ...{ id, tenantId, productKey, name, status: "active", fingerprint, serial, authorityId, notBeforeMs, notAfterMs },
        ...settings,
        ...{
          hookUrl: hook?.hookUrl ?? undefined,
          sealedHookSecret: hook?.sealedHookSecret ?? undefined,
          devices: 0,
          createdAtMs: clock.now(),
        },
      };
      const outcome = await claims.insert(record, claimsMax);
      if (outcome === "name") throw new PlatformError("alreadyExists", `the product has a claim named ${name} already`);
      if (outcome === "certificate") throw new PlatformError("alreadyExists", "the certificate is registered already");
      if (outcome === "limit") throw new PlatformError("quotaExceeded", `a product has at most ${claimsMax} claims`);
      return { claim: toClaim(record), ...answer, ...(hookSecret && { hookSecret }) };
    },

    async listClaims(caller, request) {
      assertMay(caller, "devices.listClaims");
      const tenantId = tenantOf(caller);
      const productKey = parseProductKey(request.productKey);
      if ((await deps.products.find({ tenantId }, productKey)) === undefined) throw noProduct();
      return { claims: (await claims.list(tenantId, productKey, listedMax)).map(toClaim) };
    },

    async getClaim(caller, { productKey, name }) {
      assertMay(caller, "devices.getClaim");
      return toClaim(await getRecord(tenantOf(caller), productKey, name));
    },

    async updateClaim(caller, request) {
      assertMay(caller, "devices.updateClaim");
      const record = await getRecord(tenantOf(caller), request.productKey, request.name);
      const status = parseStatus(request.status);
      // Over gRPC a map that was not given is an empty one.
      const isBare = request.tags !== undefined && Object.keys(request.tags).length === 0;
      const { tags, ...others } = parseClaimSettings(request);
      const { hook, hookSecret } = newHook(sealer, record, request);
      const patch: ClaimPatch & Partial<HookPatch> = { ...others, ...(tags && !isBare && { tags }), ...hook, ...(status && { status }) };
      const changed = await claims.update(record, patch, clock.now());
      if (changed === undefined) throw new PlatformError("failedPrecondition", "the claim is revoked");
      return { claim: toClaim(changed), ...(hookSecret && { hookSecret }) };
    },

    async listClaimFailures(caller, { productKey, name }) {
      assertMay(caller, "devices.listClaimFailures");
      const { id } = await getRecord(tenantOf(caller), productKey, name);
      const failures = await claims.listFailures(id, clock.now() - failuresShownMs);
      return { failures: failures.map((failure) => ({ ...failure, message: wordsOf(failure.reason) })) };
    },
  };
}

const noClaim = (): PlatformError => new PlatformError("notFound", "there is no such claim");

function parseStatus(status: unknown): "active" | "inactive" | "revoked" | undefined {
  if (status === undefined || status === "active" || status === "inactive" || status === "revoked") return status;
  throw invalidField("/status", "must be one of active, inactive, revoked");
}

/** The hook that was given, with a secret made for it. */
function newHook(
  sealer: Sealer,
  claim: { readonly id: string; readonly tenantId: string },
  { hookUrl }: ClaimSettings,
): { readonly hook?: HookPatch; readonly hookSecret?: string } {
  if (hookUrl === undefined) return {};
  const url = parseHookUrl(hookUrl);
  if (url === "") return { hook: { hookUrl: null, sealedHookSecret: null } };
  const hookSecret = randomBytes(32).toString("hex");
  return { hook: { hookUrl: url, sealedHookSecret: sealer.seal(hookSecret, hookPlace(claim)) }, hookSecret };
}

function toClaim({ id, tenantId: _, serial: __, authorityId: ___, sealedHookSecret: ____, hookUrl, ...rest }: ClaimRecord): Claim {
  return { claimId: id, ...rest, ...(hookUrl === undefined ? {} : { hookUrl }) };
}
