// AWS's certificateOwnershipToken: a certificate that belongs to nobody yet, sealed for the claim by which it was made. Nothing is stored.
import { invalidField, PlatformError } from "@mooring/contracts";
import type { Sealer } from "@mooring/pki";
import type { NewCertificate } from "./certificate-ports.ts";
import type { ClaimCredential } from "./claim-ports.ts";

export type OwnedCertificate = Omit<NewCertificate, "deviceId">;

const pointer = "/ownershipToken";
/** A certificate of the largest key taken is 3 KB. */
const charactersMax = 16_384;

const placeOf = ({ id, tenantId }: Pick<ClaimCredential, "id" | "tenantId">): string => `tenant/${tenantId}/claim/${id}/ownership`;

export function sealOwnership(sealer: Sealer, claim: ClaimCredential, certificate: OwnedCertificate, untilMs: number): string {
  return sealer.seal(JSON.stringify({ untilMs, certificate }), placeOf(claim));
}

/** Throws invalidArgument for what is no token of this claim's, and for one whose hour is over. */
export function openOwnership(sealer: Sealer, claim: ClaimCredential, token: unknown, nowMs: number): OwnedCertificate {
  const text = typeof token === "string" && token.length <= charactersMax ? unseal(sealer, claim, token) : undefined;
  if (text === undefined) throw invalidField(pointer, "is none that this claim was given");
  const { untilMs, certificate } = JSON.parse(text) as { readonly untilMs: number; readonly certificate: OwnedCertificate };
  if (nowMs >= untilMs) throw invalidField(pointer, "is over: it is good for an hour");
  return certificate;
}

function unseal(sealer: Sealer, claim: ClaimCredential, token: string): string | undefined {
  try {
    return sealer.unseal(token, placeOf(claim)).toString("utf8");
  } catch (error) {
    // Made up, damaged, or another claim's.
    if (error instanceof PlatformError) return undefined;
    throw error;
  }
}
