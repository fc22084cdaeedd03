import { randomUUID } from "node:crypto";
import type { Clock } from "@mooring/kit";
import { createIssuingAuthority, createRootAuthority, type Sealer, type SigningAuthority } from "@mooring/pki";
import type { AuthorityRecord, AuthorityStore, IssuingAuthority } from "./authority-ports.ts";
import { nameOwnKeys } from "./key-names.ts";
import { authorityPlace } from "./secret-place.ts";
import { placesUnder } from "./status-places.ts";

/** 25 and 20 years: a device's certificate may run ten years to the end and still be renewed in good time. */
const rootDays = 9_125;
const issuingDays = 7_300;

export interface AuthorityDeps {
  readonly authorities: Pick<AuthorityStore, "findIssuing" | "insertIssuing">;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** Where the REST API is reached from outside; written into issuing authorities' certificates. */
  readonly statusUrl?: string | undefined;
}

/** A tenant's authority, opened for signing. */
export interface TenantAuthority {
  readonly id: string;
  readonly signing: SigningAuthority;
}

/** Opens the tenant's authority and makes it where there is none yet (tenant-authorities.ts comes soon after the tenant); of two made at once, one counts for both. */
export async function openTenantAuthority(deps: AuthorityDeps, tenantId: string): Promise<TenantAuthority> {
  const record = await ensureTenantAuthority(deps, tenantId);
  return { id: record.id, signing: openForSigning(deps.sealer, record, record.sealedKey) };
}

/** The authority that issues for the tenant, sealed as it is kept. */
export async function ensureTenantAuthority(deps: AuthorityDeps, tenantId: string): Promise<IssuingAuthority> {
  const { authorities } = deps;
  return (await authorities.findIssuing(tenantId)) ?? (await authorities.insertIssuing(await createAuthority(deps, tenantId)));
}

/** An own authority, issuing or retired, with its key. */
export function openForSigning(sealer: Sealer, record: AuthorityRecord, sealedKey: string): SigningAuthority {
  const privateKeyPem = sealer.unseal(sealedKey, authorityPlace(record, "issuing")).toString("utf8");
  return { certificatePem: record.issuingPem, privateKeyPem, chainPem: record.issuingPem };
}

type MakingDeps = Omit<AuthorityDeps, "authorities">;

const nameOf = (tenantId: string, commonName: string) => ({ organization: tenantId, commonName });

/** Whose own authority has this name, as node:crypto spells it. */
export const tenantIdIn = (name: string): string | undefined => /^O=([0-9a-f-]{36})$/m.exec(name)?.[1];

async function createAuthority(deps: MakingDeps, tenantId: string): Promise<IssuingAuthority> {
  const nowMs = deps.clock.now();
  const root = await createRootAuthority({ name: nameOf(tenantId, "Mooring device root"), validityDays: rootDays, nowMs });
  return createIssuingUnder(deps, tenantId, root);
}

/** A new issuing authority under a root; both keys are sealed for the place where it is to be kept. */
export async function createIssuingUnder(
  { sealer, clock, statusUrl }: MakingDeps,
  tenantId: string,
  root: SigningAuthority,
): Promise<IssuingAuthority> {
  const nowMs = clock.now();
  const place = { tenantId, id: randomUUID() };
  const places = placesUnder(statusUrl, place.id, "root-crl");
  const issuing = await createIssuingAuthority(root, {
    name: nameOf(tenantId, "Mooring device issuer"),
    validityDays: issuingDays,
    nowMs,
    ...(places && { statusPlaces: places }),
  });
  return {
    ...place,
    kind: "own",
    status: "active",
    mode: "known",
    rootPem: root.certificatePem,
    sealedRoot: sealer.seal(root.privateKeyPem, authorityPlace(place, "root")),
    issuingPem: issuing.certificatePem,
    keyNames: nameOwnKeys({ issuingPem: issuing.certificatePem, rootPem: root.certificatePem }),
    sealedKey: sealer.seal(issuing.privateKeyPem, authorityPlace(place, "issuing")),
    createdAtMs: nowMs,
  };
}
