// Certificate revocation lists (RFC 5280 §5), for verifiers outside the platform; the platform itself looks in its own store.
// Put together here: the library compares each entry with all before it (5.5 s for 10,000) and does not read lists of over some 1,400.
import { invalidField, PlatformError } from "@mooring/contracts";
import { extensionOid } from "./certificate-fields.ts";
import { bitString, der, derTag, sequence, time, unsignedInteger } from "./der.ts";
import { algorithmIdentifier, signatureAlgorithmOf, signWith } from "./keys.ts";
import { formatPem } from "./pem.ts";
import { parseSerial, serialOctetsMax } from "./serial.ts";
import { openSigner, type SigningAuthority } from "./signer.ts";
import { x509 } from "./x509-library.ts";

/** RFC 5280 §5.3.1, without the value for delta lists. `certificateHold` may be taken back. */
export const reasonCode = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
} as const;

export type RevocationReason = keyof typeof reasonCode;

/** crlEntryExtensions ready made: long lists repeat the same few. */
const reasonExtensions: ReadonlyMap<string, Buffer> = new Map(
  Object.entries(reasonCode).map(([reason, code]) => [
    reason,
    sequence(encodeExtension(new x509.Extension(extensionOid.crlReason, false, der(derTag.enumerated, Buffer.from([code]))))),
  ]),
);

export interface RevokedEntry {
  /** Hex, in any usual spelling; each serial once. */
  readonly serial: string;
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
}

export interface RevocationListRequest {
  /** At most 100,000, which make a list of 3 to 5 MB and hold the thread for up to a second. */
  readonly entries: readonly RevokedEntry[];
  /** Grows with every list of one authority (RFC 5280 §5.2.3). */
  readonly number: bigint;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
}

export const revocationEntriesMax = 100_000;

/** A signed version 2 list in PEM (`X509 CRL`) and DER. Throws invalidArgument, and failedPrecondition when there are too many entries. */
export function createRevocationList(
  authority: SigningAuthority,
  request: RevocationListRequest,
): { readonly pem: string; readonly der: Buffer } {
  const { entries, number, thisUpdateMs, nextUpdateMs } = request;
  if (entries.length > revocationEntriesMax)
    throw new PlatformError("failedPrecondition", `a list holds at most ${revocationEntriesMax} entries`);
  if (number < 0n || number >= 1n << BigInt(serialOctetsMax * 8 - 1)) throw invalidField("/number", "must be from 0 to 2^159 - 1");
  if (!(nextUpdateMs > thisUpdateMs)) throw invalidField("/nextUpdateMs", "must be after thisUpdateMs");
  const signer = openSigner(authority);
  const algorithm = signatureAlgorithmOf(signer.kind);
  const hex = number.toString(16);
  const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
  const revoked = encodeEntries(entries);
  const tbs = sequence(
    unsignedInteger(Buffer.from([1])),
    algorithmIdentifier(algorithm),
    signer.name,
    time(thisUpdateMs),
    time(nextUpdateMs),
    // RFC 5280 §5.1.2.6: with nothing revoked the list must be absent, not empty.
    ...(revoked.length === 0 ? [] : [sequence(revoked)]),
    der(
      0xa0,
      sequence(
        encodeExtension(new x509.AuthorityKeyIdentifierExtension(signer.subjectKeyId)),
        encodeExtension(new x509.Extension(extensionOid.crlNumber, false, unsignedInteger(Buffer.from(digits, "hex")))),
      ),
    ),
  );
  const list = sequence(tbs, algorithmIdentifier(algorithm), bitString(signWith(algorithm, signer.key, tbs)));
  return { pem: formatPem("X509 CRL", list), der: list };
}

function encodeExtension(extension: x509.Extension): Buffer {
  return Buffer.from(extension.rawData);
}

function encodeEntries(entries: readonly RevokedEntry[]): Buffer {
  const seen = new Set<string>();
  const encoded = entries.map((entry, index) => {
    const serial = parseSerial(entry.serial, `/entries/${index}/serial`);
    if (seen.has(serial)) throw invalidField(`/entries/${index}/serial`, "is in the list already");
    seen.add(serial);
    const code = Object.hasOwn(reasonCode, entry.reason) ? reasonCode[entry.reason] : undefined;
    if (code === undefined) throw invalidField(`/entries/${index}/reason`, `must be one of ${Object.keys(reasonCode).join(", ")}`);
    const parts = [unsignedInteger(Buffer.from(serial, "hex")), time(entry.revokedAtMs)];
    // RFC 5280 §5.3.1: unspecified is said by leaving the extension out.
    const reason = code === 0 ? undefined : reasonExtensions.get(entry.reason);
    if (reason !== undefined) parts.push(reason);
    return sequence(...parts);
  });
  return Buffer.concat(encoded);
}
