// What the devices service stores of certificates, and asks of them.
import type { Certificate, Device, DeviceRef, RevocationListMode } from "@mooring/contracts";
import type { Author } from "./ports.ts";

export interface NewCertificate extends Certificate {
  readonly deviceId: string;
  readonly authorityId: string;
  /** Of its authority. */
  readonly route?: string;
  readonly pem: string;
}

export interface InsertLimits {
  readonly activeMax: number;
  readonly nowMs: number;
  /** The certificate that this one is to replace, and when it stops working. */
  readonly supersede?: { readonly fingerprint: string; readonly atMs: number };
  /** The certificate that was renewed: the new one is of the same origin. */
  readonly renewed?: string;
}

export interface UsableCertificate {
  readonly certificate: Certificate;
  readonly pem: string;
  readonly issuingPem: string;
}

/** A device that shows a certificate nobody has seen, to be made. */
export interface NewArrival {
  readonly device: Device;
  readonly certificate: Omit<NewCertificate, "deviceId">;
  readonly by: Author;
  readonly pendingMax: number;
  readonly activeMax: number;
}

export interface CertificateStore {
  /**
   * `limit` when the device has `activeMax` certificates that work or may, `gone` when the device was deleted meanwhile, `taken` when the
   * certificate is somebody's, `stale` when the one to be replaced does not work any more. Atomic.
   */
  insert(certificate: NewCertificate, limits: InsertLimits): Promise<"inserted" | "limit" | "gone" | "taken" | "stale">;
  /** Makes the device, unless it is there, and the certificate its own. `taken` when the name is that of a device of another origin. Atomic. */
  insertArrival(arrival: NewArrival): Promise<"inserted" | "limit" | "taken" | "known">;
  /** Newest first. */
  list(deviceId: string, limit: number): Promise<readonly Certificate[]>;
  find(deviceId: string, fingerprint: string): Promise<Certificate | undefined>;
  /** Those that work or may, not yet replaced, with their authorities' certificates; at most `limit`. */
  listUsable(deviceId: string, nowMs: number, limit: number): Promise<readonly UsableCertificate[]>;
  /**
   * A certificate already revoked stays as it is. As `keyCompromise`, all certificates of the tenant with its key are revoked, and the key is kept as compromised. Undefined when the device has none with this
   * fingerprint.
   */
  revoke(device: Device, fingerprint: string, revocation: Revocation): Promise<Certificate | undefined>;
  /** From `pending`, `active` or `inactive`; undefined when it is none of these any more. */
  setStatus(device: Device, fingerprint: string, status: "active" | "inactive", nowMs: number): Promise<Certificate | undefined>;
  /** Names the keys of certificates of before they were named, `limit` at most. Answers how many there were. */
  nameKeys(limit: number): Promise<number>;
  /** Brings certificates whose overlap is over to their end. Answers how many there were, `limit` at most. */
  supersedeDue(nowMs: number, limit: number): Promise<number>;
  /** Records that certificates end soon, or have ended, once for each of these moments. Answers how many there were, `limit` at most. */
  noticeEnds(nowMs: number, limit: number): Promise<number>;
}

export interface Revocation {
  readonly revokedAtMs: number;
  readonly reason: string;
}

/** All that decides whether a certificate proves a device, read at one moment. */
export interface CertificateCredential {
  readonly device: DeviceRef;
  readonly deviceStatus: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly status: string;
  /** A claim provisioned it: its common name need not be the device's, but is the one that was written down. */
  readonly commonName: string | undefined;
  readonly supersedeAtMs: number | undefined;
  /** It was revoked here, or its authority's list says so and is obeyed. */
  readonly listed: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly authorityId: string;
  readonly authorityTenantId: string;
  readonly authorityKind: string;
  readonly authorityStatus: string;
  readonly route: string;
  readonly listMode: RevocationListMode;
  readonly listDueMs: number | undefined;
  readonly issuingPem: string;
}
