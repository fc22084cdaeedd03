import { randomBytes } from "node:crypto";
import {
  assertMay,
  type Caller,
  type DeviceAddress,
  type DeviceApi,
  invalidField,
  type NewSecret,
  PlatformError,
  type Product,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { Sealer } from "@mooring/pki";
import { noDevice, noProduct, parseAddress, parseProductKey, tenantOf } from "./input.ts";
import type { DeviceStore, ProductStore } from "./ports.ts";
import { productSecretPlace, secretPlace } from "./secret-place.ts";
import type { Rotated, SecretStore } from "./secret-ports.ts";

export type SecretOperations = Pick<DeviceApi, "createDeviceSecret" | "rotateDeviceSecret" | "createProductSecret">;

export interface SecretDeps {
  readonly products: ProductStore;
  readonly devices: DeviceStore;
  readonly secrets: SecretStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

/** Thirty days: whoever has not come by then is looked after by hand. */
export const overlapSecondsMax = 2_592_000;

export function createSecretOperations({ products, devices, secrets, sealer, clock }: SecretDeps): SecretOperations {
  async function allowingProduct(tenantId: string, productKey: string): Promise<Product> {
    const product = await products.find({ tenantId }, productKey);
    if (product === undefined) throw noProduct();
    if (product.secretAuthentication) return product;
    throw new PlatformError("failedPrecondition", "the product does not allow sign-on with a device secret");
  }

  async function rotateDevice(caller: Caller, request: DeviceAddress, overlapSeconds: number): Promise<NewSecret> {
    const tenantId = tenantOf(caller);
    const address = parseAddress(request);
    const device = await devices.find({ tenantId }, address);
    if (device === undefined) throw noDevice();
    await allowingProduct(tenantId, address.productKey);
    const secret = createSecret();
    const seal = (version: number): string => sealer.seal(secret, secretPlace(device, version));
    const rotated = await secrets.rotateDevice(device, { seal, nowMs: clock.now(), overlapMs: overlapSeconds * 1_000 });
    if (rotated === undefined) throw noDevice();
    return { secret, ...shown(rotated) };
  }

  return {
    async createDeviceSecret(caller, request) {
      assertMay(caller, "devices.createDeviceSecret");
      return rotateDevice(caller, request, 0);
    },

    async rotateDeviceSecret(caller, request) {
      assertMay(caller, "devices.rotateDeviceSecret");
      return rotateDevice(caller, request, parseOverlap(request.overlapSeconds));
    },

    async createProductSecret(caller, request) {
      assertMay(caller, "devices.createProductSecret");
      const tenantId = tenantOf(caller);
      const overlapMs = parseOverlap(request.overlapSeconds) * 1_000;
      const product = await allowingProduct(tenantId, parseProductKey(request.productKey));
      const secret = createSecret();
      const seal = (version: number): string => sealer.seal(secret, productSecretPlace(product, version));
      const rotated = await secrets.rotateProduct(product, { seal, nowMs: clock.now(), overlapMs });
      if (rotated === undefined) throw noProduct();
      return { secret, ...shown(rotated) };
    },
  };
}

/** Hex, since firmware signs with the characters as they are shown, and tools for TLS-PSK want hex. */
export function createSecret(): string {
  return randomBytes(32).toString("hex");
}

function shown({ version, previousValidUntilMs }: Rotated) {
  return previousValidUntilMs === undefined ? { version } : { version, previousValidUntilMs };
}

function parseOverlap(seconds: number | undefined): number {
  if (seconds === undefined) return 0;
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= overlapSecondsMax) return seconds;
  throw invalidField("/overlapSeconds", `must be a whole number from 0 to ${overlapSecondsMax}`);
}
