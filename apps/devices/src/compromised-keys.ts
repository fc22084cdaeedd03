// Keys that somebody else has: what was revoked as keyCompromise is certified no more, whoever asks, in its tenant.
import { createHash, X509Certificate } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import type { AuthorityStore } from "./authority-ports.ts";

/**
 * Names a certificate's key whatever certificate carries it, lowercase hex: its JWK thumbprint (RFC 7638 §3, SHA-256), so that another encoding of the same
 * key (a compressed point) has the same name; of kinds of keys that have no JWK, that of the SubjectPublicKeyInfo.
 */
export function keyDigestOf(certificatePem: string): string {
  const { publicKey } = new X509Certificate(certificatePem);
  return createHash("sha256").update(spell(publicKey)).digest("hex");
}

function spell(key: X509Certificate["publicKey"]): string | Buffer {
  try {
    return JSON.stringify(Object.fromEntries(Object.entries(key.export({ format: "jwk" })).sort(([a], [b]) => (a < b ? -1 : 1))));
  } catch {
    return key.export({ type: "spki", format: "der" });
  }
}

/** Throws invalidArgument at the pointer for a certificate whose key was revoked as compromised in the tenant. */
export async function assertKeyKept(
  authorities: Pick<AuthorityStore, "isCompromised">,
  { tenantId, certificatePem, pointer }: { readonly tenantId: string; readonly certificatePem: string; readonly pointer: string },
): Promise<void> {
  if (await authorities.isCompromised(tenantId, keyDigestOf(certificatePem)))
    throw invalidField(pointer, "this key was revoked as compromised; make a new one");
}
