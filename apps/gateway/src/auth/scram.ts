// SCRAM-SHA-256 as a server (RFC 5802, RFC 7677), without channel binding: the four messages, and no state but what they carry. Pure.
//
//   client-first   n,,n={user},r={nonce}                  server-first  r={nonce}{ours},s={salt},i={iterations}
//   client-final   c=biws,r={nonce}{ours},p={proof}       server-final  v={signature}
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Longest message taken: names and nonces are short. */
const messageBytesMax = 1_024;

export interface ClientFirst {
  readonly user: string;
  readonly nonce: string;
  /** The message without its GS2 header. */
  readonly bare: string;
  /** The header, which the client says again in its final message. */
  readonly header: string;
}

/**
 * Undefined for what is no client-first-message, asks for channel binding, for which there is none, or wants to be let in as somebody else than who
 * proves itself (RFC 5802 s5.1, "a").
 */
export function parseClientFirst(data: Uint8Array): ClientFirst | undefined {
  const match = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]{8,256})(?:,.*)?)$/s.exec(textOf(data));
  if (match === null) return undefined;
  const [, header = "", wanted = "", bare = "", name = "", nonce = ""] = match;
  if (wanted !== "" && wanted !== name) return undefined;
  const user = name.replaceAll("=2C", ",").replaceAll("=3D", "=");
  return { user, nonce, bare, header };
}

export interface Challenge {
  readonly first: ClientFirst;
  /** The server-first-message. */
  readonly text: string;
  readonly nonce: string;
}

/** `ourNonce` is fresh and random, of printable characters without a comma. */
export function createChallenge(first: ClientFirst, salt: Uint8Array, iterations: number, ourNonce: string): Challenge {
  const nonce = first.nonce + ourNonce;
  return { first, nonce, text: `r=${nonce},s=${Buffer.from(salt).toString("base64")},i=${iterations}` };
}

export interface StoredKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The server-final-message when the client has proved that it knows the password; undefined when it has not. */
export function verifyProof({ first, text, nonce }: Challenge, data: Uint8Array, { storedKey, serverKey }: StoredKeys): Buffer | undefined {
  const match = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s.exec(textOf(data));
  if (match === null) return undefined;
  const [, withoutProof = "", binding = "", said = "", proofText = ""] = match;
  if (said !== nonce || Buffer.from(binding, "base64").toString("latin1") !== first.header) return undefined;
  const proof = Buffer.from(proofText, "base64");
  const authMessage = `${first.bare},${text},${withoutProof}`;
  const signature = createHmac("sha256", storedKey).update(authMessage).digest();
  if (proof.length !== signature.length) return undefined;
  const clientKey = Buffer.alloc(signature.length);
  for (let at = 0; at < signature.length; at++) clientKey[at] = (proof[at] as number) ^ (signature[at] as number);
  if (!timingSafeEqual(createHash("sha256").update(clientKey).digest(), storedKey)) return undefined;
  return Buffer.from(`v=${createHmac("sha256", serverKey).update(authMessage).digest("base64")}`);
}

function textOf(data: Uint8Array): string {
  return data.length > messageBytesMax ? "" : Buffer.from(data).toString("utf8");
}
