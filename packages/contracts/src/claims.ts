import type { Caller } from "./caller.ts";
import type { SignOnOrigin } from "./device-proofs.ts";

/** 4 to 36 characters: also the name of a provisioning template in AWS's form. */
export const claimNamePattern = /^[A-Za-z0-9_-]{4,36}$/;

/** What a claim's devices are like, and how many there may be. */
export interface ClaimSettings {
  /** The device's name, with `{serial}` and other parameters that the device sends; `{serial}` when absent. */
  readonly namePattern?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Devices that it may make in all. 0 to 1,000,000; default 1,000. */
  readonly devicesMax?: number;
  /** A device that it has made may come again with another key; the certificates it had end then. Default false. */
  readonly allowsNewKeys?: boolean;
  /** Asked before each provisioning, and may refuse it. With a new secret each time it is given; "" takes it away. */
  readonly hookUrl?: string;
}

/** A certificate for a whole fleet, which can do one thing: have a device made, with a certificate of its own. Belongs to a product. */
export interface Claim {
  readonly claimId: string;
  readonly productKey: string;
  readonly name: string;
  /** `active`, `inactive` or `revoked`. */
  readonly status: string;
  /** Of the certificate: SHA-256 of its DER, lowercase hex. */
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly namePattern: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly devicesMax: number;
  /** Made so far, those that are gone included. */
  readonly devices: number;
  readonly allowsNewKeys: boolean;
  readonly hookUrl?: string;
  readonly createdAtMs: number;
}

/** Private key and hook's secret are in this answer and nowhere else. */
export interface CreatedClaim {
  readonly claim: Claim;
  readonly certificatePem: string;
  readonly chainPem: string;
  /** PKCS#8; absent where a request or a certificate was given. */
  readonly privateKeyPem?: string;
  readonly hookSecret?: string;
}

export interface ClaimAddress {
  readonly productKey: string;
  readonly name: string;
}

/** Why a claim did not provision, by reason, serial and place. */
export interface ClaimFailure extends SignOnOrigin {
  /** A word for programs, such as `hook-refused`. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  /** What was said of the device; "" where nothing was. */
  readonly serial: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** A claim that was proved in a TLS handshake. */
export interface ClaimIdentity {
  readonly claimId: string;
  readonly tenantId: string;
  readonly productKey: string;
  readonly name: string;
}

export interface ProvisioningRequest {
  readonly claimId: string;
  /** The device's key: a request, or what `createClaimedCertificate` gave. One of both. */
  readonly csrPem?: string;
  readonly ownershipToken?: string;
  /** Texts by name. `serial` names the device, and in AWS's form `SerialNumber`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly origin: SignOnOrigin;
}

export interface ProvisionedDevice {
  readonly productKey: string;
  readonly deviceName: string;
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly notAfterMs: number;
}

/** A certificate that belongs to no device yet and works nowhere: `provisionDevice` makes it one's within the hour. */
export interface ClaimedCertificate {
  /** Its fingerprint. */
  readonly certificateId: string;
  readonly certificatePem: string;
  readonly ownershipToken: string;
  /** Where no request was given. */
  readonly privateKeyPem?: string;
}

/** Claims and what they provision. Part of DeviceApi. */
export interface ClaimApi {
  /**
   * With `csrPem` the tenant's own authority signs a certificate for that key, with `certificatePem` one is registered that an active authority of the
   * tenant's has signed, with neither a key is made. `alreadyExists` when the product has a claim of this name, or the certificate is somebody's.
   */
  createClaim(
    caller: Caller,
    request: ClaimAddress & ClaimSettings & { readonly csrPem?: string; readonly certificatePem?: string; readonly validityDays?: number },
  ): Promise<CreatedClaim>;
  /** Newest first, at most 1,000. */
  listClaims(caller: Caller, request: { readonly productKey: string }): Promise<{ readonly claims: readonly Claim[] }>;
  getClaim(caller: Caller, request: ClaimAddress): Promise<Claim>;
  /** `status`: active, inactive or revoked, which is for ever (`failedPrecondition`). Connections end within 2 s unless it is active. */
  updateClaim(
    caller: Caller,
    request: ClaimAddress & ClaimSettings & { readonly status?: string },
  ): Promise<{ readonly claim: Claim; readonly hookSecret?: string }>;
  /** The last 50 kinds, newest first, of the last 7 days. */
  listClaimFailures(caller: Caller, request: ClaimAddress): Promise<{ readonly failures: readonly ClaimFailure[] }>;
  /** For gateways. `unauthenticated` whatever is wrong, `permissionDenied` for a suspended tenant. */
  authenticateClaim(
    caller: Caller,
    request: { readonly certificateDer: Uint8Array; readonly origin?: SignOnOrigin },
  ): Promise<ClaimIdentity>;
  /** Whether a claim accepted before still holds; throws as `authenticateClaim` does. */
  checkClaim(caller: Caller, request: { readonly claimId: string }): Promise<ClaimIdentity>;
  /** AWS's first step. Stores nothing. */
  createClaimedCertificate(
    caller: Caller,
    request: { readonly claimId: string; readonly csrPem?: string; readonly origin: SignOnOrigin },
  ): Promise<ClaimedCertificate>;
  /**
   * Makes the device, or finds it made, and its certificate. The same device with the same key gets the certificate it has; with another key it is
   * `alreadyExists` unless the claim allows that. `quotaExceeded` at the claim's limit, `permissionDenied` with the hook's reason, `unavailable` when the
   * hook does not answer in time.
   */
  provisionDevice(caller: Caller, request: ProvisioningRequest): Promise<ProvisionedDevice>;
}
