// An authority that somebody else made and a tenant registers: read once, strictly.
import { createHash } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import { createKeyIds, readSubjectKeyId } from "./certificate-extensions.ts";
import { readCertificate } from "./certificate-fields.ts";
import { createTrustAnchor, type TrustAnchor } from "./chain.ts";

export interface ForeignAuthority {
  readonly anchor: TrustAnchor;
  /** Lowercase hex SHA-256 of the DER. */
  readonly fingerprintSha256: string;
  /** Lowercase hex SHA-256 of its DER subject: equals `issuerNameSha256` of what it has signed. */
  readonly subjectNameSha256: string;
  /** What its certificate calls its key, lowercase hex: what it has signed calls it the same (RFC 5280 §4.2.1.1). Anybody can write it. */
  readonly subjectKeyId?: string;
  /** What its key is called by the standard methods, whatever the certificate says. */
  readonly keyIds: readonly string[];
}

/** Throws invalidArgument at `/certificatePem`: none or several certificates, no authority, a weak key, not valid now. */
export function readAuthority(certificatePem: string, nowMs: number): ForeignAuthority {
  const anchor = createTrustAnchor(certificatePem);
  const { fingerprintSha256, subject, publicKeyInfo, notBeforeMs, notAfterMs } = anchor.fields;
  if (nowMs < notBeforeMs) throw invalidField("/certificatePem", `is valid only from ${new Date(notBeforeMs).toISOString()}`);
  if (nowMs > notAfterMs) throw invalidField("/certificatePem", `has ended at ${new Date(notAfterMs).toISOString()}`);
  const subjectNameSha256 = createHash("sha256").update(subject).digest("hex");
  const subjectKeyId = readSubjectKeyId(anchor.fields);
  const keyIds = createKeyIds(publicKeyInfo);
  return { anchor, fingerprintSha256, subjectNameSha256, keyIds, ...(subjectKeyId !== undefined && { subjectKeyId }) };
}

/** The same of an authority that may have ended meanwhile. Throws invalidArgument as `readAuthority` does. */
export function readKeyNames(certificatePem: string): { readonly subjectKeyId: string | undefined; readonly keyIds: readonly string[] } {
  const { fields } = createTrustAnchor(certificatePem);
  return { subjectKeyId: readSubjectKeyId(fields), keyIds: createKeyIds(fields.publicKeyInfo) };
}

/** When a certificate that was not made here begins and ends. Throws DerError for what `readIdentity` does not take either. */
export function readCertificateTimes(certificateDer: Uint8Array): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const { notBeforeMs, notAfterMs } = readCertificate(certificateDer);
  return { notBeforeMs, notAfterMs };
}
