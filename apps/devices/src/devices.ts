import { randomUUID } from "node:crypto";
import { assertMay, type Caller, type Device, type DeviceApi, deviceNamePattern, invalidField, PlatformError } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { cutPage, noDevice, noProduct, parseAddress, parsePage, parseProductKey, scopeOf, tenantOf } from "./input.ts";
import type { Author, DeviceStatus, DeviceStore, ProductStore } from "./ports.ts";
import { parseDeviceIds, parseTags } from "./tags.ts";

export type DeviceOperations = Pick<
  DeviceApi,
  "createDevice" | "getDevice" | "listDevices" | "setDeviceStatus" | "setDeviceTags" | "findTags" | "deleteDevice"
>;

export interface DeviceDeps {
  readonly products: ProductStore;
  readonly devices: DeviceStore;
  readonly clock: Clock;
}

export const deviceStatuses = ["enabled", "disabled"] as const satisfies readonly DeviceStatus[];

export function createDeviceOperations({ products, devices, clock }: DeviceDeps): DeviceOperations {
  const authorOf = (caller: Caller): Author => ({ principal: caller.principal, atMs: clock.now() });
  return {
    async createDevice(caller, request) {
      assertMay(caller, "devices.createDevice");
      const tenantId = tenantOf(caller);
      const productKey = parseProductKey(request.productKey);
      if ((await products.find({ tenantId }, productKey)) === undefined) throw noProduct();
      const { deviceName } = request;
      if (typeof deviceName !== "string" || !deviceNamePattern.test(deviceName)) {
        throw invalidField("/deviceName", "must be 4 to 64 characters of A-Z, a-z, 0-9 and _ . : @ -");
      }
      const by = authorOf(caller);
      const fresh = { deviceId: randomUUID(), status: "enabled", tags: {}, createdAtMs: by.atMs };
      const device: Device = { tenantId, productKey, deviceName, ...fresh };
      if ((await devices.insert(device, by)) === "taken") {
        throw new PlatformError("alreadyExists", `the product has a device named ${deviceName} already`);
      }
      return device;
    },

    async getDevice(caller, request) {
      assertMay(caller, "devices.getDevice");
      const device = await devices.find(scopeOf(caller), parseAddress(request));
      if (device === undefined) throw noDevice();
      return device;
    },

    async listDevices(caller, request) {
      assertMay(caller, "devices.listDevices");
      const tenantId = tenantOf(caller);
      const productKey = parseProductKey(request.productKey);
      const cut = parsePage(request);
      if ((await products.find({ tenantId }, productKey)) === undefined) throw noProduct();
      const { items, ...next } = cutPage(await devices.list(tenantId, productKey, cut), cut, (device) => device.deviceName);
      return { devices: items, ...next };
    },

    async setDeviceStatus(caller, request) {
      assertMay(caller, "devices.setDeviceStatus");
      const tenantId = tenantOf(caller);
      const address = parseAddress(request);
      if ((await devices.find({ tenantId }, address)) === undefined) throw noDevice();
      const status = deviceStatuses.find((candidate) => candidate === request.status);
      if (status === undefined) throw invalidField("/status", `must be one of ${deviceStatuses.join(", ")}`);
      const device = await devices.setStatus(tenantId, address, status, authorOf(caller));
      if (device === undefined) throw noDevice();
      return device;
    },

    async setDeviceTags(caller, request) {
      assertMay(caller, "devices.setDeviceTags");
      const tenantId = tenantOf(caller);
      const address = parseAddress(request);
      if ((await devices.find({ tenantId }, address)) === undefined) throw noDevice();
      const device = await devices.setTags(tenantId, address, parseTags(request.tags));
      if (device === undefined) throw noDevice();
      return device;
    },

    async findTags(caller, request) {
      assertMay(caller, "devices.findTags");
      return { devices: await devices.findTags(parseDeviceIds(request.deviceIds)) };
    },

    async deleteDevice(caller, request) {
      assertMay(caller, "devices.deleteDevice");
      if (!(await devices.delete(tenantOf(caller), parseAddress(request), authorOf(caller)))) throw noDevice();
      return {};
    },
  };
}
