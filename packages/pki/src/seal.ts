// Secrets at rest: AES-256-GCM under a key-encryption key, bound to the place they belong to.
//
//   mooring-sealed.v1.<key id>.<nonce>.<ciphertext and tag>        base64url; the key id is hex
//
// Everything before the nonce and the caller's associated data are authenticated, so that a sealed value cannot be moved to another
// tenant or row, nor its version be changed.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { PlatformError } from "@mooring/contracts";

export interface Sealer {
  /** Seals with the current key. `associatedData` names where the secret belongs (tenant, kind, id) and must be given again to unseal. */
  seal(secret: Uint8Array | string, associatedData: string): string;
  /** The secret. Throws `internal` with a message that tells a wrong key, a damaged or moved value, and a value that is none apart. */
  unseal(sealed: string, associatedData: string): Buffer;
  /** False when sealed with a retired key, or not a sealed value at all: then it is due to be sealed again. */
  isCurrent(sealed: string): boolean;
}

export const sealKeyBytes = 32;
/** CA keys are 2 KB at most. */
export const secretBytesMax = 64 * 1024;
const prefix = "mooring-sealed.v1";
// NIST SP 800-38D §8.2: 96 random bits are good for 2^32 seals per key, some 100 secrets for each of 40 million devices.
const nonceBytes = 12;
const tagBytes = 16;
const sealedPattern = /^(mooring-sealed\.v1)\.([0-9a-f]{16})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,90000})$/;

/** `keys` are 32 random bytes each: the current one first, then retired ones that still open what they sealed. Throws invalidArgument. */
export function createSealer(keys: readonly [Uint8Array, ...Uint8Array[]]): Sealer {
  const byId = new Map<string, Buffer>();
  for (const key of keys) {
    if (!(key instanceof Uint8Array) || key.length !== sealKeyBytes)
      throw new PlatformError("invalidArgument", `a key-encryption key has ${sealKeyBytes} bytes`);
    byId.set(keyIdOf(key), Buffer.from(key));
  }
  const currentId = keyIdOf(keys[0]);
  const currentKey = Buffer.from(keys[0]);
  return {
    seal: (secret, associatedData) => {
      const plain = Buffer.from(typeof secret === "string" ? Buffer.from(secret, "utf8") : secret);
      if (plain.length > secretBytesMax) throw new PlatformError("invalidArgument", `a secret has at most ${secretBytesMax} bytes`);
      const header = `${prefix}.${currentId}`;
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", currentKey, nonce, { authTagLength: tagBytes });
      cipher.setAAD(bind(header, associatedData));
      const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `${header}.${nonce.toString("base64url")}.${body.toString("base64url")}`;
    },
    unseal: (sealed, associatedData) => {
      const [, version = "", keyId = "", nonce = "", body = ""] = sealedPattern.exec(sealed) ?? [];
      if (version === "") throw new PlatformError("internal", "not a sealed value of a known version");
      const key = byId.get(keyId);
      if (key === undefined) throw new PlatformError("internal", `sealed with key ${keyId}, which is not among the configured keys`);
      return open(key, Buffer.from(nonce, "base64url"), Buffer.from(body, "base64url"), bind(`${version}.${keyId}`, associatedData));
    },
    isCurrent: (sealed) => sealedPattern.exec(sealed)?.[2] === currentId,
  };
}

/** Tells keys apart without telling anything about them: a one-way function of 256 random bits. */
const keyIdOf = (key: Uint8Array): string => createHmac("sha256", key).update("mooring key id").digest("hex").slice(0, 16);

/** The header has no newline, so header and data cannot run into each other. */
const bind = (header: string, associatedData: string): Buffer => Buffer.from(`${header}\n${associatedData}`, "utf8");

function open(key: Buffer, nonce: Buffer, body: Buffer, associatedData: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associatedData);
  decipher.setAuthTag(body.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(body.subarray(0, -tagBytes)), decipher.final()]);
  } catch (cause) {
    throw new PlatformError("internal", "the sealed value is damaged or belongs somewhere else", { cause });
  }
}
