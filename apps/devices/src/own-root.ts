// A tenant's root: its key, here or given, and the list of the issuing authorities that it has revoked.
import { X509Certificate } from "node:crypto";
import { PlatformError } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { createRevocationList, parseSerial, type RevocationReason, type Sealer, type SigningAuthority } from "@mooring/pki";
import type { AuthorityRecord, AuthorityStore, IssuingAuthority, RootList, UnderRoot } from "./authority-ports.ts";
import { authorityPlace } from "./secret-place.ts";

export interface RootDeps {
  readonly authorities: Pick<AuthorityStore, "listUnderRoot">;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

/** Of lists signed while the key is here, which are made anew when asked for; and of those that must last until somebody brings the key along. */
export const rootListValidMs = { online: 86_400_000, offline: 365 * 86_400_000 } as const;

/** With the key that is kept here, or else the given one. Throws failedPrecondition where there is neither. */
export function openRoot(sealer: Sealer, issuing: IssuingAuthority, givenKeyPem: string | undefined): SigningAuthority {
  if (givenKeyPem !== undefined) return { certificatePem: issuing.rootPem, privateKeyPem: givenKeyPem, chainPem: "" };
  const root = openKeptRoot(sealer, issuing);
  if (root === undefined) throw new PlatformError("failedPrecondition", "the root's key is not kept here; give it as rootKeyPem");
  return root;
}

export function openKeptRoot(sealer: Sealer, { rootPem, sealedRoot, ...record }: IssuingAuthority): SigningAuthority | undefined {
  if (sealedRoot === undefined) return undefined;
  const privateKeyPem = sealer.unseal(sealedRoot, authorityPlace(record, "root")).toString("utf8");
  return { certificatePem: rootPem, privateKeyPem, chainPem: "" };
}

/**
 * What the root has revoked, signed now. Its number is the time in milliseconds, so that it grows whoever keeps the key (RFC 5280 §5.2.3). Throws invalidArgument for
 * another root's key.
 */
export async function signRootList(deps: RootDeps, tenantId: string, root: SigningAuthority, validMs: number): Promise<RootList> {
  const thisUpdateMs = deps.clock.now();
  const dueMs = thisUpdateMs + validMs;
  const known = await deps.authorities.listUnderRoot(tenantId, root.certificatePem);
  const entries = known.flatMap(({ issuingPem, revocation }) =>
    revocation === undefined ? [] : [{ ...revocation, serial: serialOf(issuingPem), reason: revocation.reason as RevocationReason }],
  );
  const { der } = createRevocationList(root, { entries, number: BigInt(thisUpdateMs), thisUpdateMs, nextUpdateMs: dueMs });
  return { der, dueMs };
}

const serialOf = (certificatePem: string): string => parseSerial(new X509Certificate(certificatePem).serialNumber);

/** The own authorities under the same root as `record`, by serial number: read once for all questions of a request. */
export async function readUnderRoot(deps: RootDeps, { tenantId, rootPem = "" }: AuthorityRecord): Promise<ReadonlyMap<string, UnderRoot>> {
  const known = await deps.authorities.listUnderRoot(tenantId, rootPem);
  return new Map(known.map((authority) => [serialOf(authority.issuingPem), authority]));
}
