import { createTrustAnchor, type TrustAnchor, verifyChain } from "@mooring/pki";
import type { CertificateCredential } from "./certificate-ports.ts";

/** Parsed authorities, a few KB each; one tenant has one. */
const anchorsMax = 1_000;

export type IssuerCheck = (
  certificateDer: Uint8Array,
  credential: Pick<CertificateCredential, "authorityId" | "issuingPem">,
  nowMs: number,
) => string | undefined;

/**
 * Checks that the stored authority has signed these bytes for a client, now. Answers what is wrong, or undefined. The issuing authority is the
 * anchor: it was made here and never changes, so nothing is gained by climbing to its root each time.
 */
export function createIssuerCheck(): IssuerCheck {
  const anchors = new Map<string, TrustAnchor>();

  function anchorOf(authorityId: string, issuingPem: string): TrustAnchor {
    let anchor = anchors.get(authorityId);
    if (anchor === undefined) {
      anchor = createTrustAnchor(issuingPem);
      // The oldest entry goes: parsing it again costs less than a handshake.
      if (anchors.size >= anchorsMax) anchors.delete(anchors.keys().next().value ?? "");
      anchors.set(authorityId, anchor);
    }
    return anchor;
  }

  return (certificateDer, { authorityId, issuingPem }, nowMs) => {
    const result = verifyChain(certificateDer, [], [anchorOf(authorityId, issuingPem)], { nowMs, purpose: "client" });
    return result.ok ? undefined : result.reason;
  };
}
