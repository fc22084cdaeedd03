// Certificates that a registered authority has signed: registered by hand, or by the device that shows one.
import { randomUUID, X509Certificate } from "node:crypto";
import { assertMay, type DeviceApi, deviceNamePattern, invalidField } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import { type CertificateIdentity, readAuthority, readCertificateTimes, readIdentity, verifyChain } from "@mooring/pki";
import type { AuthorityRecord, AuthorityStore } from "./authority-ports.ts";
import type { CertificateStore, NewArrival } from "./certificate-ports.ts";
import { activeCertificatesMax, refuseOutcome } from "./certificates.ts";
import type { ClaimStore } from "./claim-ports.ts";
import { assertKeyKept, keyDigestOf } from "./compromised-keys.ts";
import { readOneDer } from "./foreign-authorities.ts";
import { noDevice, parseAddress, tenantOf } from "./input.ts";
import { listFault } from "./list-rules.ts";
import type { DeviceStore, SuspensionStore } from "./ports.ts";
import { suspendedReason } from "./verdict.ts";

export interface ForeignCertificateDeps {
  readonly authorities: AuthorityStore;
  readonly certificates: CertificateStore;
  readonly devices: DeviceStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** Devices of one authority that wait for approval. */
export const pendingMax = 10_000;
/** Authorities that are tried for a stranger. One whose key is named as the standards have it is among them, however many there are of its name. */
const candidatesMax = 32;

/** Reasons that say only that an authority is not the one. */
const vague: ReadonlySet<string> = new Set(["unknown", "tenant-not-named", "bad-signature"]);

/**
 * Why nothing was made, or undefined when something was: then the certificate is looked up like any other. `tenantId`: what the device said in the TLS
 * handshake; then only this tenant's authorities are asked.
 */
export type Welcome = (
  certificateDer: Uint8Array,
  identity: CertificateIdentity,
  tenantId: string | undefined,
) => Promise<string | undefined>;

/** First connects: whether a registered authority vouches for the stranger, and what its tenant wants made of it. */
export function createWelcome(deps: ForeignCertificateDeps & { readonly suspensions: Pick<SuspensionStore, "has"> }): Welcome {
  const { authorities, certificates, clock, log } = deps;
  return async (der, identity, tenantId) => {
    const { issuerNameSha256: issuerName, authorityKeyId } = identity;
    const candidates = await authorities.findCandidates({ issuerName, authorityKeyId, tenantId }, candidatesMax);
    let reason = "unknown";
    for (const authority of candidates) {
      if (tenantId === undefined && authority.route !== "") {
        // Which of its tenants is meant would be a guess.
        if (reason === "unknown") reason = "tenant-not-named";
        continue;
      }
      const fault = faultOf(der, authority, clock.now());
      if (fault !== undefined) {
        // Of several with one name, the one that has signed it has the most to say.
        if (vague.has(reason)) reason = fault;
        continue;
      }
      if ((await authorities.findRevocation(authority.id, identity.serial, authority.list?.mode === "off")) !== undefined) return "revoked";
      const pem = new X509Certificate(der).toString();
      if (await authorities.isCompromised(authority.tenantId, keyDigestOf(pem))) return "revoked";
      if (await deps.suspensions.has(authority.tenantId)) return suspendedReason;
      const arrival = createArrival(der, identity, authority, clock.now());
      if (arrival === undefined) return "odd-device-name";
      const outcome = await certificates.insertArrival(arrival);
      if (outcome === "limit" || outcome === "taken") return outcome === "limit" ? "too-many-certificates" : "name-taken";
      const { productKey, deviceName } = arrival.device;
      log.info(
        { productKey, deviceName, authorityId: authority.id, status: arrival.certificate.status },
        "a device came for the first time",
      );
      return undefined;
    }
    return reason;
  };
}

/** What is wrong with a certificate as one of this authority's, now. */
function faultOf(der: Uint8Array, authority: AuthorityRecord, nowMs: number): string | undefined {
  let anchor: ReturnType<typeof readAuthority>["anchor"];
  try {
    anchor = readAuthority(authority.issuingPem, nowMs).anchor;
  } catch {
    return "issuer-expired";
  }
  const chain = verifyChain(der, [], [anchor], { nowMs, purpose: "client" });
  if (!chain.ok) return chain.reason;
  return authority.list && listFault(authority.list.mode, authority.list.dueMs, nowMs);
}

function createArrival(der: Uint8Array, identity: CertificateIdentity, authority: AuthorityRecord, nowMs: number): NewArrival | undefined {
  const { template, tenantId } = authority;
  if (template === undefined) return undefined;
  const pattern = template.namePattern ?? "{cn}";
  if (pattern.includes("{cn}") && identity.commonName === undefined) return undefined;
  const deviceName = pattern.replaceAll("{cn}", identity.commonName ?? "").replaceAll("{serial}", identity.serial);
  if (!deviceNamePattern.test(deviceName)) return undefined;
  return {
    device: {
      ...{ tenantId, productKey: template.productKey, deviceName, deviceId: randomUUID() },
      ...{ status: "enabled", tags: template.tags ?? {}, createdAtMs: nowMs },
    },
    certificate: toCertificate(der, identity, { ...placeOf(authority), status: authority.mode === "register" ? "pending" : "active" }),
    by: { principal: `authority:${authority.id}`, atMs: nowMs },
    ...{ pendingMax, activeMax: activeCertificatesMax },
  };
}

const placeOf = ({ id, route = "" }: AuthorityRecord) => ({ authorityId: id, route });

function toCertificate(
  der: Uint8Array,
  identity: CertificateIdentity,
  state: { readonly authorityId: string; readonly route: string; readonly status: string },
): NewArrival["certificate"] {
  return {
    ...state,
    fingerprint: identity.fingerprintSha256,
    serial: identity.serial,
    subject: identity.commonName === undefined ? "" : `CN=${identity.commonName}`,
    pem: new X509Certificate(der).toString(),
    ...readCertificateTimes(der),
  };
}

/**
 * A certificate that one of the tenant's active registered authorities has signed, to be kept. Throws invalidArgument naming what is wrong.
 */
export async function readForeignLeaf(
  { authorities, clock }: Pick<ForeignCertificateDeps, "authorities" | "clock">,
  tenantId: string,
  certificatePem: string,
): Promise<NewArrival["certificate"]> {
  const der = readOneDer(certificatePem);
  const read = readIdentity(der);
  if (!read.ok) throw invalidField("/certificatePem", `cannot be a device's: ${read.reason}`);
  let fault = "none of the tenant's active authorities has signed it";
  for (const authority of await authorities.list(tenantId, 1_000)) {
    if (authority.kind !== "foreign" || authority.status !== "active" || authority.issuerName !== read.identity.issuerNameSha256) continue;
    const found = faultOf(der, authority, clock.now());
    if (found === undefined) return toCertificate(der, read.identity, { ...placeOf(authority), status: "active" });
    fault = found;
  }
  throw invalidField("/certificatePem", fault);
}

export function createForeignCertificateOperations(
  deps: ForeignCertificateDeps & { readonly claims: Pick<ClaimStore, "hasCertificate"> },
): Pick<DeviceApi, "registerCertificate"> {
  const { certificates, devices, claims, clock } = deps;
  return {
    async registerCertificate(caller, request) {
      assertMay(caller, "devices.registerCertificate");
      const tenantId = tenantOf(caller);
      const device = await devices.find({ tenantId }, parseAddress(request));
      if (device === undefined) throw noDevice();
      const certificate = await readForeignLeaf(deps, tenantId, request.certificatePem);
      await assertKeyKept(deps.authorities, { tenantId, certificatePem: certificate.pem, pointer: "/certificatePem" });
      if (await claims.hasCertificate(certificate.fingerprint)) refuseOutcome("taken");
      const { deviceId } = device;
      refuseOutcome(await certificates.insert({ ...certificate, deviceId }, { activeMax: activeCertificatesMax, nowMs: clock.now() }));
      const { authorityId: _, route: ___, pem: __, ...answer } = certificate;
      return answer;
    },
  };
}
