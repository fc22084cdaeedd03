// What a certificate says (RFC 5280 §4.1), read strictly from its DER. Nothing here is proof of anything: signatures are chain.ts's.
import { createHash } from "node:crypto";
import {
  type DerElement,
  DerError,
  derTag,
  expectTag,
  readBits,
  readChildren,
  readDer,
  readIntegerOctets,
  readOid,
  readSmallInteger,
  readTime,
} from "./der.ts";
import { serialOctetsMax } from "./serial.ts";

/** Device certificates are about 500 bytes to 2 KB; this leaves room for large RSA keys and many names. */
export const certificateBytesMax = 16 * 1024;

export const extensionOid = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  crlReason: "2.5.29.21",
  revocationListPlaces: "2.5.29.31",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  authorityInformation: "1.3.6.1.5.5.7.1.1",
} as const;

export interface CertificateExtension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** The views (`issuer`, `subject`, `publicKeyInfo`, extension values) live as long as the bytes that were read. */
export interface CertificateFields {
  readonly version: 1 | 2 | 3;
  /** See serial.ts for the spelling. */
  readonly serial: string;
  /** Lowercase hex SHA-256 of the whole DER. */
  readonly fingerprintSha256: string;
  /** Lowercase hex SHA-256 of the SubjectPublicKeyInfo: names the key, whatever certificate carries it. */
  readonly publicKeySha256: string;
  readonly signatureAlgorithm: string;
  /** Whole DER Names, to be compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeyInfo: Uint8Array;
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Reads one certificate. Throws DerError for anything that is not exactly one well-formed certificate of at most 16 KB. */
export function readCertificate(bytes: Uint8Array): CertificateFields {
  if (bytes.length > certificateBytesMax) throw new DerError("certificate too large");
  const [tbs, outerAlgorithm, signature, ...rest] = readChildren(readDer(bytes, derTag.sequence));
  readBits(signature);
  if (rest.length > 0) throw new DerError("too many parts");
  const parts = readChildren(expectTag(tbs, derTag.sequence));
  const version = parts[0]?.tag === 0xa0 ? readVersion(parts.shift()) : 1;
  const [serial, innerAlgorithm, issuer, validity, subject, publicKeyInfo, ...optional] = parts;
  // RFC 5280 §4.1.1.2: the signed and the unsigned algorithm are the same.
  if (outerAlgorithm === undefined || Buffer.compare(expectTag(innerAlgorithm, derTag.sequence).raw, outerAlgorithm.raw) !== 0) {
    throw new DerError("signature algorithms differ");
  }
  const [notBefore, notAfter, ...noMore] = readChildren(expectTag(validity, derTag.sequence));
  if (noMore.length > 0) throw new DerError("validity of more than two times");
  const key = expectTag(publicKeyInfo, derTag.sequence).raw;
  return {
    version,
    serial: readSerial(serial),
    fingerprintSha256: sha256(bytes),
    publicKeySha256: sha256(key),
    signatureAlgorithm: readOid(readChildren(outerAlgorithm)[0]),
    issuer: expectTag(issuer, derTag.sequence).raw,
    subject: expectTag(subject, derTag.sequence).raw,
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    publicKeyInfo: key,
    extensions: readOptionalParts(version, optional),
  };
}

function readVersion(element: DerElement | undefined): 2 | 3 {
  const [number, ...rest] = readChildren(expectTag(element, 0xa0));
  const version = readSmallInteger(number) + 1;
  if (rest.length > 0 || (version !== 2 && version !== 3)) throw new DerError("no such version");
  return version;
}

function readSerial(element: DerElement | undefined): string {
  const octets = readIntegerOctets(element);
  const magnitude = octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  // A negative number would share its spelling with a positive one; 0 is wrong (RFC 5280 §4.1.2.2) but harmless and found in the field.
  if ((octets[0] ?? 0) >= 0x80 || magnitude.length > serialOctetsMax) throw new DerError("serial number negative or too long");
  return Buffer.from(magnitude).toString("hex");
}

function readOptionalParts(version: number, optional: readonly DerElement[]): Map<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>();
  // [1] and [2] are unique identifiers, [3] the extensions, each at most once and in this order (RFC 5280 §4.1).
  let last = 0;
  for (const part of optional) {
    const number = part.tag & 0x1f;
    const wanted = number === 3 ? 0xa3 : 0x80 | number;
    if (part.tag !== wanted || number <= last || number > 3 || version < (number === 3 ? 3 : 2)) throw new DerError("unexpected part");
    last = number;
    if (number !== 3) continue;
    const [list, ...rest] = readChildren(part);
    if (rest.length > 0) throw new DerError("two lists of extensions");
    for (const item of readChildren(expectTag(list, derTag.sequence))) readExtension(item, extensions);
  }
  return extensions;
}

function readExtension(item: DerElement, into: Map<string, CertificateExtension>): void {
  const [id, ...rest] = readChildren(expectTag(item, derTag.sequence));
  const name = readOid(id);
  const flag = rest[0]?.tag === derTag.boolean ? rest.shift() : undefined;
  const value = expectTag(rest[0], derTag.octetString).content;
  if (rest.length > 1 || (flag !== undefined && flag.content.length !== 1)) throw new DerError("odd extension");
  // RFC 5280 §4.2: not more than one of a kind, or two readers would follow different ones.
  if (into.has(name)) throw new DerError("extension given twice");
  into.set(name, { critical: (flag?.content[0] ?? 0) !== 0, value });
}
