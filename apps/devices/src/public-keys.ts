import { createHash, createPublicKey } from "node:crypto";
import { assertMay, type Caller, type Device, type DeviceAddress, type DeviceApi, invalidField, PlatformError } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { noDevice, parseAddress, tenantOf } from "./input.ts";
import { algorithmOf } from "./jwt.ts";
import type { DeviceStore } from "./ports.ts";
import type { PublicKeyStore, StoredPublicKey } from "./secret-ports.ts";

export type PublicKeyOperations = Pick<DeviceApi, "addPublicKey" | "listPublicKeys" | "deletePublicKey">;

export interface PublicKeyDeps {
  readonly devices: DeviceStore;
  readonly publicKeys: PublicKeyStore;
  readonly clock: Clock;
}

/** The one in use, the next, and room for mistakes. */
export const publicKeysMax = 5;
const pemCharactersMax = 4_096;

export function createPublicKeyOperations({ devices, publicKeys, clock }: PublicKeyDeps): PublicKeyOperations {
  async function getDevice(caller: Caller, address: DeviceAddress): Promise<Device> {
    const device = await devices.find({ tenantId: tenantOf(caller) }, parseAddress(address));
    if (device === undefined) throw noDevice();
    return device;
  }

  return {
    async addPublicKey(caller, request) {
      assertMay(caller, "devices.addPublicKey");
      const device = await getDevice(caller, request);
      const outcome = await publicKeys.insert(device, parseKey(request.publicKeyPem, clock.now()), publicKeysMax);
      if (outcome === "gone") throw noDevice();
      if (outcome === "limit")
        throw new PlatformError("quotaExceeded", `a device has at most ${publicKeysMax} public keys; delete one first`);
      return outcome;
    },

    async listPublicKeys(caller, request) {
      assertMay(caller, "devices.listPublicKeys");
      const { deviceId } = await getDevice(caller, request);
      return { keys: await publicKeys.list(deviceId) };
    },

    async deletePublicKey(caller, request) {
      assertMay(caller, "devices.deletePublicKey");
      const device = await getDevice(caller, request);
      const { keyId } = request;
      const isThere = typeof keyId === "string" && /^[0-9a-f]{64}$/.test(keyId) && (await publicKeys.delete(device, keyId));
      if (!isThere) throw new PlatformError("notFound", "the device has no such public key");
      return {};
    },
  };
}

function parseKey(pem: unknown, createdAtMs: number): StoredPublicKey {
  const isPem = typeof pem === "string" && pem.length <= pemCharactersMax && /^\s*-----BEGIN PUBLIC KEY-----/.test(pem);
  // A private key or a certificate has a public key in it as well, and neither has any business here.
  if (!isPem) throw invalidField("/publicKeyPem", "must be a public key in PEM (SubjectPublicKeyInfo, -----BEGIN PUBLIC KEY-----)");
  try {
    const spki = createPublicKey(pem).export({ type: "spki", format: "der" });
    const algorithm = algorithmOf(pem);
    if (algorithm !== undefined) {
      const canonical = createPublicKey({ key: spki, format: "der", type: "spki" }).export({ type: "spki", format: "pem" });
      return { keyId: createHash("sha256").update(spki).digest("hex"), algorithm, pem: canonical as string, createdAtMs };
    }
  } catch (cause) {
    throw new PlatformError("invalidArgument", "/publicKeyPem: is no public key that can be read", {
      issues: [{ pointer: "/publicKeyPem", message: "is no public key that can be read" }],
      cause,
    });
  }
  throw invalidField("/publicKeyPem", "must be an Ed25519 or a P-256 key");
}
