import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { depthMax, parseEdit } from "./edit.ts";

const objects = (levels: number): JsonObject => (levels === 0 ? {} : { a: objects(levels - 1) });
const arrays = (levels: number): JsonValue => (levels === 0 ? 1 : [arrays(levels - 1)]);

describe("an edit", () => {
  test("has the patch as JSON and its bytes; what is not given is not written", () => {
    expect(parseEdit({ desired: { ä: 1 }, reported: null })).toEqual({
      patch: { desired: { ä: 1 }, reported: null },
      desiredText: '{"ä":1}',
      reportedText: "null",
      bytes: 12,
    });
    expect(parseEdit({ desired: {} })).toMatchObject({ reportedText: undefined, bytes: 2 });
  });

  test("may be as deep as the limit and no deeper, in objects and in arrays", () => {
    expect(() => parseEdit({ desired: objects(depthMax) })).not.toThrow();
    expect(() => parseEdit({ desired: objects(depthMax + 1) })).toThrow(`deeper than ${depthMax} levels`);
    expect(() => parseEdit({ reported: { a: arrays(depthMax - 1) } })).not.toThrow();
    expect(() => parseEdit({ reported: { a: arrays(depthMax) } })).toThrow(`deeper than ${depthMax} levels`);
    expect(() => parseEdit({ reported: { a: arrays(5_000) } })).toThrow(`deeper than ${depthMax} levels`);
  });

  test.each<[string, JsonObject, string, string]>([
    ["null in an array", { a: { b: [1, null] } }, "/desired/a/b/1", "null within an array"],
    ["null in an object in an array", { a: [{ b: null }] }, "/desired/a/0/b", "null within an array"],
    ["a number beyond what a double holds", JSON.parse('{"a":[1e400]}') as JsonObject, "/desired/a/0", "beyond what a double holds"],
    ["half a surrogate pair in a value", { "a/b~c": "\ud800" }, "/desired/a~1b~0c", "half of a surrogate pair"],
    ["half a surrogate pair in a name", { a: { "\udfff": 1 } }, "/desired/a", "half of a surrogate pair"],
    ["a member named __proto__", JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as JsonObject, "/desired/a", "__proto__"],
    ["a member named __proto__ in an array", JSON.parse('{"a":[{"__proto__":1}]}') as JsonObject, "/desired/a/0", "__proto__"],
  ])("with %s is refused, and says where", (_, desired, pointer, message) => {
    expect(() => parseEdit({ desired })).toThrow(
      expect.objectContaining({
        code: "invalidArgument",
        message: expect.stringContaining(message),
        details: { issues: [expect.objectContaining({ pointer })] },
      }),
    );
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("may hold U+0000, whole surrogate pairs, and null that deletes", () => {
    expect(() => parseEdit({ desired: { "\0": "\0", "\u{1F600}": "\u{1F600}", gone: null } })).not.toThrow();
  });
});
