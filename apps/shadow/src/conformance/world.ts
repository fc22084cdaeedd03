import type { Caller, DeviceRef, ShadowApi } from "@mooring/contracts";
import { deviceCaller } from "@mooring/contracts";
import { type MemoryLog, makeDevice, type NotingGateways } from "../world.test-support.ts";

export interface ShadowWorld {
  readonly api: ShadowApi;
  readonly gateways: NotingGateways;
  /** What the service follows, and reports refusals to. */
  readonly log: MemoryLog;
  /** Makes a device known to the service. */
  addDevice(device: DeviceRef): void;
  /** The device posts properties; returns the offset in the log. */
  report(device: DeviceRef, values: Record<string, unknown>): number;
}

export type CreateWorld = () => Promise<ShadowWorld>;

/** A device, who may do what with it, and how it is called. */
export async function setUp(create: CreateWorld) {
  const world = await create();
  const device = makeDevice();
  world.addDevice(device);
  const { tenantId, deviceId } = device;
  const operator: Caller = { tenantId, principal: "key:1", role: "operator" };
  const stranger: Caller = { tenantId: makeDevice().tenantId, principal: "key:2", role: "owner" };
  const address = { productKey: "thermo1", deviceName: "dev-1" };
  const named = { ...address, shadowName: "config" };
  const { api, gateways } = world;
  return { world, api, gateways, device, deviceId, operator, stranger, address, named, self: deviceCaller(device) };
}
