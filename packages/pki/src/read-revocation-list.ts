// Revocation lists of other authorities (RFC 5280 §5), read as strictly as they are obeyed.
import { createHash } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import { keyUsageBit, readKeyUsage } from "./certificate-extensions.ts";
import { extensionOid } from "./certificate-fields.ts";
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
import { isAllowedSignatureAlgorithm, judgePublicKey, verifySignature } from "./keys.ts";
import { parsePem } from "./pem.ts";
import { type RevocationReason, reasonCode, revocationEntriesMax } from "./revocation-list.ts";
import { readCertificatePem } from "./signer.ts";

export interface ForeignRevocationList {
  /** Lowercase hex SHA-256 of the DER. */
  readonly digestSha256: string;
  /** RFC 5280 §5.2.3. Old authorities give none. */
  readonly number: bigint | undefined;
  readonly thisUpdateMs: number;
  /** RFC 5280 §5.1.2.5: every list has one. */
  readonly nextUpdateMs: number;
  readonly entries: readonly { readonly serial: string; readonly revokedAtMs: number; readonly reason: RevocationReason }[];
}

/** 25,000 entries and more; the bodies of the REST API are as long. */
export const revocationListBytesMax = 1024 * 1024;

/** What may be said of a list, and of an entry, that changes nothing about what is on it. Critical ones besides are refused (§5.2). */
const understood: ReadonlySet<string> = new Set([extensionOid.crlNumber, extensionOid.authorityKeyId]);
const reasonNames: ReadonlyMap<number, RevocationReason> = new Map(
  Object.entries(reasonCode).map(([name, code]) => [code, name as RevocationReason]),
);

/**
 * One list, in PEM (`X509 CRL`) or DER, signed by the authority of this certificate. Throws invalidArgument at `pointer`: damaged, another's, wrongly
 * signed, weakly signed, without a next update, partial (a critical extension), or too long.
 */
export function readRevocationList(list: string | Uint8Array, authorityPem: string, pointer = "/listPem"): ForeignRevocationList {
  try {
    return readList(typeof list === "string" ? readPemList(list, pointer) : checkSize(list, pointer), authorityPem, pointer);
  } catch (error) {
    throw error instanceof DerError ? invalidField(pointer, "is not a well-formed revocation list") : error;
  }
}

/** What a place on the web answers: some give PEM. */
export function readFetchedList(bytes: Uint8Array, authorityPem: string, pointer: string): ForeignRevocationList {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString("latin1");
  return readRevocationList(/^\s*-----BEGIN/.test(head) ? Buffer.from(bytes).toString("latin1") : bytes, authorityPem, pointer);
}

function readPemList(listPem: string, pointer: string): Uint8Array {
  const [block, ...rest] = parsePem(listPem, revocationListBytesMax, pointer);
  if (block === undefined || rest.length > 0 || !/^(X509 )?CRL$/.test(block.label)) throw invalidField(pointer, "must be one X509 CRL");
  return block.der;
}

function checkSize(list: Uint8Array, pointer: string): Uint8Array {
  if (list.length > revocationListBytesMax) throw invalidField(pointer, `is longer than ${revocationListBytesMax} bytes`);
  return list;
}

function readList(bytes: Uint8Array, authorityPem: string, pointer: string): ForeignRevocationList {
  const { fields } = readCertificatePem(authorityPem, "/certificatePem");
  const [tbs, algorithm, signature] = readChildren(readDer(bytes, derTag.sequence));
  const parts = readChildren(expectTag(tbs, derTag.sequence));
  const nextTag = (): number | undefined => parts[0]?.tag;
  if (tbs === undefined || readSmallInteger(parts.shift()) !== 1) throw new DerError("not a version 2 list");
  const inner = expectTag(parts.shift(), derTag.sequence);
  if (Buffer.compare(inner.raw, expectTag(algorithm, derTag.sequence).raw) !== 0) throw new DerError("signature algorithms differ");
  const issuer = expectTag(parts.shift(), derTag.sequence);
  if (Buffer.compare(issuer.raw, fields.subject) !== 0) throw invalidField(pointer, "is another authority's");
  const usage = readKeyUsage(fields);
  if (usage !== undefined && (usage & keyUsageBit.crlSign) === 0) throw invalidField(pointer, "the authority's key may not sign lists");
  const name = readOid(readChildren(inner)[0]);
  const verdict = judgePublicKey(fields.publicKeyInfo);
  if (!isAllowedSignatureAlgorithm(name)) throw invalidField(pointer, "is signed with an algorithm that is too weak or not known");
  if (!verdict.ok || !verifySignature(name, verdict.key, tbs.raw, readBits(signature)))
    throw invalidField(pointer, "is not signed by the authority");
  const thisUpdateMs = readTime(parts.shift());
  if (nextTag() !== derTag.utcTime && nextTag() !== derTag.generalizedTime) throw invalidField(pointer, "says no next update");
  const nextUpdateMs = readTime(parts.shift());
  const revoked = nextTag() === derTag.sequence ? readChildren(parts.shift() as DerElement, revocationEntriesMax) : [];
  const values = readExtensions(nextTag() === 0xa0 ? readChildren(parts[0] as DerElement)[0] : undefined, pointer, understood);
  return {
    digestSha256: createHash("sha256").update(bytes).digest("hex"),
    number: readNumber(values.get(extensionOid.crlNumber)),
    ...{ thisUpdateMs, nextUpdateMs, entries: revoked.map((entry) => readEntry(entry, pointer)) },
  };
}

/** At most 20 octets, and not negative [RFC 5280 §5.2.3]. */
function readNumber(value: Uint8Array | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const octets = readIntegerOctets(readDer(value, derTag.integer));
  if ((octets[0] ?? 0) >= 0x80 || octets.length > 20) throw new DerError("number of the list negative or too long");
  return BigInt(`0x${Buffer.from(octets).toString("hex")}`);
}

function readEntry(entry: DerElement, pointer: string) {
  const [serial, at, extensions] = readChildren(expectTag(entry, derTag.sequence));
  const octets = readIntegerOctets(serial);
  const magnitude = octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  const values = readExtensions(extensions, pointer, new Set([extensionOid.crlReason]));
  const reason = values.get(extensionOid.crlReason);
  const code = reason === undefined ? 0 : (readDer(reason, derTag.enumerated).content[0] ?? 0);
  return {
    serial: Buffer.from(magnitude).toString("hex"),
    revokedAtMs: readTime(at),
    reason: reasonNames.get(code) ?? ("unspecified" as const),
  };
}

function readExtensions(list: DerElement | undefined, pointer: string, known: ReadonlySet<string>): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const item of list === undefined ? [] : readChildren(expectTag(list, derTag.sequence))) {
    const [id, ...rest] = readChildren(expectTag(item, derTag.sequence));
    const name = readOid(id);
    const isCritical = rest[0]?.tag === derTag.boolean && (rest.shift()?.content[0] ?? 0) !== 0;
    if (isCritical && !known.has(name))
      throw invalidField(pointer, `has the critical extension ${name}: only full lists of one authority are taken`);
    values.set(name, expectTag(rest[0], derTag.octetString).content);
  }
  return values;
}
