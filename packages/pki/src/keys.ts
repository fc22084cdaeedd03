// Which keys and signature algorithms are good enough, and how a key signs.
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign, verify, type webcrypto } from "node:crypto";
import { promisify } from "node:util";
import { derTag, oid, readBits, readChildren, readDer, sequence } from "./der.ts";

export type KeyKind = "ec-p256" | "ec-p384" | "ec-p521" | "rsa" | "ed25519";
/** Keys made here. RSA only for servers whose clients know nothing else. */
export type GeneratedKeyType = "ec-p256" | "ec-p384" | "rsa-3072";

export type KeyVerdict =
  | { readonly ok: true; readonly kind: KeyKind; readonly key: KeyObject }
  | { readonly ok: false; readonly message: string };

// The whole AlgorithmIdentifier is compared, so that explicit curve parameters (CVE-2020-0601) and RSA-PSS restrictions never pass.
const kindByAlgorithm: ReadonlyMap<string, KeyKind> = new Map([
  ["301306072a8648ce3d020106082a8648ce3d030107", "ec-p256"],
  ["301006072a8648ce3d020106052b81040022", "ec-p384"],
  ["301006072a8648ce3d020106052b81040023", "ec-p521"],
  ["300d06092a864886f70d0101010500", "rsa"],
  ["300506032b6570", "ed25519"],
]);

/** NIST SP 800-57 part 1, table 2: 112 bits of strength. The upper end bounds what one verification may cost. */
const rsaBits = { min: 2048, max: 8192 } as const;
/** FIPS 186-5 §A.1.1: 2^16 < e < 2^256, odd. */
const rsaExponent = { min: 65537n, max: 2n ** 256n } as const;

/** Judges a SubjectPublicKeyInfo. Throws DerError when it is not DER; every other fault is in the verdict, in words for people. */
export function judgePublicKey(publicKeyInfo: Uint8Array): KeyVerdict {
  const [algorithm, bits] = readChildren(readDer(publicKeyInfo, derTag.sequence));
  const kind = kindByAlgorithm.get(Buffer.from(algorithm?.raw ?? []).toString("hex"));
  if (kind === undefined) return { ok: false, message: "key type is not one of EC P-256, EC P-384, RSA or Ed25519" };
  // RFC 5480 §2.2: only the uncompressed form must be understood by everyone.
  if (kind.startsWith("ec-") && readBits(bits)[0] !== 4) return { ok: false, message: "EC point must be in the uncompressed form" };
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(publicKeyInfo), format: "der", type: "spki" });
  } catch {
    return { ok: false, message: "key is damaged" };
  }
  const message = kind === "rsa" ? rsaFault(key) : undefined;
  return message === undefined ? { ok: true, kind, key } : { ok: false, message };
}

function rsaFault(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < rsaBits.min || modulusLength > rsaBits.max)
    return `RSA key of ${modulusLength} bits is not within ${rsaBits.min} to ${rsaBits.max}`;
  if (publicExponent < rsaExponent.min || publicExponent >= rsaExponent.max || publicExponent % 2n === 0n) {
    return "RSA public exponent must be odd, at least 65537 and below 2^256";
  }
  return undefined;
}

interface SignatureAlgorithm {
  readonly hash: string | null;
  readonly keys: "ec" | "rsa" | "ed25519";
  readonly parameters: "none" | "null";
}

/** By OID. MD5, SHA-1 and RSA-PSS (whose parameters could name SHA-1 again) are not in it, and so refused. */
const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map<string, SignatureAlgorithm>([
  ["1.2.840.10045.4.3.2", { hash: "sha256", keys: "ec", parameters: "none" }],
  ["1.2.840.10045.4.3.3", { hash: "sha384", keys: "ec", parameters: "none" }],
  ["1.2.840.10045.4.3.4", { hash: "sha512", keys: "ec", parameters: "none" }],
  ["1.2.840.113549.1.1.11", { hash: "sha256", keys: "rsa", parameters: "null" }],
  ["1.2.840.113549.1.1.12", { hash: "sha384", keys: "rsa", parameters: "null" }],
  ["1.2.840.113549.1.1.13", { hash: "sha512", keys: "rsa", parameters: "null" }],
  ["1.3.101.112", { hash: null, keys: "ed25519", parameters: "none" }],
]);

export const isAllowedSignatureAlgorithm = (algorithm: string): boolean => signatureAlgorithms.has(algorithm);

/** Whether `signature` over `data` is the key's, made with an allowed algorithm that fits the key. Does not throw. */
export function verifySignature(algorithm: string, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const known = signatureAlgorithms.get(algorithm);
  if (known === undefined || key.asymmetricKeyType !== known.keys) return false;
  try {
    return verify(known.hash, data, key, signature);
  } catch {
    return false;
  }
}

const generate = promisify(generateKeyPair);

/** A fresh private key. */
export async function createPrivateKeyOf(type: GeneratedKeyType): Promise<KeyObject> {
  if (type === "rsa-3072") return (await generate("rsa", { modulusLength: 3072, publicExponent: 65537 })).privateKey;
  return (await generate("ec", { namedCurve: type === "ec-p384" ? "P-384" : "P-256" })).privateKey;
}

export const exportPrivateKeyPem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
export const exportPublicKeyInfo = (privateKey: KeyObject): Buffer => createPublicKey(privateKey).export({ type: "spki", format: "der" });
export const importPrivateKeyPem = (pem: string): KeyObject => createPrivateKey({ key: pem, format: "pem" });

/** The algorithm a key signs with here: SHA-256, and SHA-384 on the two larger curves. */
export function signatureAlgorithmOf(kind: KeyKind): string {
  if (kind === "ed25519") return "1.3.101.112";
  if (kind === "rsa") return "1.2.840.113549.1.1.11";
  return kind === "ec-p256" ? "1.2.840.10045.4.3.2" : "1.2.840.10045.4.3.3";
}

/** The AlgorithmIdentifier element (RFC 5758 §3.2, RFC 4055 §5: NULL for RSA, nothing for the others). */
export function algorithmIdentifier(algorithm: string): Buffer {
  const nothing = signatureAlgorithms.get(algorithm)?.parameters === "none";
  return nothing ? sequence(oid(algorithm)) : sequence(oid(algorithm), Buffer.from([0x05, 0x00]));
}

/** Signs `data` with an algorithm that `signatureAlgorithmOf` named for this key. */
export const signWith = (algorithm: string, key: KeyObject, data: Uint8Array): Buffer =>
  sign(signatureAlgorithms.get(algorithm)?.hash ?? null, data, key);

const webAlgorithms = {
  "ec-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "ec-p384": { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  "ec-p521": { name: "ECDSA", namedCurve: "P-521", hash: "SHA-384" },
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const satisfies Readonly<Record<KeyKind, webcrypto.Algorithm & { readonly namedCurve?: string; readonly hash?: string }>>;

/** The same key and the same algorithm as `signatureAlgorithmOf`, for WebCrypto. The key cannot be taken out of it again. */
export function toSigningKey(kind: KeyKind, key: KeyObject) {
  const algorithm = webAlgorithms[kind];
  return { key: key.toCryptoKey(algorithm, false, ["sign"]), algorithm };
}
