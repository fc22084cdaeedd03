// Certificate signing requests (PKCS#10, RFC 2986): proof that someone holds a key, and nothing else.
import { invalidField } from "@mooring/contracts";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { assertDer, DerError } from "./der.ts";
import { isAllowedSignatureAlgorithm, judgePublicKey, type KeyKind, verifySignature } from "./keys.ts";
import { parsePem } from "./pem.ts";
import { x509 } from "./x509-library.ts";

/** A request with an 8192-bit key is 3 KB. */
export const requestBytesMax = 16 * 1024;

const accepted: ReadonlySet<KeyKind> = new Set<KeyKind>(["ec-p256", "ec-p384", "rsa", "ed25519"]);

/**
 * The SubjectPublicKeyInfo of a request whose signature verifies. Its subject, attributes and extensions are not looked at.
 * Throws invalidArgument at `pointer` naming what is wrong: size, PEM, several requests, key type or strength, algorithm, signature.
 */
export function parseCertificateRequest(csrPem: string, pointer = "/csrPem"): Buffer {
  return readRequestPem(csrPem, pointer, (bytes) => readRequest(bytes, pointer));
}

function readRequestPem<T>(csrPem: string, pointer: string, read: (bytes: Uint8Array) => T): T {
  const blocks = parsePem(csrPem, requestBytesMax, pointer);
  if (blocks.some(({ label }) => label.endsWith("PRIVATE KEY")))
    throw invalidField(pointer, "holds a private key, which must never leave the device");
  const [block] = blocks;
  // "NEW" is what some tools of Netscape's time still write (RFC 7468 §7).
  if (block === undefined || !/^(NEW )?CERTIFICATE REQUEST$/.test(block.label))
    throw invalidField(pointer, "must be a CERTIFICATE REQUEST");
  if (blocks.length > 1) throw invalidField(pointer, `holds ${blocks.length} PEM blocks instead of one request`);
  try {
    return read(block.der);
  } catch (error) {
    throw error instanceof DerError ? invalidField(pointer, "is not a well-formed certificate request") : error;
  }
}

/** What a request calls who asks: the first serialNumber (2.5.4.5) and common name of its subject. Nothing is proved by it. */
export interface RequestName {
  readonly serialNumber: string | undefined;
  readonly commonName: string | undefined;
}

/** Throws as `parseCertificateRequest` does, apart from what is about key and signature. */
export function readRequestName(csrPem: string, pointer = "/csrPem"): RequestName {
  return readRequestPem(csrPem, pointer, (bytes) => {
    assertDer(bytes);
    const name = new x509.Name(AsnConvert.serialize(takeApart(bytes).certificationRequestInfo.subject));
    return { serialNumber: name.getField("2.5.4.5")[0], commonName: name.getField("2.5.4.3")[0] };
  });
}

function readRequest(bytes: Uint8Array, pointer: string): Buffer {
  assertDer(bytes);
  const { certificationRequestInfo: info, certificationRequestInfoRaw: signed, ...outer } = takeApart(bytes);
  const { version, subjectPKInfo } = info;
  if (version !== 0) throw new DerError("not a version 1 request");
  const key = Buffer.from(AsnConvert.serialize(subjectPKInfo));
  const verdict = judgePublicKey(key);
  if (!verdict.ok) throw invalidField(pointer, verdict.message);
  if (!accepted.has(verdict.kind)) throw invalidField(pointer, "key type is not one of EC P-256, EC P-384, RSA or Ed25519");
  const { algorithm } = outer.signatureAlgorithm;
  if (!isAllowedSignatureAlgorithm(algorithm)) {
    throw invalidField(
      pointer,
      `signature algorithm ${algorithm} is not one of ECDSA or RSA (PKCS#1 v1.5) with SHA-256, SHA-384, SHA-512, or Ed25519`,
    );
  }
  if (!verifySignature(algorithm, verdict.key, toBytes(signed), toBytes(outer.signature)))
    throw invalidField(pointer, "signature does not verify with the key in it");
  return key;
}

function takeApart(bytes: Uint8Array): CertificationRequest {
  try {
    return AsnConvert.parse(bytes, CertificationRequest);
  } catch {
    // The library's own words are about its schemas.
    throw new DerError("not a request");
  }
}

const toBytes = (value: ArrayBuffer | undefined): Uint8Array => new Uint8Array(value ?? new ArrayBuffer(0));
