// Authorities as they are kept, a tenant's own and those that it brings along, and their lists.
import type { AuthorityMode, ProvisioningTemplate, RevocationListMode } from "@mooring/contracts";
import type { ForeignRevocationList } from "@mooring/pki";
import type { Revocation } from "./certificate-ports.ts";
import type { ListKnowledge } from "./list-rules.ts";

/** An authority for device certificates: a tenant's own, or one that it registered. The private keys are sealed. */
export interface AuthorityRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: "own" | "foreign";
  readonly status: string;
  readonly rootPem?: string | undefined;
  readonly sealedRoot?: string | undefined;
  /** Its own certificate, which devices' certificates are checked against. */
  readonly issuingPem: string;
  readonly sealedKey?: string | undefined;
  readonly mode: AuthorityMode;
  readonly template?: ProvisioningTemplate | undefined;
  readonly nonce?: string | undefined;
  readonly issuerName?: string | undefined;
  /** See pki's ForeignAuthority; of an own one with its root's. */
  readonly keyNames?: KeyNames;
  /** Of an own one that is revoked. */
  readonly revocation?: Revocation | undefined;
  /** Of the one that issues, while the root's key is not here: the root's last list. */
  readonly rootList?: RootList | undefined;
  /** Of a foreign one: empty, or the tenant's id when its devices name the tenant in the TLS handshake. */
  readonly route?: string;
  /** Of a foreign one. */
  readonly list?: ListKnowledge | undefined;
  readonly createdAtMs: number;
}

export interface KeyNames {
  readonly subjectKeyId: string | undefined;
  readonly keyIds: readonly string[];
}

/** Which foreign authorities may have signed a certificate. */
export interface IssuerHints {
  readonly issuerName: string;
  /** What the certificate calls its issuer's key. */
  readonly authorityKeyId: string | undefined;
  /** The tenant that the device has named. */
  readonly tenantId: string | undefined;
}

export interface RootList {
  readonly der: Uint8Array;
  readonly dueMs: number;
}

/** The authority that issues for a tenant. */
export interface IssuingAuthority extends AuthorityRecord {
  readonly kind: "own";
  readonly rootPem: string;
  readonly sealedKey: string;
}

export interface AuthorityPatch {
  readonly status?: string;
  readonly mode?: AuthorityMode;
  readonly template?: ProvisioningTemplate;
  readonly crlMode?: RevocationListMode;
  /** Null for none. */
  readonly crlUrl?: string | null;
  readonly fetchAtMs?: number;
}

export interface RevokedSerial extends Revocation {
  readonly serial: string;
}

/** An own issuing authority as its root knows it. */
export type UnderRoot = Pick<AuthorityRecord, "issuingPem" | "revocation">;

export interface AuthorityStore {
  findIssuing(tenantId: string): Promise<IssuingAuthority | undefined>;
  /** Answers the tenant's authority: the given one, or the one that was there first. */
  insertIssuing(authority: IssuingAuthority): Promise<IssuingAuthority>;
  /**
   * Retires the authority `before`, which gives its root's key up, and puts the other in its place. False when `before` does not issue any more, or its root's key was taken
   * since it was read.
   */
  replaceIssuing(before: IssuingAuthority, authority: IssuingAuthority): Promise<boolean>;
  /** With the last list that the key has signed. False when the authority does not issue any more, or the key is not with it. */
  removeRootKey(authorityId: string, last: RootList): Promise<boolean>;
  keepRootList(authorityId: string, list: RootList): Promise<void>;
  /**
   * From `retired` to `revoked`; one that is revoked stays as it is. Undefined for one that issues. Committed with the changes that make gateways look at its
   * devices again.
   */
  revokeIssuing(authorityId: string, revocation: Revocation): Promise<AuthorityRecord | undefined>;
  /** Of any tenant: for what is published. */
  get(authorityId: string): Promise<AuthorityRecord | undefined>;
  find(tenantId: string, authorityId: string): Promise<AuthorityRecord | undefined>;
  /** Newest first. */
  list(tenantId: string, limit: number): Promise<readonly AuthorityRecord[]>;
  /** All own ones under this root. */
  listUnderRoot(tenantId: string, rootPem: string): Promise<readonly UnderRoot[]>;
  /** The tenant that has own authorities, where it is the only one. */
  findSoleTenant(): Promise<string | undefined>;
  /** `limit` when the tenant has `max` of them. */
  insertForeign(authority: AuthorityRecord, max: number): Promise<"inserted" | "limit">;
  /**
   * `taken` when another has proved an authority with this fingerprint on the same route. With a URL, its list is fetched from there from now on. Committed
   * with the change that makes gateways let strangers try again.
   */
  prove(
    authorityId: string,
    proof: { readonly fingerprint: string; readonly crlUrl?: string; readonly nowMs: number },
  ): Promise<"proved" | "taken">;
  /** Committed with the changes that make gateways look at its devices again, and let strangers try again. */
  update(authorityId: string, patch: AuthorityPatch): Promise<AuthorityRecord>;
  /**
   * Active ones that carry the name and make devices known, at most `limit`: the tenant's, or without one those of all tenants. Those whose certificate calls their key
   * otherwise are left out. First come those whose key has the name by the standards, which no other key can have; of the rest those on a route last, and
   * of each tenant one before any tenant's second. None that has the key of an own one.
   */
  findCandidates(hints: IssuerHints, limit: number): Promise<readonly AuthorityRecord[]>;
  /** Whether an own one, of any tenant and in any state, or its root has a key of one of these names. */
  hasOwnKey(keyIds: readonly string[]): Promise<boolean>;
  /** Whether the tenant has revoked a key of this name as compromised; see compromised-keys.ts. */
  isCompromised(tenantId: string, keyDigest: string): Promise<boolean>;
  /** Those of before keys' names were kept, at most `limit`. */
  listUnnamed(limit: number): Promise<readonly AuthorityRecord[]>;
  keepKeyNames(authorityId: string, names: KeyNames): Promise<void>;
  /**
   * `inUse` unless `force` is given: it has certificates or claims that work or may, or revocations made here that it must remember. With all of its certificates,
   * claims and revocations. Committed with the changes that make gateways look at its devices again.
   */
  removeForeign(authorityId: string, options: { readonly force: boolean; readonly nowMs: number }): Promise<"removed" | "inUse">;
  /** What is on the authority's list and not over, at most `limit`. */
  revocations(authorityId: string, nowMs: number, limit: number): Promise<readonly RevokedSerial[]>;
  /** With `ownOnly`, not what the authority's own list says. */
  findRevocation(authorityId: string, serial: string, ownOnly?: boolean): Promise<RevokedSerial | undefined>;
  hasCertificate(authorityId: string, serial: string): Promise<boolean>;
  /** Forgets what was revoked and has ended since: its end refuses it now (RFC 5280 §3.3). Answers how many. */
  removeEndedRevocations(endedBeforeMs: number): Promise<number>;
  /** Each list has the number after the one before. */
  nextListNumber(authorityId: string): Promise<bigint>;
}

/** The lists of foreign authorities. */
export interface RevocationListStore {
  /** Those whose list is to be fetched now, `limit` at most; to be fetched again `leaseMs` later unless something else is said until then. */
  claimDue(nowMs: number, leaseMs: number, limit: number): Promise<readonly AuthorityRecord[]>;
  /**
   * What the authority says replaces what it said before; what was revoked here stays. Committed with the changes that make gateways look at its devices
   * again. `older` says why the list may not take the place of the one there is. `fetchAtMs` of one that was fetched.
   */
  replace(
    authorityId: string,
    list: ForeignRevocationList,
    at: { readonly nowMs: number; readonly fetchAtMs: number | undefined },
  ): Promise<{ readonly record: AuthorityRecord; readonly older?: undefined } | { readonly older: string }>;
  fail(authorityId: string, failure: { readonly error: string; readonly atMs: number; readonly fetchAtMs: number }): Promise<void>;
  /** Makes gateways look at the devices of authorities again whose list has become too old. Answers how many there were, `limit` at most. */
  tellOverdue(nowMs: number, limit: number): Promise<number>;
}
