import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeNamedShadows(create: CreateWorld): void {
  describe("named shadows", () => {
    test("are documents of their own, with versions of their own, and hold any JSON", async () => {
      const { api, operator, address, named, self } = await setUp(create);
      await api.update(operator, { ...address, desired: { TargetTemperature: 20 } });
      await api.update(operator, { ...named, desired: { anything: [1, { deep: true }], Temperature: "free" } });
      expect(await api.update(self, { ...named, reported: { anything: false } })).toMatchObject({
        version: 2,
        desired: { anything: [1, { deep: true }] },
        reported: { anything: false },
      });
      expect(await api.get(operator, address)).toMatchObject({ version: 1, desired: { TargetTemperature: 20 }, reported: {} });
      expect(await api.get(operator, { ...address, shadowName: "other" })).toMatchObject({ version: 0, desired: {} });
    });

    test("that never were cannot be deleted, and are not made by trying; nor by a device, whose rejection says so", async () => {
      const { api, operator, self, named } = await setUp(create);
      const refusal = { code: "notFound", message: 'the device has no shadow named "config"' };
      await expect(api.delete(operator, named)).rejects.toMatchObject(refusal);
      await expect(api.delete(self, named)).rejects.toMatchObject(refusal);
      await expect(api.delete(operator, { ...named, expectedVersion: 3 })).rejects.toMatchObject({ code: "versionConflict" });
      expect((await api.get(operator, named)).version).toBe(0);
      await api.update(operator, { ...named, desired: { n: 1 } });
      await api.delete(operator, named);
      expect(await api.delete(operator, named)).toMatchObject({ version: 3 });
    });

    test("of which those that hold anything are listed, in order, in pages", async () => {
      const { api, operator, address, self } = await setUp(create);
      for (const shadowName of ["b", "_", "Z", "a:1", "gone"]) await api.update(operator, { ...address, shadowName, desired: { n: 1 } });
      await api.delete(operator, { ...address, shadowName: "gone" });
      await api.update(operator, { ...address, desired: { TargetTemperature: 20 } });
      expect(await api.listNames(operator, address)).toEqual({ names: ["Z", "_", "a:1", "b"] });
      const first = await api.listNames(self, { ...address, pageSize: 3 });
      expect(first.names).toEqual(["Z", "_", "a:1"]);
      expect(await api.listNames(self, { ...address, pageSize: 3, pageToken: first.nextPageToken ?? "" })).toEqual({ names: ["b"] });
      expect((await api.listNames(self, { ...address, pageSize: 4 })).nextPageToken).toBeUndefined();
      await expect(api.listNames(self, { ...address, pageToken: "%%" })).rejects.toMatchObject({ code: "invalidArgument" });
      await expect(api.listNames(self, { ...address, pageSize: 1_001 })).rejects.toMatchObject({ code: "invalidArgument" });
    });

    test("are at most 50 for a device, also when they are made at the same time; one that is deleted makes room for another", async () => {
      const { api, operator, address } = await setUp(create);
      const make = (shadowName: string) => api.update(operator, { ...address, shadowName, desired: { n: 1 } });
      const results = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => make(`n${i}`)));
      const refused = results.filter((result) => result.status === "rejected");
      expect(refused).toHaveLength(10);
      for (const { reason } of refused) {
        expect(reason).toMatchObject({ code: "quotaExceeded", message: "the device has 50 named shadows; at most 50 are allowed" });
      }
      const { names } = await api.listNames(operator, address);
      expect(names).toHaveLength(50);
      await expect(make("new")).rejects.toMatchObject({ code: "quotaExceeded" });
      await expect(make(names[0] ?? "")).resolves.toMatchObject({ version: 2 });
      await api.delete(operator, { ...address, shadowName: names[0] ?? "" });
      await expect(make("new")).resolves.toMatchObject({ version: 1 });
      await expect(make(names[0] ?? "")).rejects.toMatchObject({ code: "quotaExceeded" });
      // The refused ones have left nothing.
      expect((await api.get(operator, { ...address, shadowName: names[0] ?? "" })).version).toBe(3);
    });

    test.each(["", "a/b", "ä", "a b", "x".repeat(65), "+", "#"])("may not be called %j", async (shadowName) => {
      const { api, operator, address, self } = await setUp(create);
      const which = { ...address, shadowName };
      const refusal = { code: "invalidArgument", details: { issues: [{ pointer: "/shadowName" }] } };
      await expect(api.get(operator, which)).rejects.toMatchObject(refusal);
      await expect(api.update(self, { ...which, reported: {} })).rejects.toMatchObject(refusal);
      await expect(api.delete(operator, which)).rejects.toMatchObject(refusal);
      await expect(api.history(operator, which)).rejects.toMatchObject(refusal);
      await expect(api.deviceReady(self, which)).rejects.toMatchObject(refusal);
    });
  });
}
