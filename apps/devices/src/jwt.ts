// JSON Web Tokens (RFC 7519) as devices sign on with them: what they must say, and by whom it was signed. Pure.
//
//   header   {"alg":"EdDSA"|"ES256","kid":"{key id}"}                         kid only where a device has several keys
//   claims   {"sub":"{deviceName}&{productKey}","aud":"{productKey}","exp":…}  exp at most 24 h ahead; iat and nbf are obeyed where they are
import { createPublicKey, verify } from "node:crypto";
import { type DeviceAddress, deviceNamePattern, productKeyPattern } from "@mooring/contracts";

/** A header, a dozen claims and 64 bytes of signature take a quarter of that. */
const charactersMax = 4_096;
/** How far a device's clock may be off. */
const skewS = 60;
const lifetimeSMax = 86_400;

export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What was signed. */
  readonly signed: string;
  readonly signature: Buffer;
}

/** Undefined for what is no token in compact form, and for one that wants extensions understood (`crit`), of which there are none. */
export function parseJwt(text: unknown): Jwt | undefined {
  if (typeof text !== "string" || text.length > charactersMax) return undefined;
  const [, signed = "", head = "", body = "", signature = ""] = /^(([\w-]+)\.([\w-]+))\.([\w-]+)$/.exec(text) ?? [];
  const [header, claims] = [parseObject(head), parseObject(body)];
  if (header === undefined || claims === undefined || "crit" in header || "b64" in header) return undefined;
  return { header, claims, signed, signature: Buffer.from(signature, "base64url") };
}

function parseObject(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The device a token is about: `sub` names it, alone or together with its product, which otherwise is the audience. */
export function subjectOf({ claims: { sub, aud } }: Jwt): DeviceAddress | undefined {
  if (typeof sub !== "string") return undefined;
  const at = sub.lastIndexOf("&");
  const deviceName = at === -1 ? sub : sub.slice(0, at);
  const productKey = at === -1 ? aud : sub.slice(at + 1);
  if (typeof productKey !== "string" || !productKeyPattern.test(productKey) || !deviceNamePattern.test(deviceName)) return undefined;
  return { productKey, deviceName };
}

/** Why the token does not hold at this time or for this device, if so. */
export function faultOf(
  { claims }: Jwt,
  expected: { readonly productKey: string; readonly tenantId: string },
  nowMs: number,
): string | undefined {
  const { aud, exp, iat, nbf } = claims;
  if (aud !== expected.productKey && aud !== expected.tenantId) return "wrong-audience";
  if (!isTime(exp)) return "no-expiry";
  const nowS = nowMs / 1_000;
  const [madeS, fromS] = [iat ?? nowS, nbf ?? 0];
  if (!isTime(madeS) || !isTime(fromS)) return "malformed";
  if (nowS >= exp + skewS) return "expired";
  if (Math.max(madeS, fromS) > nowS + skewS) return "not-yet-valid";
  // From when it was made, where it says so, and never from later than now: a token made for next year is no short one.
  if (exp - Math.min(madeS, nowS) > lifetimeSMax + skewS) return "too-long";
  return undefined;
}

/** When the token is over for good, by our clock. */
export function validUntilMsOf({ claims }: Jwt): number {
  return (Number(claims["exp"]) + skewS) * 1_000;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 1e11;
}

/** How a public key's tokens are signed; undefined for keys that are not taken. */
export function algorithmOf(publicKeyPem: string): "EdDSA" | "ES256" | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(publicKeyPem);
  if (type === "ed25519") return "EdDSA";
  return type === "ec" && details?.namedCurve === "prime256v1" ? "ES256" : undefined;
}

/** The key says which algorithm it is for; what the token says must be the same, or it could choose a weaker one (RFC 8725 §3.1). */
export function isSignedBy({ header, signed, signature }: Jwt, key: { readonly algorithm: string; readonly pem: string }): boolean {
  if (header["alg"] !== key.algorithm || signature.length !== 64) return false;
  const publicKey = createPublicKey(key.pem);
  if (key.algorithm === "EdDSA") return verify(null, Buffer.from(signed), publicKey, signature);
  return verify("sha256", Buffer.from(signed), { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}
