import type { AccessApi, Caller, SignatureProof } from "@mooring/contracts";

/** How who signs on proves who it is. */
export type Proof = { readonly apiKey: string } | SignatureProof;

/** Who signs on, and for which subscription. */
export interface SignOn {
  readonly subscription: string;
  readonly proof: Proof;
  /** The user name has Alibaba's form: its clients put anything into a link's source address. */
  readonly anyAddress: boolean;
  /** Bodies are wanted as base64. */
  readonly isBase64: boolean;
}

const subscriptionPattern = /^[A-Za-z0-9_.-]{1,64}$/;
const passwordPattern = /^[\x21-\x7e]{1,200}$/;
const alibabaPattern = /^[^|]{1,256}\|([^|]+)\|$/;
/** An API key begins so, and base64 has no underscore. */
const apiKeyPrefix = "mk_";

/**
 * The response of SASL PLAIN (RFC 4616 §2): `[authzid] NUL user name NUL password`. The user name is the subscription's name, or has Alibaba's
 * form `${clientId}|authMode=aksign,signMethod=…,timestamp=…,authId=…,consumerGroupId=${subscription},…|` (Wire formats §2.12). The password is an API
 * key in both; in Alibaba's form it may also be what its clients send, a signature made with an access key. Undefined when it is none of that; acting
 * for somebody else (authzid) is not possible.
 */
export function parsePlain(response: unknown): SignOn | undefined {
  if (!(response instanceof Uint8Array)) return undefined;
  const [authzid, username, password, ...more] = new TextDecoder().decode(response).split("\0");
  if (username === undefined || password === undefined || more.length > 0) return undefined;
  if ((authzid !== "" && authzid !== username) || !passwordPattern.test(password)) return undefined;
  const text = alibabaPattern.exec(username)?.[1];
  if (text === undefined) return signOnOf(username, { apiKey: password }, undefined);
  const parameters = parseParameters(text);
  if (parameters === undefined) return undefined;
  const proof = password.startsWith(apiKeyPrefix) ? { apiKey: password } : signatureOf(parameters, password);
  return proof === undefined ? undefined : signOnOf(parameters.get("consumerGroupId"), proof, parameters);
}

/** Asks `access` who this is. Throws `unauthenticated`. */
export function authenticateProof(
  access: Pick<AccessApi, "authenticateKey" | "authenticateSignature">,
  self: Caller,
  proof: Proof,
): Promise<Caller> {
  return "apiKey" in proof ? access.authenticateKey(self, { secret: proof.apiKey }) : access.authenticateSignature(self, proof);
}

function signOnOf(subscription: string | undefined, proof: Proof, parameters: ReadonlyMap<string, string> | undefined): SignOn | undefined {
  if (subscription === undefined || !subscriptionPattern.test(subscription)) return undefined;
  return { subscription, proof, anyAddress: parameters !== undefined, isBase64: parameters?.get("encode") === "base64" };
}

/** `name=value,…`. Undefined when a name comes twice: which one would be signed? */
function parseParameters(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  for (const parameter of text.split(",")) {
    const at = parameter.indexOf("=");
    const name = at === -1 ? parameter : parameter.slice(0, at);
    if (parameters.has(name)) return undefined;
    parameters.set(name, at === -1 ? "" : parameter.slice(at + 1));
  }
  return parameters;
}

function signatureOf(parameters: ReadonlyMap<string, string>, signature: string): SignatureProof | undefined {
  const [mode, method, authId, timestamp] = ["authMode", "signMethod", "authId", "timestamp"].map((name) => parameters.get(name));
  if (mode !== "aksign" || method === undefined || authId === undefined || timestamp === undefined) return undefined;
  return { authId, content: `authId=${authId}&timestamp=${timestamp}`, signature, method };
}

/** Whether a link's source address means the subscription that the connection signed on for. */
export function isOwnAddress(signOn: SignOn, address: unknown): boolean {
  if (signOn.anyAddress || address === undefined || address === null || address === "") return true;
  return address === "default" || address === signOn.subscription;
}
