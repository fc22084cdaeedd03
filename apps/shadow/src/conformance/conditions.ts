import type { PlatformError } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeConditions(create: CreateWorld): void {
  describe("conditions", () => {
    test("a stale expected version is a conflict that carries the current document", async () => {
      const { api, operator, address } = await setUp(create);
      await api.update(operator, { ...address, desired: { TargetTemperature: 20 } });
      await expect(api.update(operator, { ...address, desired: { TargetTemperature: 25 }, expectedVersion: 0 })).rejects.toMatchObject({
        code: "versionConflict",
        message: "the shadow is at version 1, not 0",
        details: { current: { version: 1, desired: { TargetTemperature: 20 }, delta: { TargetTemperature: 20 } } },
      });
      await expect(api.delete(operator, { ...address, expectedVersion: 2 })).rejects.toMatchObject({ code: "versionConflict" });
      expect((await api.get(operator, address)).desired).toEqual({ TargetTemperature: 20 });
      expect(await api.delete(operator, { ...address, expectedVersion: 1 })).toMatchObject({ version: 2 });
    });

    test("a conflict carries the current document also when it is as large as documents get", async () => {
      const { api, self, operator, named } = await setUp(create);
      const members = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`m${i}`, `v${i}`]));
      await api.update(self, { ...named, desired: members, reported: { ...members, m1: "other" } });
      const view = await api.get(operator, named);
      expect(Buffer.byteLength(JSON.stringify(members)) * 2).toBeGreaterThan(55_000);
      for (const stale of [
        () => api.update(operator, { ...named, desired: {}, expectedVersion: 5 }),
        () => api.delete(operator, { ...named, expectedVersion: 5 }),
        () => api.update(operator, { ...named, desired: {}, expectedDesiredVersions: { m1: 9 } }),
        () => api.update(self, { ...named, reported: {}, nextVersion: 1 }),
      ]) {
        const thrown = await stale().catch((error: unknown) => error);
        expect(thrown).toMatchObject({ code: "versionConflict" });
        expect((thrown as PlatformError).details).toEqual({ current: view });
      }
    });

    test("of those who expect the same version at the same time, one is accepted", async () => {
      const { api, operator, named } = await setUp(create);
      const tries = Array.from({ length: 20 }, (_, i) => api.update(operator, { ...named, desired: { by: i }, expectedVersion: 0 }));
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "versionConflict" });
      expect((await api.get(operator, named)).version).toBe(1);
    });

    test("the versions expected of members of desired must be those that last changed them; none expected is no condition", async () => {
      const { api, operator, named } = await setUp(create);
      await api.update(operator, { ...named, desired: { a: 1, b: 1 } });
      await api.update(operator, { ...named, desired: { b: 2 } });
      const expecting = (expectedDesiredVersions: Record<string, number>, desired = {}) => ({ ...named, desired, expectedDesiredVersions });
      await expect(api.update(operator, expecting({ a: 1, b: 1 }, { a: 9 }))).rejects.toMatchObject({
        code: "versionConflict",
        message: 'desired "b" was last changed by version 2, not by 1',
        details: { current: { version: 2, desired: { a: 1, b: 2 }, desiredVersions: { a: 1, b: 2 } } },
      });
      await expect(api.update(operator, expecting({ c: 1 }))).rejects.toMatchObject({ message: 'desired "c" is not set, not by 1' });
      await expect(api.update(operator, expecting({ toString: 1 }))).rejects.toMatchObject({
        message: 'desired "toString" is not set, not by 1',
      });
      expect(await api.update(operator, expecting({ a: 1, b: 2, c: 0 }, { a: null }))).toMatchObject({ version: 3, desired: { b: 2 } });
      expect(await api.update(operator, expecting({}, { b: 3 }))).toMatchObject({ version: 4 });
    });

    test("a device may choose the next version, if it is above the stored one; nobody else may", async () => {
      const { api, operator, named, self } = await setUp(create);
      expect(await api.update(self, { ...named, reported: { n: 1 }, nextVersion: 70 })).toMatchObject({ version: 70 });
      for (const nextVersion of [70, 69, 1]) {
        await expect(api.update(self, { ...named, reported: { n: 2 }, nextVersion })).rejects.toMatchObject({
          code: "versionConflict",
          message: `the shadow is at version 70; the next one must be above it, not ${nextVersion}`,
          details: { current: { version: 70, reported: { n: 1 } } },
        });
      }
      expect(await api.update(operator, { ...named, desired: { n: 2 } })).toMatchObject({ version: 71, desiredVersions: { n: 71 } });
      expect(await api.update(self, { ...named, reported: { n: 2 }, nextVersion: 200 })).toMatchObject({ version: 200 });
      await expect(api.update(operator, { ...named, desired: {}, nextVersion: 300 })).rejects.toMatchObject({
        code: "invalidArgument",
        details: { issues: [{ pointer: "/nextVersion" }] },
      });
      // What it left out never was; what it has made can be read as it was.
      expect(await api.getAt(operator, { ...named, version: 71 })).toMatchObject({ version: 71, desired: { n: 2 }, reported: { n: 1 } });
      await expect(api.getAt(operator, { ...named, version: 100 })).rejects.toMatchObject({
        code: "notFound",
        message: "the shadow never had version 100",
      });
    });

    test.each<[string, object, string]>([
      ["a version that is none", { expectedVersion: 1.5 }, "/version"],
      ["a version below 0", { expectedVersion: -1 }, "/version"],
      ["a next version of 0", { nextVersion: 0 }, "/nextVersion"],
      ["a next version that leaves no room", { nextVersion: 2 ** 53 - 1 }, "/nextVersion"],
      ["a member's version below 0", { expectedDesiredVersions: { a: -1 } }, "/expectedDesiredVersions"],
      ["a client token above 64 bytes", { clientToken: "ä".repeat(33) }, "/clientToken"],
      ["a client token with U+0000", { clientToken: "a\0b" }, "/clientToken"],
    ])("%s is refused and nothing changes", async (_, condition, pointer) => {
      const { api, operator, named, self } = await setUp(create);
      const refused = api.update(self, { ...named, reported: { n: 1 }, ...condition });
      // The wire itself does not carry a fraction as a whole number.
      const message = (await refused.then(String, (error: Error & { details?: { issues?: { pointer: string }[] } }) => error)) as Error;
      expect(message).toBeInstanceOf(Error);
      if ((message as { code?: string }).code === "invalidArgument") {
        expect(message).toMatchObject({ details: { issues: [{ pointer }] } });
      }
      expect((await api.get(operator, named)).version).toBe(0);
    });
  });
}
