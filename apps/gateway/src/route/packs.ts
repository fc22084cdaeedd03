// Packs on their way: who is spoken for must be known, and what their products allow, before a pack can be read.
//
//   handle(pack) --- all known ---> readPack ---> take
//        \--- asks ---> [ the pack, and what its gateway says meanwhile, in order ] ---> take, then route the others
import { type DeviceAddress, type DeviceRef, type JsonObject, PlatformError, toPlatformError } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import type { Models, ProductModel } from "./models.ts";
import { keyOf, type Pack, readPack, type SubDeviceRules, subDevicesOf } from "./reports-pack.ts";
import type { SubDevices, Topology } from "./topology.ts";
import type { UplinkMessage } from "./uplink-message.ts";

export interface PacksDeps {
  readonly models: Pick<Models, "find" | "get">;
  readonly topology: Pick<Topology, "known" | "find">;
  readonly clock: Clock;
  readonly log: Log;
  /** Stores what fits and answers for what does not. */
  take(message: UplinkMessage, pack: Pack, receivedAtMs: number): void;
}

/** Messages that may wait behind packs, over all gateways, and what they may keep. */
const waitingMax = 10_000;
const waitingBytesMax = 16 * 1024 * 1024;

interface Held {
  readonly message: UplinkMessage;
  readonly product: ProductModel;
}

type ProductModels = ReadonlyMap<string, ProductModel>;

export class Packs {
  readonly #deps: PacksDeps;
  readonly #held = new Map<string, Held[]>();
  #waiting = 0;
  #waitingBytes = 0;

  constructor(deps: PacksDeps) {
    this.#deps = deps;
  }

  /** Whether a pack of this device waits: what it says meanwhile is to be held behind it. */
  isWaiting(deviceId: string): boolean {
    return this.#held.size > 0 && this.#held.has(deviceId);
  }

  /** The payload is copied before this returns. Routed anew after the pack. */
  hold(message: UplinkMessage, product: ProductModel): void {
    const held = this.#held.get(message.source.device.deviceId);
    const { length } = message.payload;
    if (held === undefined || this.#waiting >= waitingMax || this.#waitingBytes + length > waitingBytesMax) {
      return message.settle("unavailable", "too many messages wait for what gateways said of their sub-devices");
    }
    message.payload = Buffer.from(message.payload);
    held.push({ message, product });
    this.#waiting++;
    this.#waitingBytes += length;
  }

  /** `params` were read from the message's payload, which is not needed any more. */
  handle(message: UplinkMessage, params: JsonObject, product: ProductModel): void {
    const gateway = message.source.device;
    const named = subDevicesOf(params);
    const subDevices = named.length === 0 ? noSubDevices : this.#deps.topology.known(gateway.deviceId, named);
    const models = subDevices === undefined ? undefined : this.#knownModels(named);
    if (subDevices !== undefined && models !== undefined) return this.#read(message, params, { product, subDevices, models });
    if (this.#held.size >= waitingMax)
      return message.settle("unavailable", "too many gateways wait for what is known of their sub-devices");
    this.#held.set(gateway.deviceId, []);
    void this.#wait(message, params, product, named);
  }

  async #wait(message: UplinkMessage, params: JsonObject, product: ProductModel, named: readonly DeviceAddress[]): Promise<void> {
    const { device } = message.source;
    try {
      const subDevices = await this.#deps.topology.find(device.deviceId, named);
      const models = new Map<string, ProductModel>();
      // Only products of devices that are there and the gateway's: what else is named costs nothing.
      for (const { productKey } of [...subDevices.values()].map((found) => found.device)) {
        if (!models.has(productKey)) models.set(productKey, await this.#deps.models.get(productKey));
      }
      this.#read(message, params, { product, subDevices, models });
    } catch (thrown) {
      const cause = toPlatformError(thrown);
      this.#deps.log.warn({ err: cause, deviceId: device.deviceId }, "what a gateway may say of its sub-devices could not be learned");
      const error = new PlatformError("unavailable", "what the gateway's sub-devices may say cannot be learned now", { cause });
      message.settle(error.code, error.message);
    }
    this.#release(device.deviceId);
  }

  /** In the order in which they came; another pack among them may hold the rest again. */
  #release(deviceId: string): void {
    const held = this.#held.get(deviceId) ?? [];
    this.#held.delete(deviceId);
    for (const { message, product } of held) {
      this.#waiting--;
      this.#waitingBytes -= message.payload.length;
      message.onModel(product);
    }
  }

  #knownModels(named: readonly DeviceAddress[]): ProductModels | undefined {
    const models = new Map<string, ProductModel>();
    for (const { productKey } of named) {
      const model = this.#deps.models.find(productKey);
      if (model === undefined) return undefined;
      models.set(productKey, model);
    }
    return models;
  }

  #read(message: UplinkMessage, params: JsonObject, { product, subDevices, models }: Known): void {
    const now = this.#deps.clock.now();
    const gateway: DeviceRef = message.source.device;
    const subDevice = (address: DeviceAddress) => rulesOf(subDevices.get(keyOf(address)), models);
    this.#deps.take(message, readPack(params, { gateway, rules: product, subDevice }, now), now);
  }
}

interface Known {
  readonly product: ProductModel;
  readonly subDevices: SubDevices;
  readonly models: ProductModels;
}

const noSubDevices: SubDevices = new Map();

/** Another tenant's device, another gateway's and one that does not exist are told of in the same words. */
function rulesOf(found: { readonly device: DeviceRef; readonly status: string } | undefined, models: ProductModels): SubDeviceRules {
  if (found === undefined) return { refused: "is no sub-device of this gateway: it may not speak for it" };
  const rules = models.get(found.device.productKey);
  if (found.status !== "enabled" || rules === undefined) return { refused: "is disabled" };
  return { device: found.device, rules };
}
