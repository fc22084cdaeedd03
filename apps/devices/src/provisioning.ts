// What a claim's certificate can do, and nothing else: have a device made, with a certificate of its own.
//
//   natively   provisionDevice(request for a key, parameters)                     -> device, certificate
//   AWS's way  createClaimedCertificate(request, or none) -> certificate, token   nothing is stored: the token is the certificate, sealed
//              provisionDevice(token, parameters)         -> device               within the hour
//
// Whoever asks has proved the claim; it is looked at again here, each time.
import { createHash, randomBytes, randomUUID, X509Certificate } from "node:crypto";
import {
  assertMay,
  type DeviceApi,
  invalidField,
  PlatformError,
  type ProvisionedDevice,
  type ProvisioningRequest,
  type SignOnOrigin,
  uuidPattern,
} from "@mooring/contracts";
import type { Log, Metrics } from "@mooring/kit";
import { issueDeviceCertificate, issueDeviceKeyPair, readIdentity } from "@mooring/pki";
import type { NewCertificate } from "./certificate-ports.ts";
import { activeCertificatesMax } from "./certificates.ts";
import { fillNamePattern, type Parameters, parseParameters, serialOf } from "./claim-input.ts";
import type { ClaimCredential, ClaimStore } from "./claim-ports.ts";
import { assertKeyKept } from "./compromised-keys.ts";
import type { FailureBook } from "./failure-book.ts";
import type { AskHook } from "./hook.ts";
import { createIssuerCheck } from "./issuer-check.ts";
import { type IssuingDeps, issueFor } from "./issuing.ts";
import { listFault } from "./list-rules.ts";
import { openOwnership, sealOwnership } from "./ownership-token.ts";
import type { Tags } from "./ports.ts";
import { hookPlace } from "./secret-place.ts";
import { type Conclude, type Refused, suspendedReason } from "./verdict.ts";

export type ProvisioningOperations = Pick<DeviceApi, "authenticateClaim" | "checkClaim" | "createClaimedCertificate" | "provisionDevice">;

export interface ProvisioningDeps extends IssuingDeps {
  readonly claims: ClaimStore;
  readonly askHook: AskHook;
  readonly failures: Pick<FailureBook, "add">;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** As AWS's: after it a certificate that was made and not provisioned is none. */
const ownershipMs = 3_600_000;

export function createProvisioningOperations(deps: ProvisioningDeps, conclude: Conclude): ProvisioningOperations {
  const { claims, sealer, clock, log } = deps;
  const issuedByAuthority = createIssuerCheck();
  const counter = deps.metrics.counter("mooring_claim_provisionings_total", "Devices that claims were to provision, by outcome.", [
    "outcome",
  ]);

  /** The claim, if it holds. Throws what `conclude` does. */
  async function hold(claimId: unknown, origin: SignOnOrigin | undefined): Promise<ClaimCredential> {
    const known = typeof claimId === "string" && uuidPattern.test(claimId);
    const claim = known ? await claims.findCredential({ id: claimId }) : undefined;
    return concludeClaim(claim, claim && judgeClaim(claim, clock.now()), origin);
  }

  function concludeClaim(
    claim: ClaimCredential | undefined,
    refused: Refused | undefined,
    origin: SignOnOrigin | undefined,
  ): ClaimCredential {
    if (claim !== undefined && refused !== undefined && origin !== undefined) note(claim, refused.refused, "", origin);
    const facts = claim === undefined ? {} : { claimId: claim.id, claim: claim.name, productKey: claim.productKey };
    const verdict: ClaimCredential | Refused = refused ?? claim ?? { refused: "unknown" };
    return conclude("claim", verdict, { origin, facts }) as ClaimCredential;
  }

  /** For the operator; best effort. */
  function note({ id }: ClaimCredential, reason: string, serial: string, origin: SignOnOrigin): void {
    claims.addFailure(id, { reason, serial, ...origin, atMs: clock.now() }).catch((error: unknown) => {
      log.debug({ err: error }, "a claim's failure could not be written");
    });
  }

  /** Counts and tells what goes wrong in `work`. */
  async function counted<T>(claim: ClaimCredential, serial: string, origin: SignOnOrigin, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof ProvisioningRefused ? error.reason : reasonOf(error);
      counter.inc({ outcome: reason });
      log.info({ reason, claimId: claim.id, productKey: claim.productKey, serial, ...origin, err: error }, "a claim did not provision");
      note(claim, reason, serial, origin);
      throw error instanceof ProvisioningRefused ? error.error : error;
    }
  }

  async function provision(claim: ClaimCredential, request: ProvisioningRequest, parameters: Parameters): Promise<ProvisionedDevice> {
    const { ownershipToken, origin } = request;
    const serial = serialOf(parameters);
    const filled = fillNamePattern(claim.namePattern, parameters);
    const owned = await ownedOf(claim, filled, request);
    const asked = { serial, deviceName: filled, parameters, publicKey: keyIdOf(owned.certificate.pem), address: origin.address };
    const { deviceName = filled, tags } = await askHookOf(claim, asked);
    // The hook had seconds: a tenant may be suspended meanwhile, or the claim be on its authority's list.
    if (claim.hookUrl !== undefined) await hold(claim.id, undefined);
    // The hook chose another name, and the certificate says the first one.
    const renamed = deviceName !== filled && ownershipToken === undefined;
    const { certificate, chainPem } = renamed ? await ownedOf(claim, deviceName, request) : owned;
    const nowMs = clock.now();
    const device = { tenantId: claim.tenantId, productKey: claim.productKey, deviceName, deviceId: randomUUID(), status: "enabled" };
    const outcome = await claims.provision(claim, {
      device: { ...device, tags: { ...claim.tags, ...tags }, createdAtMs: nowMs },
      certificate,
      keepsKnown: ownershipToken === undefined,
      isSameKey: (pem) => keyIdOf(pem) === keyIdOf(certificate.pem),
      by: { principal: `claim:${claim.id}`, atMs: nowMs },
      activeMax: activeCertificatesMax,
    });
    if (typeof outcome === "string") {
      deps.failures.add({ productKey: claim.productKey, deviceName, reason: outcome, ...origin });
      throw refusal(outcome);
    }
    const { made, kept } = outcome;
    counter.inc({ outcome: made });
    log.info(
      { outcome: made, claimId: claim.id, productKey: claim.productKey, deviceName, serial, ...origin },
      "a claim provisioned a device",
    );
    const answer = { productKey: claim.productKey, deviceName };
    if (kept === undefined) return { ...answer, certificatePem: certificate.pem, chainPem, notAfterMs: certificate.notAfterMs };
    return { ...answer, certificatePem: kept.pem, chainPem: kept.pem + kept.issuingPem, notAfterMs: kept.notAfterMs };
  }

  /** The certificate that is to become the device's: made now, or the one that the token holds. */
  async function ownedOf(
    claim: ClaimCredential,
    deviceName: string,
    { csrPem, ownershipToken }: Pick<ProvisioningRequest, "csrPem" | "ownershipToken">,
  ): Promise<{ readonly certificate: Omit<NewCertificate, "deviceId">; readonly chainPem: string }> {
    if (ownershipToken !== undefined) {
      if (csrPem !== undefined) throw invalidField("/csrPem", "goes without an ownership token");
      const owned = openOwnership(sealer, claim, ownershipToken, clock.now());
      await assertKeyKept(deps.authorities, { ...claim, certificatePem: owned.pem, pointer: "/ownershipToken" });
      return { certificate: owned, chainPem: owned.pem };
    }
    if (csrPem === undefined) throw invalidField("/csrPem", "is missing");
    const { made, certificate } = await issueFor(deps, { ...claim, deviceName }, undefined, (authority, plan) =>
      issueDeviceCertificate(authority, { ...plan, csrPem }),
    );
    return { certificate, chainPem: made.chainPem };
  }

  async function askHookOf(claim: ClaimCredential, asked: object): Promise<{ readonly deviceName?: string; readonly tags?: Tags }> {
    const { id, hookUrl: url, sealedHookSecret, name, productKey } = claim;
    if (url === undefined || sealedHookSecret === undefined) return {};
    const secret = sealer.unseal(sealedHookSecret, hookPlace(claim)).toString("utf8");
    const answer = await deps.askHook({ claimId: id, url, secret, body: { claim: name, productKey, ...asked } }).catch((error: unknown) => {
      throw error instanceof PlatformError ? new ProvisioningRefused("hook-unavailable", error) : error;
    });
    if (answer.allowed) return answer;
    const why = answer.reason === "" ? "" : `: ${answer.reason}`;
    throw new ProvisioningRefused("hook-refused", new PlatformError("permissionDenied", `the provisioning hook refused${why}`));
  }

  return {
    async authenticateClaim(caller, { certificateDer, origin }) {
      assertMay(caller, "devices.authenticateClaim");
      const read = readIdentity(certificateDer);
      if (!read.ok) return toIdentity(concludeClaim(undefined, { refused: read.reason }, origin));
      const claim = await claims.findCredential({ fingerprint: read.identity.fingerprintSha256 });
      if (claim === undefined) return toIdentity(concludeClaim(undefined, undefined, origin));
      const isOdd = read.identity.serial !== claim.serial || claim.authorityTenantId !== claim.tenantId;
      const fault = isOdd ? "mismatch" : issuedByAuthority(certificateDer, claim, clock.now());
      return toIdentity(concludeClaim(claim, fault === undefined ? judgeClaim(claim, clock.now()) : { refused: fault }, origin));
    },

    async checkClaim(caller, { claimId }) {
      assertMay(caller, "devices.checkClaim");
      return toIdentity(await hold(claimId, undefined));
    },

    async createClaimedCertificate(caller, { claimId, csrPem, origin }) {
      assertMay(caller, "devices.createClaimedCertificate");
      const claim = await hold(claimId, origin);
      return counted(claim, "", origin, async () => {
        // Whose it will be is not known yet, and stands in no certificate of this way.
        const subject = { ...claim, deviceName: `claimed-${randomBytes(16).toString("hex")}` };
        const { made, certificate } = await issueFor(deps, subject, undefined, (authority, plan) =>
          csrPem === undefined ? issueDeviceKeyPair(authority, plan, "ec-p256") : issueDeviceCertificate(authority, { ...plan, csrPem }),
        );
        const ownershipToken = sealOwnership(sealer, claim, certificate, clock.now() + ownershipMs);
        const key = "privateKeyPem" in made ? { privateKeyPem: String(made.privateKeyPem) } : {};
        return { certificateId: certificate.fingerprint, certificatePem: made.chainPem, ownershipToken, ...key };
      });
    },

    async provisionDevice(caller, request) {
      assertMay(caller, "devices.provisionDevice");
      const { claimId, origin } = request;
      const claim = await hold(claimId, origin);
      const parameters = await counted(claim, "", origin, async () => parseParameters(request.parameters));
      return counted(claim, serialOf(parameters), origin, () => provision(claim, request, parameters));
    },
  };
}

function judgeClaim(claim: ClaimCredential, nowMs: number): Refused | undefined {
  if (claim.status !== "active") return { refused: `claim-${claim.status}` };
  if (claim.listed) return { refused: "revoked" };
  if (nowMs < claim.notBeforeMs) return { refused: "not-yet-valid" };
  if (nowMs > claim.notAfterMs) return { refused: "expired" };
  if (claim.authorityStatus === "revoked") return { refused: "authority-revoked" };
  if (claim.authorityKind !== "own" && claim.authorityStatus !== "active") return { refused: "authority-inactive" };
  const fault = listFault(claim.listMode, claim.listDueMs, nowMs);
  if (fault !== undefined) return { refused: fault };
  return claim.isSuspended ? { refused: suspendedReason } : undefined;
}

/** What the device hears, and the word for the operator. */
class ProvisioningRefused extends Error {
  override readonly name = "ProvisioningRefused";
  readonly reason: string;
  readonly error: PlatformError;

  constructor(reason: string, error: PlatformError) {
    super(error.message, { cause: error });
    this.reason = reason;
    this.error = error;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof PlatformError ? error.code : "internal";
  return code === "invalidArgument" ? "wrong-request" : "not-provisioned";
}

type RefusedOutcome = Exclude<Awaited<ReturnType<ClaimStore["provision"]>>, object>;

function refusal(outcome: RefusedOutcome): ProvisioningRefused {
  const errors: Readonly<Record<RefusedOutcome, PlatformError>> = {
    "claim-over": new PlatformError("permissionDenied", "the claim is not active any more"),
    "claim-limit": new PlatformError("quotaExceeded", "the claim has made as many devices as it may"),
    "name-taken": new PlatformError("alreadyExists", "there is a device of this name, of another origin"),
    "provisioned-already": new PlatformError("alreadyExists", "the device was provisioned with another key"),
    disabled: new PlatformError("permissionDenied", "the device is disabled"),
    "too-many-certificates": new PlatformError("quotaExceeded", `a device has at most ${activeCertificatesMax} valid certificates`),
  };
  return new ProvisioningRefused(outcome, errors[outcome]);
}

/** SHA-256 of a certificate's SubjectPublicKeyInfo. */
function keyIdOf(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

function toIdentity({ id, tenantId, productKey, name }: ClaimCredential) {
  return { claimId: id, tenantId, productKey, name };
}
