// The values of the extensions that decide something (RFC 5280 §4.2.1), read strictly.
import { createHash } from "node:crypto";
import { type CertificateFields, extensionOid } from "./certificate-fields.ts";
import { DerError, derTag, readBits, readChildren, readDer, readOid, readSmallInteger } from "./der.ts";

/** Key usage bits as numbered from the left in RFC 5280 §4.2.1.3, as a mask of the first octet. */
export const keyUsageBit = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, crlSign: 0x02 } as const;

export const purposeOid = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

/** Absent means: not an authority. Throws DerError. */
export function readBasicConstraints(fields: CertificateFields): BasicConstraints {
  const extension = fields.extensions.get(extensionOid.basicConstraints);
  if (extension === undefined) return { ca: false };
  const parts = readChildren(readDer(extension.value, derTag.sequence));
  const flag = parts[0]?.tag === derTag.boolean ? parts.shift() : undefined;
  const ca = flag !== undefined && flag.content.length === 1 && flag.content[0] !== 0;
  if (parts.length === 0) return { ca };
  if (parts.length > 1) throw new DerError("odd basic constraints");
  return { ca, pathLength: readSmallInteger(parts[0]) };
}

/** The first octet's mask, or undefined where the certificate does not limit its key. Throws DerError. */
export function readKeyUsage(fields: CertificateFields): number | undefined {
  const extension = fields.extensions.get(extensionOid.keyUsage);
  return extension === undefined ? undefined : (readBits(readDer(extension.value), 7)[0] ?? 0);
}

/**
 * Whether the certificate may serve this purpose: it names it, or names none at all. anyExtendedKeyUsage does not count, as RFC 5280
 * §4.2.1.12 allows and openssl does. Throws DerError.
 */
export function servesPurpose(fields: CertificateFields, purpose: keyof typeof purposeOid): boolean {
  const extension = fields.extensions.get(extensionOid.extendedKeyUsage);
  if (extension === undefined) return true;
  return readChildren(readDer(extension.value, derTag.sequence)).map(readOid).includes(purposeOid[purpose]);
}

/** Lowercase hex, or undefined where there is none. Throws DerError. */
export function readSubjectKeyId(fields: CertificateFields): string | undefined {
  const extension = fields.extensions.get(extensionOid.subjectKeyId);
  return extension === undefined ? undefined : Buffer.from(readDer(extension.value, derTag.octetString).content).toString("hex");
}

/** The issuer's key id as the certificate claims it, lowercase hex; undefined where it does not. Throws DerError. */
export function readAuthorityKeyId(fields: CertificateFields): string | undefined {
  const extension = fields.extensions.get(extensionOid.authorityKeyId);
  if (extension === undefined) return undefined;
  const keyId = readChildren(readDer(extension.value, derTag.sequence)).find((part) => part.tag === 0x80);
  return keyId === undefined ? undefined : Buffer.from(keyId.content).toString("hex");
}

/**
 * What authorities that follow the standards name this key: SHA-1 of its bits (RFC 5280 §4.2.1.2 method 1, what openssl does), and by SHA-256 (RFC 7093 §2 methods 1 and
 * 4). Nobody finds another key with one of these names. Lowercase hex.
 */
export function createKeyIds(publicKeyInfo: Uint8Array): string[] {
  const bits = readBits(readChildren(readDer(publicKeyInfo, derTag.sequence))[1]);
  const sha1 = createHash("sha1").update(bits).digest("hex");
  return [sha1, createKeyId(publicKeyInfo), createHash("sha256").update(publicKeyInfo).digest("hex")];
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key's bits, so that no SHA-1 is needed. Lowercase hex. */
export function createKeyId(publicKeyInfo: Uint8Array): string {
  const bits = readBits(readChildren(readDer(publicKeyInfo, derTag.sequence))[1]);
  return createHash("sha256").update(bits).digest("hex").slice(0, 40);
}
