// The platform's own authorities sign what tenants ask for, devices' names included: who could register one as its own would get its devices.
import { X509Certificate } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import type { ForeignAuthority } from "@mooring/pki";
import { tenantIdIn } from "./authority.ts";
import type { AuthorityStore } from "./authority-ports.ts";
import { nameUnnamed } from "./key-names.ts";

const ownMax = 1_000;

type Store = Pick<AuthorityStore, "listUnnamed" | "keepKeyNames" | "hasOwnKey" | "list">;

/**
 * Throws invalidArgument at /certificatePem for an authority with the key of an own one, of any tenant and in any state, whatever else its certificate
 * says, and for one that an own one has signed.
 */
export async function assertNotOwn(authorities: Store, certificatePem: string, { keyIds, subjectKeyId }: ForeignAuthority): Promise<void> {
  await nameUnnamed(authorities);
  const named = subjectKeyId === undefined ? keyIds : [...keyIds, subjectKeyId];
  if (await authorities.hasOwnKey(named))
    throw invalidField("/certificatePem", "has the key of an authority of the platform's own, which is nobody's to register");
  if (await isSignedByOwn(authorities, new X509Certificate(certificatePem)))
    throw invalidField("/certificatePem", "is signed by an authority of the platform's own; only others are registered");
}

/** Own authorities have their tenant's id in their names. */
async function isSignedByOwn(authorities: Store, certificate: X509Certificate): Promise<boolean> {
  const tenantId = tenantIdIn(certificate.issuer);
  if (tenantId === undefined) return false;
  const known = (await authorities.list(tenantId, ownMax)).filter(({ kind }) => kind === "own");
  const pems = new Set(known.flatMap(({ issuingPem, rootPem = issuingPem }) => [issuingPem, rootPem]));
  return [...pems].some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
}
