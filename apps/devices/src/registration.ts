// Devices that fetch by themselves what they sign on with, by their product's secret (wire formats §2.3).
//
//   register   the device was created before, and has neither an operator's credential nor been here: it gets a secret
//   regnwl     the device need not exist: it is made, within the product's limit, and gets a client id and a token
//
// Either may be repeated until the device has signed on for the first time, since an answer may be lost on the way; what was given before is then
// void. After that nobody who merely knows the product's secret can take the device over.
import { randomBytes, randomUUID } from "node:crypto";
import {
  assertMay,
  type DeviceApi,
  deviceNamePattern,
  productKeyPattern,
  type RegisteredDevice,
  type RegistrationProof,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { Sealer } from "@mooring/pki";
import { hashToken } from "./secret-authentication.ts";
import { productSecretPlace, secretPlace } from "./secret-place.ts";
import type { Enrolment, RegistrationCredential, SecretStore } from "./secret-ports.ts";
import { digestOf, findSigner, isHexSignature } from "./secret-rules.ts";
import { createSecret } from "./secrets.ts";
import { type Conclude, type Refused, suspendedReason } from "./verdict.ts";

export interface RegistrationDeps {
  readonly secrets: SecretStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

const randomCharactersMax = 256;

export function createRegistration({ secrets, sealer, clock }: RegistrationDeps, conclude: Conclude): Pick<DeviceApi, "registerDevice"> {
  async function register(proof: RegistrationProof): Promise<RegisteredDevice | Refused> {
    const { productKey, deviceName } = proof;
    const product = await secrets.findRegistration(productKey);
    if (product === undefined) return { refused: "unknown" };
    const refused = judge(product, proof, { sealer, clock });
    if (refused !== undefined) return refused;
    const address = { productKey, deviceName };
    const { enrolment, given } = proof.way === "register" ? newSecret(sealer) : newToken(clock.now());
    const outcome = await secrets.enrol(product, address, enrolment);
    return outcome === "enrolled" ? { ...address, ...given } : { refused: outcome };
  }

  return {
    async registerDevice(caller, proof) {
      assertMay(caller, "devices.registerDevice");
      const { productKey, deviceName, origin } = proof;
      if (!isProof(proof)) return conclude("registration", { refused: "malformed" }, { origin });
      return conclude("registration", await register(proof), { device: { productKey, deviceName }, origin });
    },
  };
}

function newSecret(sealer: Sealer): { readonly enrolment: Enrolment; readonly given: object } {
  const deviceSecret = createSecret();
  return {
    enrolment: { kind: "secret", seal: (device, version) => sealer.seal(deviceSecret, secretPlace(device, version)) },
    given: { deviceSecret },
  };
}

function newToken(nowMs: number): { readonly enrolment: Enrolment; readonly given: object } {
  const clientId = randomUUID().replaceAll("-", "");
  const deviceToken = randomBytes(32).toString("base64url");
  return { enrolment: { kind: "token", tokenHash: hashToken(clientId, deviceToken), nowMs }, given: { clientId, deviceToken } };
}

function isProof(proof: RegistrationProof): boolean {
  const { productKey, deviceName, way, signMethod, random, signature } = proof;
  if ([productKey, deviceName, way, random].some((part) => typeof part !== "string")) return false;
  if (!productKeyPattern.test(productKey) || !deviceNamePattern.test(deviceName) || !["register", "regnwl"].includes(way)) return false;
  return random.length >= 1 && random.length <= randomCharactersMax && digestOf(signMethod) !== undefined && isHexSignature(signature);
}

/** Why the product does not let this one register, if so. */
function judge(product: RegistrationCredential, proof: RegistrationProof, { sealer, clock }: Pick<RegistrationDeps, "sealer" | "clock">) {
  const { registration, secretAuthentication, legacySignatures, secret } = product;
  if (!secretAuthentication) return { refused: "secrets-not-allowed" };
  if (registration !== "open" && !(registration === "known" && proof.way === "register")) return { refused: "registration-off" };
  if (secret.sealed === undefined) return { refused: "no-product-secret" };
  const digest = digestOf(proof.signMethod);
  if (digest === undefined) return { refused: "malformed" };
  if (digest === "md5" && !legacySignatures) return { refused: "legacy-not-allowed" };
  const contents = [`deviceName${proof.deviceName}productKey${proof.productKey}random${proof.random}`];
  const place = (version: number): string => productSecretPlace(product, version);
  const signer = findSigner(secret, place, { digest, contents, signature: proof.signature }, { sealer, nowMs: clock.now() });
  if (signer === undefined) return { refused: "wrong-product-signature" };
  return product.isSuspended ? { refused: suspendedReason } : undefined;
}
