// An authority opened for signing, and the one place where certificates are put together (RFC 5280 §4.1).
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { invalidField, PlatformError } from "@mooring/contracts";
import { createKeyId, keyUsageBit, readBasicConstraints, readKeyUsage, readSubjectKeyId } from "./certificate-extensions.ts";
import { type CertificateFields, certificateBytesMax, readCertificate } from "./certificate-fields.ts";
import { DerError } from "./der.ts";
import { keyIdExtensions } from "./extension-writers.ts";
import { importPrivateKeyPem, judgePublicKey, type KeyKind, toSigningKey } from "./keys.ts";
import { formatPem, parsePem } from "./pem.ts";
import { createSerial } from "./serial.ts";
import { x509 } from "./x509-library.ts";

/** What is needed to sign as an authority. Plain data; `privateKeyPem` is a secret and belongs sealed wherever it rests. */
export interface SigningAuthority {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /**
   * What a peer needs besides the leaf: this authority's certificate and those above it, nearest first, without the self-signed
   * root (RFC 8446 §4.4.2 lets it be left out). Empty for a root.
   */
  readonly chainPem: string;
}

/** What is known of a certificate just made. */
export interface MadeCertificate {
  readonly certificatePem: string;
  /** Lowercase hex, two digits per octet; certificates made here always have 32 digits. */
  readonly serial: string;
  /** Lowercase hex SHA-256 of the DER. */
  readonly fingerprintSha256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface Signer {
  /** The DER Name that goes into what it signs. */
  readonly name: Uint8Array;
  readonly subjectKeyId: string;
  readonly key: KeyObject;
  readonly kind: KeyKind;
  readonly pathLength: number | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Device clocks run behind: certificates count from five minutes before they were made. */
const backdateMs = 5 * 60_000;
const dayMs = 86_400_000;
/** 50 years: no device outlives it, and dates stay far from the end of what certificates can say. */
export const validityDaysMax = 18_250;

export interface SubjectName {
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly commonName: string;
}

const nameParts = [
  ["organization", "O"],
  ["organizationalUnit", "OU"],
  ["commonName", "CN"],
] as const;

/** A DER Name of at most three parts. Throws invalidArgument for a part that is not 1 to 64 printable ASCII characters. */
export function encodeName(subject: SubjectName): Buffer {
  const encoded: x509.JsonAttributeObject[] = [];
  for (const [part, type] of nameParts) {
    const text = subject[part];
    if (text === undefined) continue;
    // 64 is the upper bound of all three (RFC 5280 appendix A.1).
    if (!/^[\x20-\x7e]{1,64}$/.test(text)) throw invalidField(`/${part}`, "must be 1 to 64 printable ASCII characters");
    // As an object the text is taken as it is; as a string the library would read escapes and `#hex` in it.
    encoded.push({ [type]: [{ utf8String: text }] });
  }
  return Buffer.from(new x509.Name(encoded).toArrayBuffer());
}

/** Reads the one certificate of a PEM. Throws invalidArgument at `pointer`. */
export function readCertificatePem(
  pem: string,
  pointer: string,
): { readonly fields: CertificateFields; readonly certificate: X509Certificate } {
  const [block, ...rest] = parsePem(pem, 2 * certificateBytesMax, pointer);
  if (block?.label !== "CERTIFICATE" || rest.length > 0) throw invalidField(pointer, "must be exactly one CERTIFICATE");
  try {
    return { fields: readCertificate(block.der), certificate: new X509Certificate(block.der) };
  } catch (cause) {
    throw new PlatformError("invalidArgument", `${pointer}: is not a well-formed certificate`, {
      cause,
      issues: [{ pointer, message: "is not a well-formed certificate" }],
    });
  }
}

/** Opens an authority. Throws invalidArgument where certificate or key are not usable, do not match, or may not sign certificates. */
export function openSigner(authority: SigningAuthority): Signer {
  const { fields, certificate } = readCertificatePem(authority.certificatePem, "/certificatePem");
  let key: KeyObject;
  try {
    key = importPrivateKeyPem(authority.privateKeyPem);
  } catch {
    // The cause could quote the key.
    throw invalidField("/privateKeyPem", "is not an unencrypted private key in PEM");
  }
  if (!certificate.checkPrivateKey(key)) throw invalidField("/privateKeyPem", "does not belong to the certificate");
  try {
    const verdict = judgePublicKey(fields.publicKeyInfo);
    if (!verdict.ok) throw invalidField("/certificatePem", verdict.message);
    const { ca, pathLength } = readBasicConstraints(fields);
    const usage = readKeyUsage(fields);
    if (!ca || (usage !== undefined && (usage & keyUsageBit.keyCertSign) === 0))
      throw invalidField("/certificatePem", "is not an authority's certificate");
    const subjectKeyId = readSubjectKeyId(fields) ?? createKeyId(fields.publicKeyInfo);
    return {
      name: fields.subject,
      subjectKeyId,
      key,
      kind: verdict.kind,
      pathLength,
      notBeforeMs: fields.notBeforeMs,
      notAfterMs: fields.notAfterMs,
    };
  } catch (error) {
    throw error instanceof DerError ? invalidField("/certificatePem", "is not a well-formed certificate") : error;
  }
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * From five minutes before now for so many days, in whole seconds, within the issuer's own validity where there is an issuer.
 * Throws invalidArgument for days outside 1 to 18,250, failedPrecondition when the issuer is not valid now.
 */
export function createValidity(nowMs: number, days: number, issuer?: Validity): Validity {
  if (!Number.isInteger(days) || days < 1 || days > validityDaysMax)
    throw invalidField("/validityDays", `must be a whole number from 1 to ${validityDaysMax}`);
  if (issuer !== undefined && nowMs >= issuer.notAfterMs) {
    throw new PlatformError("failedPrecondition", `the authority's certificate ended at ${new Date(issuer.notAfterMs).toISOString()}`);
  }
  if (issuer !== undefined && nowMs < issuer.notBeforeMs) {
    throw new PlatformError("failedPrecondition", `the authority's certificate begins at ${new Date(issuer.notBeforeMs).toISOString()}`);
  }
  const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;
  return {
    notBeforeMs: wholeSeconds(Math.max(nowMs - backdateMs, issuer?.notBeforeMs ?? Number.NEGATIVE_INFINITY)),
    notAfterMs: wholeSeconds(Math.min(nowMs + days * dayMs, issuer?.notAfterMs ?? Number.POSITIVE_INFINITY)),
  };
}

export interface CertificatePlan {
  /** A DER Name, like the issuer's. */
  readonly subject: Uint8Array;
  readonly publicKeyInfo: Uint8Array;
  readonly validity: Validity;
  /** What there is besides the two key ids, which are added here. */
  readonly extensions: readonly x509.Extension[];
}

/** Puts a v3 certificate together and signs it. */
export async function signCertificate(
  plan: CertificatePlan,
  issuer: Pick<Signer, "name" | "subjectKeyId" | "key" | "kind">,
): Promise<MadeCertificate> {
  const serial = createSerial();
  const { key, algorithm } = toSigningKey(issuer.kind, issuer.key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    issuer: new x509.Name(issuer.name),
    subject: new x509.Name(plan.subject),
    notBefore: new Date(plan.validity.notBeforeMs),
    notAfter: new Date(plan.validity.notAfterMs),
    publicKey: plan.publicKeyInfo,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [...plan.extensions, ...keyIdExtensions(createKeyId(plan.publicKeyInfo), issuer.subjectKeyId)],
  });
  const der = Buffer.from(certificate.rawData);
  const fingerprintSha256 = createHash("sha256").update(der).digest("hex");
  return { certificatePem: formatPem("CERTIFICATE", der), serial, fingerprintSha256, ...plan.validity };
}
