import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeChanges(create: CreateWorld): void {
  describe("changes", () => {
    test("a device nothing was said about has an empty shadow at version 0", async () => {
      const { api, operator, address } = await setUp(create);
      expect(await api.get(operator, address)).toMatchObject({ version: 0, desired: {}, reported: {}, delta: {}, desiredVersions: {} });
    });

    test("versions grow by one; desired minus reported is the delta", async () => {
      const { api, operator, address, self } = await setUp(create);
      expect(await api.update(operator, { ...address, desired: { TargetTemperature: 21, Mode: "heat" } })).toMatchObject({ version: 1 });
      const view = await api.update(self, { ...address, reported: { Mode: "heat" } });
      expect(view).toMatchObject({ version: 2, delta: { TargetTemperature: 21 } });
      expect(await api.get(operator, address)).toEqual(view);
    });

    test("null deletes a member, or a whole section", async () => {
      const { api, operator, address } = await setUp(create);
      await api.update(operator, { ...address, desired: { TargetTemperature: 20, Mode: "off" } });
      expect((await api.update(operator, { ...address, desired: { Mode: null } })).desired).toEqual({ TargetTemperature: 20 });
      expect(await api.update(operator, { ...address, desired: null })).toMatchObject({ desired: {}, desiredVersions: {}, version: 3 });
    });

    test("objects are merged at every level, arrays are replaced as a whole, and each leaf has the time of its change", async () => {
      const { api, operator, named } = await setUp(create);
      const first = await api.update(operator, {
        ...named,
        desired: { net: { wifi: { ssid: "a", hidden: true }, mtu: 1500 }, list: [1, 2] },
      });
      const second = await api.update(operator, { ...named, desired: { net: { wifi: { ssid: "b", hidden: null } }, list: [{ x: 3 }] } });
      expect(second.desired).toEqual({ net: { wifi: { ssid: "b" }, mtu: 1500 }, list: [{ x: 3 }] });
      const [before, after] = [{ timestamp: first.timestampMs }, { timestamp: second.timestampMs }];
      expect(second.metadata.desired).toEqual({ net: { wifi: { ssid: after }, mtu: before }, list: after });
    });

    test("the version that last changed a member of desired is told, and goes with the member", async () => {
      const { api, operator, address, self } = await setUp(create);
      await api.update(operator, { ...address, desired: { TargetTemperature: 20, Mode: "off" } });
      await api.update(self, { ...address, reported: { Mode: "off" } });
      const view = await api.update(operator, { ...address, desired: { Mode: "heat" } });
      expect(view.desiredVersions).toEqual({ TargetTemperature: 1, Mode: 3 });
      expect((await api.update(operator, { ...address, desired: { Mode: null } })).desiredVersions).toEqual({ TargetTemperature: 1 });
    });

    test("deleting empties the document; the version goes on counting, also when it is made again", async () => {
      const { api, operator, address, named } = await setUp(create);
      for (const which of [address, named]) {
        await api.update(operator, { ...which, desired: { TargetTemperature: 20 } });
        const gone = await api.delete(operator, which);
        expect(gone).toMatchObject({ version: 2, desired: {}, reported: {}, metadata: { desired: {}, reported: {} }, desiredVersions: {} });
        const again = await api.update(operator, { ...which, desired: { TargetTemperature: 20 } });
        expect(again).toMatchObject({ version: 3, desiredVersions: { TargetTemperature: 3 } });
      }
    });

    test("concurrent updates each get a version of their own, and none is lost", async () => {
      const { api, operator, named } = await setUp(create);
      const views = await Promise.all(Array.from({ length: 40 }, (_, i) => api.update(operator, { ...named, desired: { [`m${i}`]: i } })));
      expect(views.map((view) => view.version).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      expect(Object.keys((await api.get(operator, named)).desired)).toHaveLength(40);
    });

    test("only the device writes reported, and only its own", async () => {
      const { api, operator, address, self } = await setUp(create);
      await expect(api.update(operator, { ...address, reported: { Mode: "off" } })).rejects.toMatchObject({ code: "invalidArgument" });
      const other = { productKey: "thermo1", deviceName: "dev-2" };
      await expect(api.update(self, { ...other, reported: { Mode: "off" } })).rejects.toMatchObject({ code: "notFound" });
      await expect(api.get(self, other)).rejects.toMatchObject({ code: "notFound" });
      await expect(api.listNames(self, other)).rejects.toMatchObject({ code: "notFound" });
    });

    test("a state the thing model does not allow is refused with every reason, and nothing changes", async () => {
      const { api, operator, address, self } = await setUp(create);
      await expect(api.update(operator, { ...address, desired: { TargetTemperature: 99, Temperature: 3 } })).rejects.toMatchObject({
        code: "invalidArgument",
        details: { issues: [{ pointer: "/desired/TargetTemperature" }, { pointer: "/desired/Temperature" }] },
      });
      await expect(api.update(self, { ...address, reported: { Temperature: "hot", nothing: 1 } })).rejects.toMatchObject({
        details: { issues: [{ pointer: "/reported/Temperature" }, { pointer: "/reported/nothing" }] },
      });
      expect((await api.get(operator, address)).version).toBe(0);
    });

    test("another tenant's device looks like one that does not exist, whatever is asked", async () => {
      const { api, stranger, address } = await setUp(create);
      const missing = { ...address, deviceName: "nobody" };
      const asks = [
        (which: typeof address) => api.get(stranger, which),
        (which: typeof address) => api.update(stranger, { ...which, desired: {} }),
        (which: typeof address) => api.delete(stranger, which),
        (which: typeof address) => api.listNames(stranger, which),
        (which: typeof address) => api.history(stranger, which),
        (which: typeof address) => api.getAt(stranger, { ...which, version: 1 }),
      ];
      const refusal = (promise: Promise<unknown>): Promise<unknown> => promise.then(String, ({ code, message }) => `${code} ${message}`);
      for (const ask of asks) {
        const answer = await refusal(ask(address));
        expect(answer).toMatch(/^notFound /);
        expect(await refusal(ask(missing))).toBe(answer);
      }
    });

    test("who may only read does not change anything, and what is for the platform is refused to others", async () => {
      const { api, operator, address, self, device } = await setUp(create);
      const viewer = { tenantId: device.tenantId, principal: "key:3", role: "viewer" } as const;
      await expect(api.update(viewer, { ...address, desired: {} })).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.delete(viewer, address)).rejects.toMatchObject({ code: "permissionDenied" });
      expect(await api.get(viewer, address)).toMatchObject({ version: 0 });
      await expect(api.history(self, address)).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.getAt(self, { ...address, version: 1 })).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.waitApplied(operator, { offset: 1, timeoutMs: 1 })).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.deviceReady(operator, address)).rejects.toMatchObject({ code: "permissionDenied" });
    });
  });
}
