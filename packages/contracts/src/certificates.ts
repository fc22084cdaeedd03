import type { Caller } from "./caller.ts";
import type { Certificate, IssuedCertificate } from "./devices.ts";
import type { DeviceAddress } from "./ids.ts";

/** ec-p256, ec-p384 and rsa-3072: what a key made for somebody may be. */
export type KeyPairType = "ec-p256" | "ec-p384" | "rsa-3072";

/**
 * What certificates of a product's devices are like. O and OU may hold `{productKey}`, `{deviceName}` and `{tenantId}`; the common name is always the
 * device's name, by which the certificate is checked.
 */
export interface CertificateProfile {
  /** 1 to 3,650: how long certificates are made for, and the most that can be asked for. Without it 1,825, and up to 3,650 when asked for. */
  readonly validityDays?: number;
  /** `{tenantId}` when absent. */
  readonly organization?: string;
  /** `{productKey}` when absent. */
  readonly organizationalUnit?: string;
}

/** A certificate with a key made for it. Both are in this answer and nowhere else. */
export interface IssuedKeyPair extends IssuedCertificate {
  /** PKCS#8, unencrypted. Absent where a password was given. */
  readonly privateKeyPem?: string;
  /** Key and chain under the password (RFC 7292). */
  readonly pkcs12?: Uint8Array;
}

export interface RenewedCertificate extends IssuedCertificate {
  /** Until then the old certificate works as well. */
  readonly activateBeforeMs: number;
}

/** What is done with a device of a registered authority's that is not known: refused, kept until somebody approves it, or made at once. */
export type AuthorityMode = "known" | "register" | "provision";

/**
 * What a registered authority's revocation list decides. off: nothing. soft: what is on it is refused; one that is missing or too old refuses nobody.
 * required: without one that is current, all devices of that authority, and of no other, are refused. auto: soft until there is a first one, required
 * from then on.
 */
export type RevocationListMode = "auto" | "off" | "soft" | "required";

/** What is known of the revocation list of a registered authority. */
export interface RevocationListStatus {
  readonly mode: string;
  /** `none`: there was none so far; `current`; `outdated`: the next one is due. */
  readonly state: string;
  /** Where it is fetched from; without it lists are given by hand. */
  readonly url?: string;
  /** Decimal. */
  readonly number?: string;
  readonly thisUpdateMs?: number;
  readonly nextUpdateMs?: number;
  /** When it was given or fetched last. */
  readonly learnedAtMs?: number;
  /** When it is fetched next. */
  readonly nextFetchMs?: number;
  /** Why the last attempt to fetch it failed; absent after one that did not. */
  readonly error?: string;
  readonly errorAtMs?: number;
}

/** Of the registration of an authority, and of its changes. */
export interface RevocationListOptions {
  /** Default `auto`. */
  readonly crlMode?: string;
  /**
   * http or https. Without it the place that the certificate names which proves the authority, if it names one. On a change: fetched from there at once,
   * also when it is the same; empty for no more.
   */
  readonly crlUrl?: string;
}

/** What a device made on first connect is like. */
export interface ProvisioningTemplate {
  readonly productKey: string;
  /** The device's name, with `{cn}` and `{serial}` of its certificate; `{cn}` when absent. */
  readonly namePattern?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface CertificateAuthority {
  readonly authorityId: string;
  /** own: made by the platform; foreign: registered by the tenant. */
  readonly kind: string;
  /** own: active (issues), retired (what it issued goes on working) or revoked (it does not); foreign: pending (to be proved), active or inactive. */
  readonly status: string;
  readonly certificatePem: string;
  /** Of own ones. */
  readonly rootPem?: string;
  /** Of a revoked own one. The reason is one of RFC 5280 §5.3.1. */
  readonly revokedAtMs?: number;
  readonly revocationReason?: string;
  /** Of the one that issues, where the root's key is not kept here: when the root's last list ends, so that the next one must be signed before. */
  readonly rootListDueMs?: number;
  /** Whether the root's key is kept here, so that the issuing authority can be replaced without it being given. */
  readonly hasRootKey: boolean;
  readonly mode: string;
  readonly template?: ProvisioningTemplate;
  /** Of a pending one: the common name of the certificate that proves its possession. */
  readonly nonce?: string;
  /** Of a foreign one whose revocation list is known: when the next one is due. */
  readonly listDueMs?: number;
  /** Of a foreign one. */
  readonly revocationList?: RevocationListStatus;
  /** Its devices are known by the tenant's name alone, which they say in the TLS handshake (SNI, RFC 6066 §3). */
  readonly byServerName: boolean;
  /** That name, of a foreign one and where the platform has such names. */
  readonly serverName?: string;
  readonly createdAtMs: number;
}

/** The life of certificates and of the authorities behind them. Part of DeviceApi. */
export interface CertificateApi {
  /** `active` (also: approves a pending one) or `inactive`. `failedPrecondition` for one that is revoked, superseded or expired. Idempotent. */
  setCertificateStatus(
    caller: Caller,
    request: DeviceAddress & { readonly fingerprint: string; readonly status: string },
  ): Promise<Certificate>;
  /** With `password`: as PKCS#12, otherwise as PEM. */
  issueKeyPair(
    caller: Caller,
    request: DeviceAddress & { readonly keyType?: string; readonly validityDays?: number; readonly password?: string },
  ): Promise<IssuedKeyPair>;
  /**
   * For the device itself: a certificate for a new key; the one of `fingerprint` goes on working until `activateBeforeMs`, or as long as it
   * would have with `keepsOld`.
   */
  renewCertificate(
    caller: Caller,
    request: { readonly csrPem: string; readonly fingerprint: string; readonly keepsOld?: boolean },
  ): Promise<RenewedCertificate>;
  /**
   * For a device that proved itself otherwise and has no certificate that works or may: its first one. With the key of one that it has got before, that one.
   * `failedPrecondition` where it has another: that one is renewed. So whoever has a secret alone gets no certificate beside the device's.
   */
  enrollCertificate(caller: Caller, request: { readonly csrPem: string }): Promise<IssuedCertificate>;
  /**
   * The certificates of a tenant's own authorities, roots last, without those that are revoked: the tenant of the product, or that of the host name, or the only one there
   * is. `notFound` otherwise.
   */
  getAuthorityCertificates(
    caller: Caller,
    request: { readonly productKey?: string; readonly serverName?: string },
  ): Promise<{ readonly certificatesPem: string }>;
  /** Makes a certificate that a registered authority has signed one of the device's. Not idempotent: `alreadyExists`. */
  registerCertificate(caller: Caller, request: DeviceAddress & { readonly certificatePem: string }): Promise<Certificate>;
  /** Newest first, at most 1,000. A device hears of own ones alone. */
  listAuthorities(caller: Caller, request: Record<never, never>): Promise<{ readonly authorities: readonly CertificateAuthority[] }>;
  /** A new issuing authority under the tenant's root; what older ones issued goes on working. `failedPrecondition` without the root's key. */
  rotateAuthority(caller: Caller, request: { readonly rootKeyPem?: string }): Promise<CertificateAuthority>;
  /**
   * Revokes a retired issuing authority: it comes onto the root's list, and all devices' certificates under it are refused from then on. `failedPrecondition` for
   * the one that issues (replace it first), and without the root's key; where one has been revoked already, signs the root's list anew. Idempotent.
   */
  revokeAuthority(
    caller: Caller,
    request: { readonly authorityId: string; readonly reason?: string; readonly rootKeyPem?: string },
  ): Promise<CertificateAuthority>;
  /**
   * Gives the root's private key out, once, and keeps it no longer. The root's list is signed for a year before; `rotateAuthority` and `revokeAuthority`, which
   * are given the key, sign the next one. `failedPrecondition` when it is not here.
   */
  takeRootKey(caller: Caller, request: Record<never, never>): Promise<{ readonly rootKeyPem: string; readonly rootPem: string }>;
  /**
   * Registers an authority of the tenant's own; it is pending until `proveAuthority`. With `byServerName` other tenants may have it too, and its devices
   * must say the tenant's name in the TLS handshake; `failedPrecondition` where the platform has no such names.
   */
  registerAuthority(
    caller: Caller,
    request: RevocationListOptions & {
      readonly certificatePem: string;
      readonly mode?: string;
      readonly template?: ProvisioningTemplate;
      readonly byServerName?: boolean;
    },
  ): Promise<CertificateAuthority>;
  /**
   * `certificatePem` is signed by the authority and its common name is the nonce. `alreadyExists` when another tenant has proved it first, unless it is
   * registered `byServerName`.
   */
  proveAuthority(caller: Caller, request: { readonly authorityId: string; readonly certificatePem: string }): Promise<CertificateAuthority>;
  updateAuthority(
    caller: Caller,
    request: RevocationListOptions & {
      readonly authorityId: string;
      readonly status?: string;
      readonly mode?: string;
      readonly template?: ProvisioningTemplate;
    },
  ): Promise<CertificateAuthority>;
  /**
   * Deletes a registered authority; another tenant may register it then. `failedPrecondition` while certificates or claims of it work or may (pending, inactive), or
   * revocations made here would be forgotten, unless `force` is given: then all of these go with it, and connections end within 2 s. Devices stay.
   */
  deleteAuthority(caller: Caller, request: { readonly authorityId: string; readonly force?: boolean }): Promise<Record<never, never>>;
  /**
   * Replaces the list of what a registered authority has revoked, by one in PEM or in DER (`list`). `failedPrecondition` for one that is older than the
   * one there is (its number may not go back, nor the time it was made), and where lists are `off`.
   */
  putRevocationList(
    caller: Caller,
    request: { readonly authorityId: string; readonly listPem?: string; readonly list?: Uint8Array },
  ): Promise<CertificateAuthority>;
  /** The revocation list of an own authority in DER, for everybody; with `ofRoot` that of the root above it. `notFound` where there is none. */
  getRevocationList(
    caller: Caller,
    request: { readonly authorityId: string; readonly ofRoot?: boolean },
  ): Promise<{ readonly list: Uint8Array }>;
  /** Answers an OCSP request about certificates of an own authority's; bytes that are none are answered as RFC 6960 has it. */
  answerStatusRequest(
    caller: Caller,
    request: { readonly authorityId: string; readonly request: Uint8Array },
  ): Promise<{ readonly response: Uint8Array }>;
}
