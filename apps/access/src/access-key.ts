// Access keys: a name and a secret that the caller never sends, but signs with, as clients of Alibaba's server-side subscription do (Wire formats §2.12).
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { SignatureProof } from "@mooring/contracts";

const idPattern = /^MK[0-9A-F]{24}$/;
/** `authId=…&timestamp=…`: two names, an id and a time. */
const contentPattern = /^authId=([A-Za-z0-9]{1,64})&timestamp=(\d{1,15})$/;
const signaturePattern = /^[A-Za-z0-9+/]{22,43}={0,2}$/;
/** Clients write the method's name as they like. */
const digests: Readonly<Record<string, string>> = { hmacsha1: "sha1", hmacsha256: "sha256", hmacmd5: "md5" };
const dayMs = 86_400_000;
/** Clocks of back ends are not ours; a signature may not be made for a far future. */
const aheadMsMax = dayMs;
/** Alibaba's example for Go sends the milliseconds of the current second: no time at all. */
const noTimeBelowMs = 1_000;

export interface NewAccessKey {
  readonly id: string;
  readonly secret: string;
}

/** Letters and digits only: the id stands in a user name between commas. The secret has a prefix by which scanners for leaked secrets can know it. */
export function createAccessKey(): NewAccessKey {
  return { id: `MK${randomBytes(12).toString("hex").toUpperCase()}`, secret: `mks_${randomBytes(32).toString("base64url")}` };
}

/** What a sealed secret is bound to. */
export function accessKeyPlace(key: { readonly tenantId: string; readonly id: string }): string {
  return `tenant/${key.tenantId}/api-key/${key.id}/access-key`;
}

/** The access key that a proof speaks of; undefined for what cannot be a proof. */
export function accessKeyIdOf({ authId, content, signature, method }: SignatureProof): string | undefined {
  const texts: readonly unknown[] = [authId, content, signature, method];
  if (!texts.every((text) => typeof text === "string") || !idPattern.test(authId) || !signaturePattern.test(signature)) return undefined;
  return contentPattern.exec(content)?.[1] === authId && digestOf(method) !== undefined ? authId : undefined;
}

/** Takes the same time wherever the signature is wrong. As text: a signature has one form. */
export function isSignedWith(secret: Uint8Array, { content, signature, method }: SignatureProof): boolean {
  const hmac = createHmac(digestOf(method) ?? "sha256", secret).update(content);
  const [expected, given] = [Buffer.from(hmac.digest("base64")), Buffer.from(signature)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * Whether a signature is of an age at which it is taken. Clients sign when they begin, and connect again with the same signature for as long as they run,
 * so what is bounded is only that one that leaked does not hold for ever.
 */
export function isFresh({ content }: SignatureProof, nowMs: number, daysMax: number): boolean {
  const signedAtMs = Number(contentPattern.exec(content)?.[2]);
  return signedAtMs < noTimeBelowMs || (signedAtMs <= nowMs + aheadMsMax && signedAtMs >= nowMs - daysMax * dayMs);
}

function digestOf(method: string): string | undefined {
  const name = method.toLowerCase();
  return Object.hasOwn(digests, name) ? digests[name] : undefined;
}
