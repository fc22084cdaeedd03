// What is kept of claims, and what provisioning asks of the store.
import type { Claim, Device, RevocationListMode, SignOnOrigin } from "@mooring/contracts";
import type { NewCertificate } from "./certificate-ports.ts";
import type { Author, Tags } from "./ports.ts";

/** A claim as it is kept. */
export interface ClaimRecord extends Omit<Claim, "claimId" | "hookUrl"> {
  readonly id: string;
  readonly tenantId: string;
  readonly authorityId: string;
  readonly serial: string;
  readonly hookUrl: string | undefined;
  readonly sealedHookSecret: string | undefined;
}

export interface ClaimPatch {
  readonly status?: string;
  readonly namePattern?: string;
  readonly tags?: Tags;
  readonly devicesMax?: number;
  readonly allowsNewKeys?: boolean;
}

/** Null takes the hook away. */
export interface HookPatch {
  readonly hookUrl: string | null;
  readonly sealedHookSecret: string | null;
}

/** All that decides whether a claim holds, read at one moment. */
export interface ClaimCredential extends ClaimRecord {
  readonly authorityTenantId: string;
  readonly authorityKind: string;
  readonly authorityStatus: string;
  readonly issuingPem: string;
  readonly listDueMs: number | undefined;
  readonly listMode: RevocationListMode;
  /** Its certificate is on its authority's list. */
  readonly listed: boolean;
  readonly isSuspended: boolean;
}

export interface Provisioning {
  /** As it is made when there is none. */
  readonly device: Device;
  readonly certificate: Omit<NewCertificate, "deviceId">;
  /** A device that has a certificate for the same key is given that one again. */
  readonly keepsKnown: boolean;
  readonly isSameKey: (certificatePem: string) => boolean;
  readonly by: Author;
  readonly activeMax: number;
}

export interface KeptCertificate {
  readonly pem: string;
  readonly issuingPem: string;
  readonly notAfterMs: number;
}

export type ProvisioningOutcome =
  | { readonly made: "made" | "same" | "renewed"; readonly kept?: KeptCertificate }
  | "claim-over"
  | "claim-limit"
  | "name-taken"
  | "provisioned-already"
  | "disabled"
  | "too-many-certificates";

export interface StoredClaimFailure extends SignOnOrigin {
  readonly reason: string;
  readonly serial: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface ClaimStore {
  /** `name` when the product has one of this name, `certificate` when somebody has the certificate. Atomic. */
  insert(claim: ClaimRecord, max: number): Promise<"inserted" | "name" | "certificate" | "limit">;
  find(tenantId: string, productKey: string, name: string): Promise<ClaimRecord | undefined>;
  /** Newest first. */
  list(tenantId: string, productKey: string, limit: number): Promise<readonly ClaimRecord[]>;
  /** Undefined when it is revoked and that would be changed. Puts its certificate on its authority's list, or takes it off. */
  update(claim: ClaimRecord, patch: ClaimPatch & Partial<HookPatch>, nowMs: number): Promise<ClaimRecord | undefined>;
  /** One statement. */
  findCredential(by: { readonly id: string } | { readonly fingerprint: string }): Promise<ClaimCredential | undefined>;
  hasCertificate(fingerprint: string): Promise<boolean>;
  /** Atomic; committed with the changes. */
  provision(claim: ClaimCredential, plan: Provisioning): Promise<ProvisioningOutcome>;
  addFailure(
    claimId: string,
    failure: SignOnOrigin & { readonly reason: string; readonly serial: string; readonly atMs: number },
  ): Promise<void>;
  /** Newest first. */
  listFailures(claimId: string, sinceMs: number): Promise<readonly StoredClaimFailure[]>;
}
