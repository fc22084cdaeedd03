// Path validation for device certificates (RFC 5280 §6), on node:crypto's signatures. Bounded, and it never throws.
// Revocation is not in here: callers look (issuer's key, serial) up in their own store, for the leaf and each step of the path.
import { X509Certificate } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import {
  keyUsageBit,
  readAuthorityKeyId,
  readBasicConstraints,
  readKeyUsage,
  readSubjectKeyId,
  servesPurpose,
} from "./certificate-extensions.ts";
import { type CertificateFields, extensionOid, readCertificate } from "./certificate-fields.ts";
import { DerError } from "./der.ts";
import { isAllowedSignatureAlgorithm, judgePublicKey } from "./keys.ts";
import { readCertificatePem } from "./signer.ts";

interface Node {
  readonly certificate: X509Certificate;
  readonly fields: CertificateFields;
}

/** An authority that is trusted by itself, self-signed or not. Made once by `createTrustAnchor` and used for many checks. */
export interface TrustAnchor extends Node {}

export type ChainFault =
  | "malformed"
  | "too-many-intermediates"
  | "expired"
  | "not-yet-valid"
  /** RSA under 2048 bits, an odd curve, a damaged key. */
  | "weak-key"
  /** MD5, SHA-1, or something unknown. */
  | "weak-signature"
  | "unknown-critical-extension"
  | "leaf-is-authority"
  /** Its key usage has no digitalSignature. */
  | "wrong-key-usage"
  /** Its extended key usage, or that of an authority above it, does not allow clients. */
  | "wrong-purpose"
  | "unknown-issuer"
  | "bad-signature"
  /** The issuer is version 1, or has no basic constraints, or says it is none. */
  | "issuer-not-authority"
  /** The issuer's key usage has no keyCertSign. */
  | "issuer-may-not-sign"
  | "issuer-expired"
  | "issuer-not-yet-valid"
  | "issuer-weak-key"
  | "issuer-unknown-critical-extension"
  | "path-too-long"
  /** More certificates of the issuer's name than are tried. */
  | "too-many-candidates";

/** One authority of a path: enough to look its revocation up and to name the issuer of what is below. */
export interface ChainStep {
  readonly fingerprintSha256: string;
  readonly publicKeySha256: string;
  readonly serial: string;
}

export type ChainResult =
  /** `path` is the leaf's issuer first and the anchor last. */
  | { readonly ok: true; readonly anchor: TrustAnchor; readonly path: readonly ChainStep[] }
  | { readonly ok: false; readonly reason: ChainFault };

export interface ChainOptions {
  readonly nowMs: number;
  readonly purpose: "client";
}

/** TLS clients send two or three; the rest is for cross-signed ones. */
const intermediatesMax = 8;
/** Bounds the work of one handshake where many authorities carry one name: callers with more anchors choose before they ask. */
const signatureChecksMax = 32;
/** Extensions this file obeys, or may leave alone because nothing here looks at names. */
const understood: ReadonlySet<string> = new Set([
  extensionOid.basicConstraints,
  extensionOid.keyUsage,
  extensionOid.extendedKeyUsage,
  extensionOid.subjectAltName,
  extensionOid.subjectKeyId,
  extensionOid.authorityKeyId,
]);

/** An anchor from one certificate in PEM. Throws invalidArgument when it is not one authority's certificate with a good key. */
export function createTrustAnchor(certificatePem: string): TrustAnchor {
  const node = readCertificatePem(certificatePem, "/certificatePem");
  try {
    const fault = unfitIssuer(node.fields, 0, { nowMs: node.fields.notBeforeMs, purpose: "client" });
    if (fault !== undefined) throw invalidField("/certificatePem", `cannot be an anchor: ${fault}`);
    return node;
  } catch (error) {
    throw error instanceof DerError ? invalidField("/certificatePem", "cannot be an anchor: malformed") : error;
  }
}

/**
 * Whether a path of valid signatures and fit authorities leads from the leaf to an anchor at `nowMs`. Order of `intermediatesDer` does not
 * matter, and what is not needed is ignored once it parses. Never throws. A version 1 leaf passes (old openssl made millions); a
 * version 1 authority does not.
 */
export function verifyChain(
  leafDer: Uint8Array,
  intermediatesDer: readonly Uint8Array[],
  trustAnchors: readonly TrustAnchor[],
  options: ChainOptions,
): ChainResult {
  if (intermediatesDer.length > intermediatesMax) return { ok: false, reason: "too-many-intermediates" };
  try {
    const leaf = readNode(leafDer);
    const fault = unfitLeaf(leaf.fields, options);
    if (fault !== undefined) return { ok: false, reason: fault };
    const search: Search = {
      intermediates: intermediatesDer.map(readNode),
      anchors: trustAnchors,
      options,
      checksLeft: signatureChecksMax,
    };
    return climb(leaf, [], search);
  } catch {
    return { ok: false, reason: "malformed" };
  }
}

const readNode = (der: Uint8Array): Node => ({ fields: readCertificate(der), certificate: new X509Certificate(der) });

function unfitLeaf(fields: CertificateFields, options: ChainOptions): ChainFault | undefined {
  if (options.nowMs < fields.notBeforeMs) return "not-yet-valid";
  if (options.nowMs > fields.notAfterMs) return "expired";
  if (hasUnknownCritical(fields)) return "unknown-critical-extension";
  if (!judgePublicKey(fields.publicKeyInfo).ok) return "weak-key";
  if (readBasicConstraints(fields).ca) return "leaf-is-authority";
  const usage = readKeyUsage(fields);
  if (usage !== undefined && (usage & keyUsageBit.digitalSignature) === 0) return "wrong-key-usage";
  return servesPurpose(fields, options.purpose) ? undefined : "wrong-purpose";
}

/** `below` is how many authorities stand between this one and the leaf; self-issued ones count, which is stricter than RFC 5280 §6.1.4 (l). */
function unfitIssuer(fields: CertificateFields, below: number, options: ChainOptions): ChainFault | undefined {
  const { ca, pathLength } = readBasicConstraints(fields);
  if (!ca) return "issuer-not-authority";
  const usage = readKeyUsage(fields);
  if (usage !== undefined && (usage & keyUsageBit.keyCertSign) === 0) return "issuer-may-not-sign";
  if (pathLength !== undefined && below > pathLength) return "path-too-long";
  if (options.nowMs < fields.notBeforeMs) return "issuer-not-yet-valid";
  if (options.nowMs > fields.notAfterMs) return "issuer-expired";
  if (hasUnknownCritical(fields)) return "issuer-unknown-critical-extension";
  if (!judgePublicKey(fields.publicKeyInfo).ok) return "issuer-weak-key";
  return servesPurpose(fields, options.purpose) ? undefined : "wrong-purpose";
}

function hasUnknownCritical(fields: CertificateFields): boolean {
  for (const [id, extension] of fields.extensions) if (extension.critical && !understood.has(id)) return true;
  return false;
}

interface Search {
  readonly intermediates: readonly Node[];
  readonly anchors: readonly TrustAnchor[];
  readonly options: ChainOptions;
  checksLeft: number;
}

const toStep = ({ fields }: Node): ChainStep => ({
  fingerprintSha256: fields.fingerprintSha256,
  publicKeySha256: fields.publicKeySha256,
  serial: fields.serial,
});

/** Depth first, anchors before intermediates; `path` holds the authorities above the leaf so far, `node` last. */
function climb(node: Node, path: readonly Node[], search: Search): ChainResult {
  // The algorithm in `node` is the one its issuer signed it with.
  if (!isAllowedSignatureAlgorithm(node.fields.signatureAlgorithm)) return { ok: false, reason: "weak-signature" };
  let reason: ChainFault = "unknown-issuer";
  const unused = search.intermediates.filter((candidate) => !path.includes(candidate) && candidate !== node);
  for (const candidate of [...search.anchors, ...unused]) {
    if (!looksLikeIssuer(candidate.fields, node.fields)) continue;
    if (search.checksLeft-- === 0) return { ok: false, reason: "too-many-candidates" };
    if (!node.certificate.verify(candidate.certificate.publicKey)) {
      if (reason === "unknown-issuer") reason = "bad-signature";
      continue;
    }
    const fault = unfitIssuer(candidate.fields, path.length, search.options);
    if (fault !== undefined) {
      reason = fault;
      continue;
    }
    const longer = [...path, candidate];
    if (search.anchors.includes(candidate)) return { ok: true, anchor: candidate, path: longer.map(toStep) };
    const result = climb(candidate, longer, search);
    if (result.ok || result.reason === "too-many-candidates") return result;
    reason = result.reason;
  }
  return { ok: false, reason };
}

/** Same name octet for octet (RFC 5280 §4.1.2.4 asks issuers to copy it so) and, where both tell, the same key id. */
function looksLikeIssuer(issuer: CertificateFields, issued: CertificateFields): boolean {
  if (Buffer.compare(issuer.subject, issued.issuer) !== 0) return false;
  const claimed = readAuthorityKeyId(issued);
  const own = readSubjectKeyId(issuer);
  return claimed === undefined || own === undefined || claimed === own;
}
