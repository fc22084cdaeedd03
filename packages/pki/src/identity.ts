// Who a peer's certificate says it is. To be asked after every handshake, resumed ones too.
//
// A device is found by (issuer's key, serial) or by fingerprint, never by a name alone: anybody's authority can put any name into a
// certificate. Revocation goes by (issuer's key, serial): an ECDSA signature can be rewritten by its holder without the
// authority (r, s -> r, n - s), which changes the fingerprint of a certificate that stays valid.
import { createHash, X509Certificate } from "node:crypto";
import { readAuthorityKeyId } from "./certificate-extensions.ts";
import { type CertificateFields, certificateBytesMax, readCertificate } from "./certificate-fields.ts";
import { derTag, expectTag, readChildren, readDer, readOid } from "./der.ts";

export interface CertificateIdentity {
  /** Lowercase hex SHA-256 of the DER. */
  readonly fingerprintSha256: string;
  /** Lowercase hex, two digits per octet, no sign octet: compares equal to what `issueDeviceCertificate` returned. */
  readonly serial: string;
  /** Lowercase hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly publicKeySha256: string;
  /** The issuer's key id as the certificate claims it, lowercase hex. A hint for finding the issuer: anyone can write it. */
  readonly authorityKeyId?: string;
  /** Lowercase hex SHA-256 of the issuer's DER name: a hint like the key id. */
  readonly issuerNameSha256: string;
  /** Only where there is exactly one; then 1 to 64 characters of A-Z a-z 0-9 _ . : @ - */
  readonly commonName?: string;
}

export type IdentityFault =
  /** The peer sent none. */
  | "no-certificate"
  /** Over 16 KB. */
  | "too-large"
  /** Not exactly one certificate in DER. */
  | "malformed"
  | "several-common-names"
  /** Not a plain string type, or empty, too long, or with a character outside the alphabet (NUL, newline, space, homoglyph, ...). */
  | "odd-common-name";

export type IdentityResult =
  | { readonly ok: true; readonly identity: CertificateIdentity }
  | { readonly ok: false; readonly reason: IdentityFault };

const commonNameOid = "2.5.4.3";
const commonNamePattern = /^[A-Za-z0-9_.:@-]{1,64}$/;
const plainStringTags: ReadonlySet<number> = new Set([derTag.utf8String, derTag.printableString, derTag.ia5String]);

/** Reads a peer's certificate. Never throws, whatever the bytes are. Checks no signature and no date: that is `verifyChain`. */
export function readIdentity(certificate: Uint8Array | X509Certificate | undefined): IdentityResult {
  const der = certificate instanceof X509Certificate ? certificate.raw : certificate;
  if (!(der instanceof Uint8Array) || der.length === 0) return { ok: false, reason: "no-certificate" };
  if (der.length > certificateBytesMax) return { ok: false, reason: "too-large" };
  try {
    const fields = readCertificate(der);
    const names = readCommonNames(fields);
    if (names.length > 1) return { ok: false, reason: "several-common-names" };
    const [commonName] = names;
    if (commonName !== undefined && !commonNamePattern.test(commonName)) return { ok: false, reason: "odd-common-name" };
    const authorityKeyId = readAuthorityKeyId(fields);
    const { fingerprintSha256, serial, publicKeySha256 } = fields;
    const issuerNameSha256 = createHash("sha256").update(fields.issuer).digest("hex");
    const base = { fingerprintSha256, serial, publicKeySha256, issuerNameSha256 };
    return { ok: true, identity: { ...base, ...(authorityKeyId && { authorityKeyId }), ...(commonName && { commonName }) } };
  } catch {
    return { ok: false, reason: "malformed" };
  }
}

/** All common names of the subject as text; one of a string type that is not plain comes back as "", which no pattern takes. */
function readCommonNames(fields: CertificateFields): string[] {
  const names: string[] = [];
  for (const relative of readChildren(readDer(fields.subject, derTag.sequence))) {
    for (const attribute of readChildren(expectTag(relative, derTag.set))) {
      const [type, value] = readChildren(expectTag(attribute, derTag.sequence));
      if (readOid(type) !== commonNameOid || value === undefined) continue;
      // latin1 keeps octets above 0x7f apart from ASCII, so that no decoding can fold one into a plain letter.
      names.push(plainStringTags.has(value.tag) ? Buffer.from(value.content).toString("latin1") : "");
    }
  }
  return names;
}
