import {
  assertMay,
  type Certificate,
  type Device,
  type DeviceAddress,
  type DeviceApi,
  invalidField,
  type KeyPairType,
  PlatformError,
} from "@mooring/contracts";
import {
  createPkcs12,
  type IssuedDeviceCertificate,
  issueDeviceCertificate,
  issueDeviceKeyPair,
  type RevocationReason,
} from "@mooring/pki";
import type { CertificateStore, InsertLimits } from "./certificate-ports.ts";
import { noDevice, parseAddress, tenantOf } from "./input.ts";
import { type IssuingDeps, issueFor } from "./issuing.ts";
import type { DeviceStore } from "./ports.ts";

export type CertificateOperations = Pick<
  DeviceApi,
  "issueCertificate" | "issueKeyPair" | "renewCertificate" | "listCertificates" | "revokeCertificate" | "setCertificateStatus"
>;

export interface CertificateDeps extends IssuingDeps {
  readonly devices: DeviceStore;
  readonly certificates: CertificateStore;
}

/** Not for good out of use, per device: the one in use, the next, and room for mistakes. */
export const activeCertificatesMax = 10;
const listedCertificatesMax = 1_000;

const dayMs = 86_400_000;
/** How long a renewed certificate goes on working: a device that lost the answer, or its flash, has a week to ask again. */
export const overlapMs = 7 * dayMs;

/** RFC 5280 §5.3.1, without the values for holds (that is `inactive`) and delta lists. */
export const revocationReasons = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "privilegeWithdrawn",
] as const satisfies readonly RevocationReason[];

const keyTypes = ["ec-p256", "ec-p384", "rsa-3072"] as const satisfies readonly KeyPairType[];

export function createCertificateOperations(deps: CertificateDeps): CertificateOperations {
  const { devices, certificates, clock } = deps;

  async function getDevice(tenantId: string, address: DeviceAddress): Promise<Device> {
    const device = await devices.find({ tenantId }, parseAddress(address));
    if (device === undefined) throw noDevice();
    return device;
  }

  /** Issues, and keeps what was issued; `issue` is given everything but the key. */
  async function issueAndKeep<T extends IssuedDeviceCertificate>(
    device: Device,
    { validityDays, ...renewal }: Pick<InsertLimits, "supersede" | "renewed"> & { readonly validityDays: number | undefined },
    issue: Parameters<typeof issueFor<T>>[3],
  ): Promise<T & { readonly certificate: Certificate }> {
    const { made, certificate: stored } = await issueFor(deps, device, validityDays, issue);
    const limits = { activeMax: activeCertificatesMax, nowMs: clock.now(), ...renewal };
    refuseOutcome(await certificates.insert({ ...stored, deviceId: device.deviceId }, limits));
    const { authorityId: _, pem: __, ...certificate } = stored;
    return { ...made, certificate };
  }

  return {
    async issueCertificate(caller, request) {
      assertMay(caller, "devices.issueCertificate");
      const device = await getDevice(tenantOf(caller), request);
      const { csrPem, validityDays } = request;
      const made = await issueAndKeep(device, { validityDays }, (authority, plan) =>
        issueDeviceCertificate(authority, { ...plan, csrPem }),
      );
      return { certificate: made.certificate, certificatePem: made.certificatePem, chainPem: made.chainPem };
    },

    async issueKeyPair(caller, request) {
      assertMay(caller, "devices.issueKeyPair");
      const device = await getDevice(tenantOf(caller), request);
      const keyType = keyTypes.find((candidate) => candidate === (request.keyType ?? "ec-p256"));
      if (keyType === undefined) throw invalidField("/keyType", `must be one of ${keyTypes.join(", ")}`);
      const { password, validityDays } = request;
      if (password !== undefined && !/^[\x20-\x7e]{8,128}$/.test(password))
        throw invalidField("/password", "must be 8 to 128 printable ASCII characters");
      const made = await issueAndKeep(device, { validityDays }, (authority, plan) => issueDeviceKeyPair(authority, plan, keyType));
      const { certificate, certificatePem, chainPem, privateKeyPem } = made;
      const issued = { certificate, certificatePem, chainPem };
      if (password === undefined) return { ...issued, privateKeyPem };
      return { ...issued, pkcs12: createPkcs12({ privateKeyPem, chainPem, password, friendlyName: device.deviceName }) };
    },

    async renewCertificate(caller, { csrPem, fingerprint, keepsOld = false }) {
      assertMay(caller, "devices.renewCertificate");
      if (caller.device === undefined) throw noDevice();
      const device = await devices.find({ tenantId: tenantOf(caller) }, parseAddress(caller.device));
      if (device?.deviceId !== caller.device.deviceId || device.status !== "enabled") throw noDevice();
      const before = await findUsable(device, fingerprint);
      const overlapEndMs = keepsOld ? before.notAfterMs : Math.min(clock.now() + overlapMs, before.notAfterMs);
      const activateBeforeMs = before.supersedeAtMs ?? overlapEndMs;
      const supersede = keepsOld ? {} : { supersede: { fingerprint: before.fingerprint, atMs: activateBeforeMs } };
      const made = await issueAndKeep(device, { validityDays: undefined, renewed: before.fingerprint, ...supersede }, (authority, plan) =>
        issueDeviceCertificate(authority, { ...plan, csrPem }),
      );
      return { certificate: made.certificate, certificatePem: made.certificatePem, chainPem: made.chainPem, activateBeforeMs };
    },

    async listCertificates(caller, request) {
      assertMay(caller, "devices.listCertificates");
      const device = await getDevice(tenantOf(caller), request);
      const listed = await certificates.list(device.deviceId, listedCertificatesMax);
      return { certificates: listed.map((certificate) => atTime(certificate, clock.now())) };
    },

    async revokeCertificate(caller, request) {
      assertMay(caller, "devices.revokeCertificate");
      const device = await getDevice(tenantOf(caller), request);
      const reason = revocationReasons.find((candidate) => candidate === (request.reason ?? "unspecified"));
      if (reason === undefined) throw invalidField("/reason", `must be one of ${revocationReasons.join(", ")}`);
      const { fingerprint } = request;
      const revocation = { revokedAtMs: clock.now(), reason };
      const certificate = isFingerprint(fingerprint) ? await certificates.revoke(device, fingerprint, revocation) : undefined;
      if (certificate === undefined) throw noCertificate();
      return certificate;
    },

    async setCertificateStatus(caller, request) {
      assertMay(caller, "devices.setCertificateStatus");
      const device = await getDevice(tenantOf(caller), request);
      const { fingerprint, status } = request;
      const known = isFingerprint(fingerprint) ? await certificates.find(device.deviceId, fingerprint) : undefined;
      if (known === undefined) throw noCertificate();
      if (status !== "active" && status !== "inactive") throw invalidField("/status", "must be one of active, inactive");
      const nowMs = clock.now();
      const current = atTime(known, nowMs);
      const changed = current.status === "expired" ? undefined : await certificates.setStatus(device, fingerprint, status, nowMs);
      if (changed === undefined) throw new PlatformError("failedPrecondition", `the certificate is ${current.status}`);
      // What its authority's list says of it is not taken back by this.
      return atTime((await certificates.find(device.deviceId, fingerprint)) ?? changed, nowMs);
    },
  };

  async function findUsable(device: Device, fingerprint: string): Promise<Certificate> {
    const known = isFingerprint(fingerprint) ? await certificates.find(device.deviceId, fingerprint) : undefined;
    if (known === undefined) throw noCertificate();
    const { status } = atTime(known, clock.now());
    if (status !== "active") throw new PlatformError("failedPrecondition", `the certificate to be renewed is ${status}`);
    return known;
  }
}

const isFingerprint = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const noCertificate = (): PlatformError => new PlatformError("notFound", "the device has no such certificate");

/** What time has made of it, also where nobody has written it down yet. */
export function atTime(certificate: Certificate, nowMs: number): Certificate {
  if (certificate.status !== "active" && certificate.status !== "inactive" && certificate.status !== "pending") return certificate;
  if (nowMs > certificate.notAfterMs) return { ...certificate, status: "expired" };
  if (nowMs >= (certificate.supersedeAtMs ?? Number.POSITIVE_INFINITY)) return { ...certificate, status: "superseded" };
  return certificate;
}

/** Throws for every outcome but the good one. */
export function refuseOutcome(outcome: Awaited<ReturnType<CertificateStore["insert"]>>): void {
  if (outcome === "gone") throw noDevice();
  if (outcome === "taken") throw new PlatformError("alreadyExists", "the certificate is registered already");
  if (outcome === "stale") throw new PlatformError("failedPrecondition", "the certificate to be renewed does not work any more");
  if (outcome === "limit")
    throw new PlatformError("quotaExceeded", `a device has at most ${activeCertificatesMax} valid certificates; revoke one first`);
}
