// Sign-on with what a device was given: a secret it signs with, a token, a pre-shared key, a key pair of its own.
import { createHash, timingSafeEqual } from "node:crypto";
import {
  assertMay,
  type DeviceAddress,
  type DeviceApi,
  deviceNamePattern,
  productKeyPattern,
  type SecretProof,
  type TokenProof,
} from "@mooring/contracts";
import type { AuthenticationDeps } from "./authentication.ts";
import { faultOf, isSignedBy, type Jwt, parseJwt, subjectOf, validUntilMsOf } from "./jwt.ts";
import { type PskIdentity, parsePskIdentity } from "./psk-identity.ts";
import { secretPlace } from "./secret-place.ts";
import type { KeyCredential, SecretCredential } from "./secret-ports.ts";
import { digestOf, findSigner, type GoodSecret, goodSecrets, isHexSignature, isSignature } from "./secret-rules.ts";
import { type Conclude, isRefused, judgeStatus, type Refused, type Verdict } from "./verdict.ts";

export type SecretAuthentication = Pick<DeviceApi, "authenticateSecret" | "authenticateToken" | "authenticateJwt" | "findPreSharedKey">;

/** The signed parts of a sign-on are a few names and a time; a gateway's CONNECT is 16 KB at most. */
const contentCharactersMax = 4_096;
const contentsMax = 4;

/** Every way out but one is a refusal, and whatever fails on the way (the database, a sealed value that does not open) throws. */
export function createSecretAuthentication(deps: AuthenticationDeps, conclude: Conclude): SecretAuthentication {
  const { credentials, clock } = deps;

  /** The device is known to have come; where that cannot be written it is not let in, or it could register once more. */
  async function activated(credential: SecretCredential, verdict: Verdict): Promise<Verdict> {
    if (!isRefused(verdict) && !credential.isActivated) await credentials.activate(credential.device.deviceId);
    return verdict;
  }

  return {
    async authenticateSecret(caller, proof) {
      assertMay(caller, "devices.authenticateSecret");
      const { origin } = proof;
      const device = addressOf(proof);
      if (device === undefined || !isProof(proof)) return conclude("secret", { refused: "malformed" }, { device, origin });
      const credential = await credentials.findSecret(device);
      if (credential === undefined) return conclude("secret", { refused: "unknown" }, { device, origin });
      const verdict = await activated(credential, judgeSecret(credential, proof, deps));
      return conclude("secret", verdict, { device, origin });
    },

    async authenticateToken(caller, proof) {
      assertMay(caller, "devices.authenticateToken");
      const { origin } = proof;
      const device = addressOf(proof);
      if (device === undefined || !isTokenProof(proof)) return conclude("token", { refused: "malformed" }, { device, origin });
      const credential = await credentials.findSecret(device);
      if (credential === undefined) return conclude("token", { refused: "unknown" }, { device, origin });
      const verdict = await activated(credential, judgeToken(credential, proof));
      return conclude("token", verdict, { device, origin });
    },

    async authenticateJwt(caller, { jwt: text, origin }) {
      assertMay(caller, "devices.authenticateJwt");
      const jwt = parseJwt(text);
      const device = jwt === undefined ? undefined : subjectOf(jwt);
      if (jwt === undefined || device === undefined) return conclude("jwt", { refused: "malformed" }, { origin });
      const credential = await credentials.findKeys(device);
      const verdict = credential === undefined ? { refused: "unknown" } : judgeJwt(credential, jwt, clock.now());
      return conclude("jwt", verdict, { device, origin });
    },

    async findPreSharedKey(caller, { identity, origin }) {
      assertMay(caller, "devices.findPreSharedKey");
      const parsed = parsePskIdentity(identity);
      if (parsed === undefined) return conclude("psk", { refused: "malformed" }, { origin });
      const { device } = parsed;
      const credential = await credentials.findSecret(device);
      const found = credential === undefined ? { refused: "unknown" } : findKey(credential, parsed, deps);
      return conclude("psk", found, { device, origin });
    },
  };
}

/** Undefined for names that no device can have. */
export function addressOf({ productKey, deviceName }: DeviceAddress): DeviceAddress | undefined {
  if (typeof productKey !== "string" || typeof deviceName !== "string") return undefined;
  return productKeyPattern.test(productKey) && deviceNamePattern.test(deviceName) ? { productKey, deviceName } : undefined;
}

function contentsOf({ content, otherContents = [] }: SecretProof): readonly string[] {
  return [content, ...otherContents];
}

/** Whether it can be one: nothing is looked up for it otherwise. */
export function isProof(proof: SecretProof): boolean {
  const contents = contentsOf(proof);
  const areContents = contents.every((content) => typeof content === "string" && content.length <= contentCharactersMax);
  return areContents && contents.length <= contentsMax && digestOf(proof.signMethod) !== undefined && isHexSignature(proof.signature);
}

function isTokenProof({ clientId, token }: TokenProof): boolean {
  return [clientId, token].every((part) => typeof part === "string" && part.length >= 1 && part.length <= 256);
}

/** What every sign-on with something secret stands on. */
export function judgeSecretRow(credential: SecretCredential): Refused | undefined {
  if (!credential.secretAuthentication) return { refused: "secrets-not-allowed" };
  return judgeStatus(credential.deviceStatus);
}

/** Whether the proof was made with the secret of the credential's device. */
export function judgeSecret(
  credential: SecretCredential,
  proof: SecretProof,
  { sealer, clock }: Pick<AuthenticationDeps, "sealer" | "clock">,
): Verdict {
  const refused = judgeSecretRow(credential);
  if (refused !== undefined) return refused;
  const { device, secret, legacySignatures } = credential;
  const digest = digestOf(proof.signMethod);
  if (digest === undefined) return { refused: "malformed" };
  if (digest === "md5" && !legacySignatures) return { refused: "legacy-not-allowed" };
  if (secret.sealed === undefined) return { refused: "no-secret" };
  const place = (version: number): string => secretPlace(device, version);
  const signed = { digest, contents: contentsOf(proof), signature: proof.signature };
  const signer = findSigner(secret, place, signed, { sealer, nowMs: clock.now() });
  if (signer !== undefined) return identityOf(credential, signer);
  const { previous } = secret;
  const isLate = previous !== undefined && isSignature(sealer.unseal(previous.sealed, place(previous.version)), signed);
  return isLate ? { refused: "previous-secret-over", proven: true } : { refused: "wrong-signature" };
}

function identityOf({ device }: SecretCredential, { version, validUntilMs }: GoodSecret) {
  return { device, credentialId: `secret:${version}`, ...(validUntilMs === undefined ? {} : { validUntilMs }) };
}

/** The hash that is kept of a token: of 32 random bytes, so a plain one does. */
export function hashToken(clientId: string, token: string): string {
  return createHash("sha256").update(`${clientId}\n${token}`).digest("hex");
}

function judgeToken(credential: SecretCredential, { clientId, token }: TokenProof): Verdict {
  const refused = judgeSecretRow(credential);
  if (refused !== undefined) return refused;
  const { device, tokenHash, tokenVersion } = credential;
  if (tokenHash === undefined) return { refused: "wrong-token" };
  const fits = timingSafeEqual(Buffer.from(hashToken(clientId, token)), Buffer.from(tokenHash));
  return fits ? { device, credentialId: `token:${tokenVersion}` } : { refused: "wrong-token" };
}

function judgeJwt({ device, deviceStatus, keys }: KeyCredential, jwt: Jwt, nowMs: number): Verdict {
  const { kid } = jwt.header;
  const named = keys.filter(({ keyId }) => kid === undefined || kid === keyId);
  if (named.length === 0) return { refused: "no-key" };
  const fitting = named.filter(({ algorithm }) => algorithm === jwt.header["alg"]);
  if (fitting.length === 0) return { refused: "wrong-algorithm" };
  // The signature first: who cannot sign is told apart from a device whose clock is wrong.
  const key = fitting.find((candidate) => isSignedBy(jwt, candidate));
  if (key === undefined) return { refused: "no-key" };
  const fault = faultOf(jwt, device, nowMs);
  if (fault !== undefined) return { refused: fault, proven: true };
  const refused = judgeStatus(deviceStatus);
  if (refused !== undefined) return { ...refused, proven: true };
  return { device, credentialId: `key:${key.keyId}`, validUntilMs: validUntilMsOf(jwt) };
}

/**
 * One identity has one key, so while two secrets are good the identity must say which: plain, it is the older one, which is what a device has
 * that was not told of the new one yet.
 */
function findKey(credential: SecretCredential, { version, keyFrom }: PskIdentity, { sealer, clock }: AuthenticationDeps) {
  const refused = judgeSecretRow(credential);
  if (refused !== undefined) return refused;
  const good = goodSecrets(credential.secret, clock.now());
  const chosen = version === undefined ? good.at(-1) : good.find((candidate) => candidate.version === version);
  if (chosen === undefined) return { refused: "no-secret" };
  const key = keyFrom(sealer.unseal(chosen.sealed, secretPlace(credential.device, chosen.version)));
  return { identity: identityOf(credential, chosen), key };
}
