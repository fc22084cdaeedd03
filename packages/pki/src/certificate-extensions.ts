// The values of the extensions that decide something (RFC 5280 §4.2.1), read and written.
import { createHash } from "node:crypto";
import { type CertificateFields, extensionOid } from "./certificate-fields.ts";
import {
  DerError,
  der,
  derTag,
  derTrue,
  octetString,
  oid,
  readBits,
  readChildren,
  readDer,
  readOid,
  readSmallInteger,
  sequence,
  unsignedInteger,
} from "./der.ts";

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

/** RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the key's bits, so that no SHA-1 is needed. Lowercase hex. */
export function createKeyId(publicKeyInfo: Uint8Array): string {
  const bits = readBits(readChildren(readDer(publicKeyInfo, derTag.sequence))[1]);
  return createHash("sha256").update(bits).digest("hex").slice(0, 40);
}

/** One Extension element; `value` is the DER the octet string wraps. */
export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return critical ? sequence(oid(id), derTrue, octetString(value)) : sequence(oid(id), octetString(value));
}

export const keyIdExtensions = (subjectKeyId: string, authorityKeyId: string): Buffer[] => [
  extension(extensionOid.subjectKeyId, octetString(Buffer.from(subjectKeyId, "hex"))),
  authorityKeyIdExtension(authorityKeyId),
];

export const authorityKeyIdExtension = (authorityKeyId: string): Buffer =>
  extension(extensionOid.authorityKeyId, sequence(der(0x80, Buffer.from(authorityKeyId, "hex"))));

/** Marked critical, as RFC 5280 §4.2.1.9 asks of authorities. */
export function basicConstraintsExtension(constraints: BasicConstraints): Buffer {
  if (!constraints.ca) return extension(extensionOid.basicConstraints, sequence(), true);
  const { pathLength } = constraints;
  const limit = pathLength === undefined ? [] : [unsignedInteger(Buffer.from([pathLength]))];
  return extension(extensionOid.basicConstraints, sequence(derTrue, ...limit), true);
}

export function keyUsageExtension(mask: number): Buffer {
  // X.690 §11.2.2: trailing zero bits of a named bit list are left out.
  const unused = 31 - Math.clz32(mask & -mask);
  return extension(extensionOid.keyUsage, der(derTag.bitString, Buffer.from([unused, mask])), true);
}

export const extendedKeyUsageExtension = (purposes: readonly string[]): Buffer =>
  extension(extensionOid.extendedKeyUsage, sequence(...purposes.map(oid)));

/** GeneralName tags of RFC 5280 §4.2.1.6: dNSName [2], URI [6], iPAddress [7]. */
export const generalName = {
  dns: (name: string): Buffer => der(0x82, Buffer.from(name, "latin1")),
  uri: (uri: string): Buffer => der(0x86, Buffer.from(uri, "latin1")),
  ip: (octets: Uint8Array): Buffer => der(0x87, octets),
} as const;

export const subjectAltNameExtension = (names: readonly Uint8Array[]): Buffer => extension(extensionOid.subjectAltName, sequence(...names));

/** Where the issuer's revocation list is (RFC 5280 §4.2.1.13): one place, no reasons. */
export const revocationListExtension = (uri: string): Buffer =>
  extension(extensionOid.revocationListPlaces, sequence(sequence(der(0xa0, der(0xa0, generalName.uri(uri))))));

/** Where the issuer answers for its certificates (RFC 5280 §4.2.2.1, RFC 6960 §3.1). */
export const statusServiceExtension = (uri: string): Buffer =>
  extension(extensionOid.authorityInformation, sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), generalName.uri(uri))));
