import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { createServerCertificate, type SigningAuthority } from "@mooring/pki";
import { publicMode, readText, replaceFile, secretMode } from "./files.ts";

export interface Leaf {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Host names, service names and IP addresses. */
  readonly names: readonly string[];
  readonly clientAuth: boolean;
}

const dayMs = 86_400_000;
/** Below the 825 days that some verifiers accept at most. */
const leafDays = 820;
/** A certificate that ends sooner is made anew. */
export const renewMs = 30 * dayMs;

/** The certificate of the files as it stands, or undefined when there is none that can be read. */
export async function readLeaf(certificateFile: string): Promise<X509Certificate | undefined> {
  const pem = await readText(certificateFile);
  if (pem === undefined) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** Whether the authority's key has signed it: a name alone proves nothing, since authorities made anew carry the same one. */
export function isIssuedBy(certificate: X509Certificate, authority: SigningAuthority): boolean {
  return certificate.verify(new X509Certificate(authority.certificatePem).publicKey);
}

/** Makes certificate and key unless they are there, belong together, name exactly `names`, and last. True when they were made. */
export async function ensureLeaf(authority: SigningAuthority, leaf: Leaf, nowMs: number): Promise<boolean> {
  if (await isGood(authority, leaf, nowMs)) return false;
  const made = await createServerCertificate(authority, {
    dnsNames: leaf.names.filter((name) => isIP(name) === 0),
    ipAddresses: leaf.names.filter((name) => isIP(name) !== 0),
    clientAuth: leaf.clientAuth,
    validityDays: leafDays,
    nowMs,
  });
  // A process that dies in between leaves two that do not belong together, which the next run mends.
  await replaceFile(leaf.keyFile, made.privateKeyPem, secretMode);
  await replaceFile(leaf.certificateFile, made.chainPem, publicMode);
  return true;
}

async function isGood(authority: SigningAuthority, leaf: Leaf, nowMs: number): Promise<boolean> {
  const certificate = await readLeaf(leaf.certificateFile);
  const key = await readText(leaf.keyFile);
  if (certificate === undefined || key === undefined) return false;
  if (!isIssuedBy(certificate, authority) || !matchesKey(certificate, key)) return false;
  return Date.parse(certificate.validTo) - nowMs > renewMs && hasNames(certificate, leaf.names);
}

function matchesKey(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

function hasNames(certificate: X509Certificate, names: readonly string[]): boolean {
  const present = certificate.subjectAltName?.split(", ") ?? [];
  const has = (name: string): boolean => (isIP(name) === 0 ? present.includes(`DNS:${name}`) : certificate.checkIP(name) !== undefined);
  return present.length === names.length && names.every(has);
}
