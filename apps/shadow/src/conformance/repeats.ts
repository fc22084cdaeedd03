import { randomUUID } from "node:crypto";
import type { Caller } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeRepeats(create: CreateWorld): void {
  describe("a change under an id of its maker's", () => {
    test("is made once, and answered each time as it was the first", async () => {
      const { api, operator, self, address, gateways, deviceId } = await setUp(create);
      const messageId = randomUUID();
      const change = { ...address, desired: { TargetTemperature: 21 }, messageId, clientToken: "c-1" };
      const first = await api.update(operator, change);
      await api.update(operator, { ...address, desired: { TargetTemperature: 22 } });
      gateways.online.add(deviceId);
      expect(await api.update(operator, change)).toEqual(first);
      expect(await api.update(operator, { ...change, messageId: messageId.toUpperCase() })).toEqual(first);
      expect(await api.get(operator, address)).toMatchObject({ version: 2, desired: { TargetTemperature: 22 } });
      // Nothing was changed: the next thing that the device hears is of its own change.
      await api.update(self, { ...address, reported: { TargetTemperature: 22 } });
      expect(gateways.story).toEqual(["shadowAccepted 3", "shadowDocuments 3"]);
    });

    test("is told to the device that made it again, and to the log once", async () => {
      const { api, self, address, world, gateways, device, deviceId } = await setUp(create);
      gateways.online.add(deviceId);
      const change = { ...address, reported: { Temperature: 21 }, messageId: randomUUID() };
      const story = ["shadowAccepted 1", "shadowDocuments 1", "shadowAccepted 2", "shadowDocuments 2"];
      await api.update(self, change);
      await api.update(self, { ...address, reported: { Temperature: 22 } });
      expect(await api.update(self, change)).toMatchObject({ version: 1, reported: { Temperature: 21 } });
      expect(gateways.story).toEqual([...story, "shadowAccepted 1"]);
      expect(gateways.sent.at(-1)?.message["state"]).toEqual({ reported: { Temperature: 21 } });
      expect(world.log.records.filter((record) => record.device.deviceId === device.deviceId)).toHaveLength(2);
    });

    test("is made once when it comes twice at the same time, also among others", async () => {
      const { api, operator, address } = await setUp(create);
      const messageId = randomUUID();
      const twice = { ...address, desired: { TargetTemperature: 21 }, messageId };
      const other = { ...address, desired: { Mode: "heat" } };
      const views = await Promise.all([other, twice, other, twice, twice, other].map((change) => api.update(operator, change)));
      expect(new Set([1, 3, 4].map((at) => views[at]?.version)).size).toBe(1);
      expect(await api.get(operator, address)).toMatchObject({ version: 4 });
    });

    test("is told from the same id on another shadow, and of a deletion", async () => {
      const { api, operator, address, named } = await setUp(create);
      const messageId = randomUUID();
      await api.update(operator, { ...address, desired: { Mode: "heat" }, messageId });
      expect(await api.update(operator, { ...named, desired: { n: 1 }, messageId })).toMatchObject({ version: 1, desired: { n: 1 } });
      const deletion = { ...named, messageId: randomUUID() };
      const gone = await api.delete(operator, deletion);
      await api.update(operator, { ...named, desired: { n: 2 } });
      expect(await api.delete(operator, deletion)).toEqual(gone);
      expect(await api.get(operator, named)).toMatchObject({ version: 3, desired: { n: 2 } });
    });

    test("is told from something else under the same id, whatever the order of members, and from another's", async () => {
      const { api, operator, self, address, deviceId, gateways } = await setUp(create);
      gateways.online.add(deviceId);
      const messageId = randomUUID();
      const other = { ...operator, principal: "key:9" };
      const versionOf = async (caller: Caller, patch: object) => (await api.update(caller, { ...address, ...patch, messageId })).version;
      expect(await versionOf(operator, { desired: { Mode: "heat", TargetTemperature: 20 } })).toBe(1);
      expect(await versionOf(operator, { desired: { TargetTemperature: 20, Mode: "heat" } })).toBe(1);
      expect(await versionOf(operator, { desired: { Mode: "off" } })).toBe(2);
      expect(await versionOf(other, { desired: { Mode: "off" } })).toBe(3);
      expect(await versionOf(self, { reported: { Temperature: 1 } })).toBe(4);
      expect(await versionOf(self, { reported: { Temperature: 2 } })).toBe(5);
      expect((await api.delete(operator, { ...address, messageId })).version).toBe(6);
      expect(await api.get(operator, address)).toMatchObject({ version: 6, desired: {}, reported: {} });
    });

    test("may be tried again when it was refused", async () => {
      const { api, operator, address } = await setUp(create);
      const change = { ...address, desired: { Mode: "heat" }, expectedVersion: 1, messageId: randomUUID() };
      await expect(api.update(operator, change)).rejects.toMatchObject({ code: "versionConflict" });
      await api.update(operator, { ...address, desired: { TargetTemperature: 20 } });
      expect(await api.update(operator, change)).toMatchObject({ version: 2 });
      expect(await api.update(operator, change)).toMatchObject({ version: 2 });
    });

    test("is refused where the id is no UUID", async () => {
      const { api, operator, address } = await setUp(create);
      await expect(api.update(operator, { ...address, desired: {}, messageId: "order 1" })).rejects.toMatchObject({
        code: "invalidArgument",
        details: { issues: [{ pointer: "/messageId" }] },
      });
    });
  });
}
