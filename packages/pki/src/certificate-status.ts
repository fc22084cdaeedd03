// Online certificate status (RFC 6960), answered by the authority itself: no responder of its own, no delegated certificate.
import { createHash } from "node:crypto";
import {
  bitString,
  DerError,
  der,
  derTag,
  expectTag,
  octetString,
  oid,
  readBits,
  readChildren,
  readDer,
  readIntegerOctets,
  readOid,
  sequence,
} from "./der.ts";
import { algorithmIdentifier, signatureAlgorithmOf, signWith } from "./keys.ts";
import { type RevocationReason, reasonCode } from "./revocation-list.ts";
import { openSigner, readCertificatePem, type SigningAuthority } from "./signer.ts";

/** One certificate asked for. */
export interface StatusQuestion {
  /** In the spelling of serial.ts. */
  readonly serial: string;
  /** The CertID as it was sent: the answer repeats it. */
  readonly certId: Uint8Array;
  readonly hash: "sha1" | "sha256";
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
}

export interface StatusRequest {
  readonly questions: readonly StatusQuestion[];
  /** The nonce extension as it was sent. */
  readonly nonce: Uint8Array | undefined;
}

export type CertificateStatus =
  | { readonly status: "good" | "unknown" }
  | { readonly status: "revoked"; readonly revokedAtMs: number; readonly reason: RevocationReason };

/** Clients ask for one; the signature is over all answers. */
export const statusQuestionsMax = 16;
export const statusRequestBytesMax = 4 * 1024;
/** RFC 9654 §2.1 lets a nonce have 128 octets at most. */
const nonceBytesMax = 128;

const nonceOid = "1.3.6.1.5.5.7.48.1.2";
const basicResponseOid = "1.3.6.1.5.5.7.48.1.1";
const hashes: ReadonlyMap<string, "sha1" | "sha256"> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
]);

/** Undefined for bytes that are no request, or one that is more than is answered: to be told `malformedRequest`. */
export function parseStatusRequest(bytes: Uint8Array): StatusRequest | undefined {
  if (bytes.length > statusRequestBytesMax) return undefined;
  try {
    // A signature of the requestor's, if any, is not looked at: everybody is answered.
    const [tbs] = readChildren(readDer(bytes, derTag.sequence));
    const parts = readChildren(expectTag(tbs, derTag.sequence));
    const list = parts.find(({ tag }) => tag === derTag.sequence);
    const questions = readChildren(expectTag(list, derTag.sequence)).map((item) => readQuestion(readChildren(item)[0]?.raw));
    if (questions.length === 0 || questions.length > statusQuestionsMax) return undefined;
    return { questions, nonce: readNonce(parts.find(({ tag }) => tag === 0xa2)?.content) };
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function readQuestion(certId: Uint8Array | undefined): StatusQuestion {
  if (certId === undefined) throw new DerError("no certificate is asked for");
  const [algorithm, nameHash, keyHash, serial] = readChildren(readDer(certId, derTag.sequence));
  const hash = hashes.get(readOid(readChildren(expectTag(algorithm, derTag.sequence))[0]));
  if (hash === undefined) throw new DerError("hash is neither SHA-1 nor SHA-256");
  const octets = readIntegerOctets(serial);
  const magnitude = octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  return {
    serial: Buffer.from(magnitude).toString("hex"),
    certId,
    hash,
    issuerNameHash: expectTag(nameHash, derTag.octetString).content,
    issuerKeyHash: expectTag(keyHash, derTag.octetString).content,
  };
}

function readNonce(extensions: Uint8Array | undefined): Uint8Array | undefined {
  if (extensions === undefined) return undefined;
  for (const item of readChildren(readDer(extensions, derTag.sequence))) {
    if (readOid(readChildren(item)[0]) === nonceOid) return item.raw.length <= nonceBytesMax + 32 ? item.raw : undefined;
  }
  return undefined;
}

/** Whether the question is about a certificate of this authority's. Throws invalidArgument when the PEM is none. */
export function isIssuerAsked(question: StatusQuestion, certificatePem: string): boolean {
  const { fields } = readCertificatePem(certificatePem, "/certificatePem");
  const keyBits = readBits(readChildren(readDer(fields.publicKeyInfo, derTag.sequence))[1]);
  const digest = (bytes: Uint8Array): Buffer => createHash(question.hash).update(bytes).digest();
  return digest(fields.subject).equals(question.issuerNameHash) && digest(keyBits).equals(question.issuerKeyHash);
}

export interface StatusAnswers {
  readonly request: StatusRequest;
  /** In the order of the questions. */
  readonly statuses: readonly CertificateStatus[];
  readonly nowMs: number;
  readonly nextUpdateMs: number;
}

/** A signed answer in DER. Throws what `openSigner` throws. */
export function createStatusResponse(authority: SigningAuthority, answers: StatusAnswers): Buffer {
  const { request, statuses, nowMs, nextUpdateMs } = answers;
  const signer = openSigner(authority);
  const algorithm = signatureAlgorithmOf(signer.kind);
  const singles = request.questions.map(({ certId }, index) =>
    sequence(
      certId,
      encodeStatus(statuses[index] ?? { status: "unknown" }),
      generalizedTime(nowMs),
      der(0xa0, generalizedTime(nextUpdateMs)),
    ),
  );
  const tbs = sequence(
    der(0xa1, signer.name),
    generalizedTime(nowMs),
    sequence(...singles),
    ...(request.nonce === undefined ? [] : [der(0xa1, sequence(request.nonce))]),
  );
  const certificate = readCertificatePem(authority.certificatePem, "/certificatePem").certificate.raw;
  const signature = bitString(signWith(algorithm, signer.key, tbs));
  const basic = sequence(tbs, algorithmIdentifier(algorithm), signature, der(0xa0, sequence(certificate)));
  return sequence(der(derTag.enumerated, Buffer.of(0)), der(0xa0, sequence(oid(basicResponseOid), octetString(basic))));
}

/** RFC 6960 §4.2.1, unsigned: what is said when there is no answer. */
export function createStatusFailure(reason: "malformedRequest" | "internalError" | "unauthorized"): Buffer {
  const code = { malformedRequest: 1, internalError: 2, unauthorized: 6 }[reason];
  return sequence(der(derTag.enumerated, Buffer.of(code)));
}

function encodeStatus(status: CertificateStatus): Buffer {
  if (status.status !== "revoked") return Buffer.of(status.status === "good" ? 0x80 : 0x82, 0);
  const code = reasonCode[status.reason];
  const reason = code === 0 ? [] : [der(0xa0, der(derTag.enumerated, Buffer.of(code)))];
  return der(0xa1, generalizedTime(status.revokedAtMs), ...reason);
}

function generalizedTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return der(derTag.generalizedTime, Buffer.from(`${digits}Z`, "latin1"));
}
