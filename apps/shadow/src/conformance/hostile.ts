import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

const objects = (levels: number): JsonObject => (levels === 0 ? {} : { a: objects(levels - 1) });
const documentBytesMax = 65_536;
/** A section of so many bytes as JSON. */
const ofBytes = (bytes: number): JsonObject => ({ text: "x".repeat(bytes - '{"text":""}'.length) });

export function describeHostileInput(create: CreateWorld): void {
  describe("hostile input", () => {
    test.each<[string, JsonValue]>([
      ["an array for a section", [1]],
      ["a text for a section", "desired"],
      ["a number for a section", 1],
      ["nine levels", objects(9)],
      ["a hundred levels", objects(90)],
      ["null in an array", { a: [1, null] }],
      ["null in an object in an array", { a: [{ b: null }] }],
      ["a member named __proto__", JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject],
      ["a member named __proto__ below", JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as JsonObject],
      ["a number beyond what a double holds", JSON.parse('{"a":1e400}') as JsonObject],
    ])("%s is refused as invalid, and nothing changes", async (_, desired) => {
      const { api, operator, named } = await setUp(create);
      await expect(api.update(operator, { ...named, desired })).rejects.toMatchObject({ code: "invalidArgument" });
      expect((await api.get(operator, named)).version).toBe(0);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

    test("eight levels, names that objects have by themselves, U+0000 and large numbers come back as they were", async () => {
      const { api, operator, self, named } = await setUp(create);
      const desired = {
        ...objects(8),
        constructor: { prototype: 1 },
        hasOwnProperty: false,
        "nul\0": "\0",
        "": 0,
        "\u{1F600}": 1.7976931348623157e308,
        small: 5e-324,
        big: 9007199254740992,
      };
      const view = await api.update(operator, { ...named, desired });
      expect(view.desired).toEqual(desired);
      expect(view.desiredVersions).toEqual(Object.fromEntries(Object.keys(desired).map((name) => [name, 1])));
      expect(await api.get(self, named)).toEqual(view);
      expect(await api.getAt(operator, { ...named, version: 1 })).toEqual(view);
      const done = await api.update(self, { ...named, reported: desired });
      expect(done.delta).toEqual({});
    });

    test.each(["", "x".repeat(129), "a\nb"])(
      "what a post may not call a property, the classic shadow does not report either: %j",
      async (name) => {
        const { api, self, address, named } = await setUp(create);
        await expect(api.update(self, { ...address, reported: { [name]: 1 } })).rejects.toMatchObject({
          code: "invalidArgument",
          details: { issues: [{ pointer: "/reported" }] },
        });
        expect((await api.update(self, { ...named, reported: { [name]: 1 } })).version).toBe(1);
        expect((await api.update(self, { ...address, reported: { [name]: null } })).version).toBe(1);
      },
    );

    test("half a surrogate pair never gets into a document", async () => {
      const { api, operator, named } = await setUp(create);
      for (const desired of [{ a: "\ud800" }, { "\udc00": 1 }]) {
        const outcome = await api.update(operator, { ...named, desired }).then(
          (view) => JSON.stringify(view),
          ({ code }: { code: string }) => code,
        );
        // The wire writes U+FFFD in its place.
        expect(outcome === "invalidArgument" || !/\\ud[89a-f]/i.test(outcome)).toBe(true);
      }
      expect(JSON.stringify(await api.get(operator, named))).not.toMatch(/\\ud[89a-f]/i);
    });

    test("a document of exactly 64 KB is taken, in one change and in many; a byte more is refused with both numbers", async () => {
      const { api, self, named } = await setUp(create);
      const half = documentBytesMax / 2;
      await api.update(self, { ...named, desired: ofBytes(half), reported: ofBytes(half) });
      for (let i = 0; i < 3; i++) await api.update(self, { ...named, reported: ofBytes(half) });
      await expect(api.update(self, { ...named, reported: ofBytes(half + 1) })).rejects.toMatchObject({
        code: "payloadTooLarge",
        message: `the shadow would have ${documentBytesMax + 1} bytes; at most ${documentBytesMax} are allowed`,
      });
      await expect(api.update(self, { ...named, reported: { more: 1 } })).rejects.toMatchObject({ code: "payloadTooLarge" });
      expect(await api.update(self, { ...named, reported: { text: null } })).toMatchObject({ version: 5, reported: {} });
    });

    test("a document of many members is taken whole", async () => {
      const { api, operator, named } = await setUp(create);
      const desired = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`m${i}`, i]));
      const view = await api.update(operator, { ...named, desired });
      expect(Object.keys(view.desired)).toHaveLength(5_000);
      await expect(api.update(operator, { ...named, desired: {}, expectedVersion: 0 })).rejects.toMatchObject({ code: "versionConflict" });
    });

    test("a change that says nothing of either section is refused", async () => {
      const { api, operator, named } = await setUp(create);
      await expect(api.update(operator, { ...named })).rejects.toMatchObject({ code: "invalidArgument" });
    });
  });
}
