// Clear: which devices a gateway device may speak for. What was found is kept until the feed of changes names one of the two.
import {
  type DeviceAddress,
  type DeviceApi,
  type DeviceChange,
  type KnownSubDevice,
  serviceCaller,
  subDeviceLookupMax,
} from "@mooring/contracts";
import { keyOf } from "./reports-pack.ts";

/** Kept over all gateways; at the cap all is forgotten, and found again. */
const keptMax = 100_000;

/** By `keyOf` of the sub-device. Names that are not there are no sub-devices of the gateway's. */
export type SubDevices = ReadonlyMap<string, KnownSubDevice>;

export class Topology {
  readonly #devices: Pick<DeviceApi, "findSubDevices">;
  readonly #byGateway = new Map<string, Map<string, KnownSubDevice>>();
  /** The gateway of a sub-device, by their ids. */
  readonly #gatewayOf = new Map<string, string>();
  /** Grows with every change: what was asked before it is not kept. */
  #generation = 0;

  constructor(devices: Pick<DeviceApi, "findSubDevices">) {
    this.#devices = devices;
  }

  /** All of them, if all are known to be the gateway's; undefined when somebody must be asked. */
  known(gatewayId: string, devices: readonly DeviceAddress[]): SubDevices | undefined {
    const kept = this.#byGateway.get(gatewayId) ?? none;
    return devices.every((device) => kept.has(keyOf(device))) ? kept : undefined;
  }

  /** Rejects while the devices service is out of reach. */
  async find(gatewayId: string, devices: readonly DeviceAddress[]): Promise<SubDevices> {
    const generation = this.#generation;
    const found = new Map<string, KnownSubDevice>();
    for (let at = 0; at < devices.length; at += subDeviceLookupMax) {
      const part = devices.slice(at, at + subDeviceLookupMax);
      const { subDevices } = await this.#devices.findSubDevices(serviceCaller("gateway"), { gatewayId, devices: part });
      for (const subDevice of subDevices) found.set(keyOf(subDevice.device), subDevice);
    }
    if (generation === this.#generation) this.#keep(gatewayId, found);
    return found;
  }

  /** A device changed, or is spoken for by another one from now on. Without an id, anything may have. */
  forget(change?: Pick<DeviceChange, "deviceId">): void {
    this.#generation++;
    if (change === undefined) {
      this.#byGateway.clear();
      this.#gatewayOf.clear();
      return;
    }
    const { deviceId } = change;
    if (deviceId === undefined) return;
    const gatewayId = this.#byGateway.has(deviceId) ? deviceId : this.#gatewayOf.get(deviceId);
    if (gatewayId === undefined) return;
    for (const { device } of this.#byGateway.get(gatewayId)?.values() ?? []) this.#gatewayOf.delete(device.deviceId);
    this.#byGateway.delete(gatewayId);
  }

  #keep(gatewayId: string, found: SubDevices): void {
    if (this.#gatewayOf.size + found.size > keptMax) this.forget();
    const kept = this.#byGateway.get(gatewayId) ?? new Map<string, KnownSubDevice>();
    for (const [key, subDevice] of found) {
      kept.set(key, subDevice);
      this.#gatewayOf.set(subDevice.device.deviceId, gatewayId);
    }
    if (kept.size > 0) this.#byGateway.set(gatewayId, kept);
  }
}

const none: SubDevices = new Map();
