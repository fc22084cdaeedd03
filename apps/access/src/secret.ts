import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/** 32 random bytes as 43 characters of base64url after a prefix by which scanners for leaked secrets can know them. */
const secretPattern = /^mk_[A-Za-z0-9_-]{43}$/;

/** A new API key's secret. */
export function createSecret(): string {
  return `mk_${randomBytes(32).toString("base64url")}`;
}

/** SHA-256 of a secret, or undefined for what cannot be one. 256 bits of randomness need no slow hash, and an index can find it. */
export function hashSecret(secret: unknown): Buffer | undefined {
  if (typeof secret !== "string" || !secretPattern.test(secret)) return undefined;
  return createHash("sha256").update(secret).digest();
}

/** RFC 7677's least: a secret of 256 random bits is not guessed, however fast that can be tried. */
export const scramIterations = 4_096;

/** What is stored of a secret for SCRAM-SHA-256 (RFC 5802 s3). */
export interface ScramKeys {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export function createScramKeys(secret: string): ScramKeys {
  const salt = randomBytes(16);
  const saltedPassword = pbkdf2Sync(secret, salt, scramIterations, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", saltedPassword).update(text).digest();
  return { salt, storedKey: createHash("sha256").update(hmac("Client Key")).digest(), serverKey: hmac("Server Key") };
}
