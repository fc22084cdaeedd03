import { randomUUID } from "node:crypto";
import { tagsMax } from "@mooring/contracts";
import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { gateway } from "./made-device.test-support.ts";

export function describeTags(given: () => Harness): void {
  async function makeDevice(owner = makeCaller()) {
    const { api } = given();
    const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
    const address = { productKey, deviceName: "thermostat-1" };
    return { owner, address, device: await api.createDevice(owner, address) };
  }

  describe("tags", () => {
    test("a device is made without tags; those it is given replace all it had, and are read with it", async () => {
      const { api } = given();
      const { owner, address, device } = await makeDevice();
      expect(device.tags).toEqual({});
      const tags = { site: "Köln \u{1f600}", "a.b:c-d_E9": "", constructor: "x", toString: "y" };
      const tagged = await api.setDeviceTags(owner, { ...address, tags });
      expect(tagged).toEqual({ ...device, tags });
      expect(await api.getDevice(owner, address)).toEqual(tagged);
      expect((await api.listDevices(owner, address)).devices).toEqual([tagged]);
      expect((await api.setDeviceTags(owner, { ...address, tags: { room: "4" } })).tags).toEqual({ room: "4" });
      expect((await api.setDeviceStatus(owner, { ...address, status: "disabled" })).tags).toEqual({ room: "4" });
      expect((await api.setDeviceTags(owner, { ...address, tags: {} })).tags).toEqual({});
    });

    test("as many and as large as a device may have are kept; one more is refused", async () => {
      const { api } = given();
      const { owner, address } = await makeDevice();
      const make = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`.padEnd(64, "x"), "\u{1f600}".repeat(256)]));
      const tags = make(tagsMax);
      expect((await api.setDeviceTags(owner, { ...address, tags })).tags).toEqual(tags);
      const error = await errorOf(api.setDeviceTags(owner, { ...address, tags: make(tagsMax + 1) }));
      expect([error.code, pointersOf(error)]).toEqual(["invalidArgument", ["/tags"]]);
      expect((await api.getDevice(owner, address)).tags).toEqual(tags);
    });

    test("every tag that is wrong is named, and nothing is changed", async () => {
      const { api } = given();
      const { owner, address } = await makeDevice();
      await api.setDeviceTags(owner, { ...address, tags: { kept: "1" } });
      const wrong = { fine: "1", "": "1", "a b": "1", "a/b~c": "1", ["x".repeat(65)]: "1", long: "x".repeat(257), nul: "a\u0000" };
      const tags = Object.fromEntries([...Object.entries(wrong), ["__proto__", "1"]]);
      const error = await errorOf(api.setDeviceTags(owner, { ...address, tags }));
      const names = ["", "a b", "a~1b~0c", "x".repeat(65), "long", "nul", "__proto__"];
      expect([...pointersOf(error)].sort()).toEqual(names.map((name) => `/tags/${name}`).sort());
      expect((await api.getDevice(owner, address)).tags).toEqual({ kept: "1" });
    });

    test("the platform's own services find tags by id, of every tenant; devices that are gone are left out", async () => {
      const { api } = given();
      const [one, other] = [await makeDevice(), await makeDevice()];
      await api.setDeviceTags(one.owner, { ...one.address, tags: { site: "a" } });
      const deviceIds = [one.device.deviceId, randomUUID(), other.device.deviceId, "no id"];
      const { devices } = await api.findTags(gateway, { deviceIds });
      expect(new Map(devices.map(({ deviceId, tags }) => [deviceId, tags]))).toEqual(
        new Map<string, object>([
          [one.device.deviceId, { site: "a" }],
          [other.device.deviceId, {}],
        ]),
      );
      await api.deleteDevice(one.owner, one.address);
      expect(await api.findTags(gateway, { deviceIds: [one.device.deviceId] })).toEqual({ devices: [] });
      const many = Array.from({ length: 1_001 }, () => randomUUID());
      expect(pointersOf(await errorOf(api.findTags(gateway, { deviceIds: many })))).toEqual(["/deviceIds"]);
    });
  });
}
