// What a stored secret is good for: which versions hold when, and what they sign. Pure but for unsealing.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Sealer } from "@mooring/pki";
import type { StoredSecret } from "./secret-ports.ts";

const digests: Readonly<Record<string, string>> = { hmacsha256: "sha256", hmacsha1: "sha1", hmacmd5: "md5" };

/** Undefined for what is no method of signing. */
export function digestOf(signMethod: unknown): string | undefined {
  const name = typeof signMethod === "string" ? signMethod.toLowerCase() : "";
  return Object.hasOwn(digests, name) ? digests[name] : undefined;
}

export function isHexSignature(signature: unknown): signature is string {
  return typeof signature === "string" && /^[0-9a-fA-F]{1,128}$/.test(signature);
}

/** A version of a secret that is good now. */
export interface GoodSecret {
  readonly version: number;
  readonly sealed: string;
  /** Absent for the newest. */
  readonly validUntilMs?: number;
}

/** The versions that are good, newest first. */
export function goodSecrets({ sealed, version, previous }: StoredSecret, nowMs: number): readonly GoodSecret[] {
  const newest = sealed === undefined ? [] : [{ version, sealed }];
  if (previous === undefined || nowMs >= previous.untilMs) return newest;
  return [...newest, { version: previous.version, sealed: previous.sealed, validUntilMs: previous.untilMs }];
}

export interface Signed {
  readonly digest: string;
  /** Any one of these. */
  readonly contents: readonly string[];
  readonly signature: string;
}

/** The key is the secret as it was shown: its hex digits, not the bytes they stand for. */
export function isSignature(secret: Buffer, { digest, contents, signature }: Signed): boolean {
  const given = Buffer.from(signature, "hex");
  let fits = false;
  // All of them are looked at, so that the time tells nothing about which one it is.
  for (const content of contents) {
    const expected = createHmac(digest, secret).update(content).digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) fits = true;
  }
  return fits;
}

/** The version that made the signature; undefined when none did that is good. */
export function findSigner(
  stored: StoredSecret,
  place: (version: number) => string,
  signed: Signed,
  { sealer, nowMs }: Keys,
): GoodSecret | undefined {
  return goodSecrets(stored, nowMs).find(({ sealed, version }) => isSignature(sealer.unseal(sealed, place(version)), signed));
}

export interface Keys {
  readonly sealer: Sealer;
  readonly nowMs: number;
}
