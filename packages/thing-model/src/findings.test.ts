import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";

const AT = "/sdfObject/O/sdfProperty/p";
const inProperty = (qualities: JsonObject): JsonObject => ({ sdfObject: { O: { sdfProperty: { p: qualities } } } });
const findingsOf = (document: JsonObject) =>
  checkModel(JSON.stringify(document)).findings.map(({ severity, pointer, message }) => `${severity} ${pointer}: ${message}`);

describe("a literal inside a schema", () => {
  test.each<[string, JsonObject, string]>([
    ["a default of a member", { properties: { a: { type: "string", default: 1 } } }, "warning /properties/a/default"],
    ["a default of an item", { items: { minimum: 1, default: 0 } }, "warning /items/default"],
    ["a default with a member that is wrong", { properties: { a: { type: "string" } }, default: { a: 1 } }, "warning /default"],
    ["a default of a choice", { sdfChoice: { a: { minimum: 1, default: 0 } } }, "warning /sdfChoice/a/default"],
    ["a default the pattern does not allow", { type: "string", pattern: "^a", default: "b" }, "warning /default"],
    ["a const the pattern does not allow", { type: "string", pattern: "^a", const: "b" }, "warning /const"],
    ["a const in a member", { properties: { a: { type: "string", pattern: "^a", const: "b" } } }, "warning /properties/a/const"],
    ["a const with an item that is wrong", { type: "array", items: { type: "string" }, const: ["a", 1] }, "warning /const"],
    ["a const without a member that must be there", { type: "object", required: ["a"], const: {} }, "warning /const"],
    ["a const that is not of the format", { type: "string", format: "date", const: "x" }, "warning /const"],
    ["an enum's entry the pattern does not allow", { items: { pattern: "^a", enum: ["a", "b"] } }, "warning /items/enum/1"],
    ["an enum of which the pattern allows none", { type: "string", pattern: "^a", enum: ["b", "c"] }, "warning /enum/1"],
    ["an enum of another type inside", { items: { type: "string", enum: [1, 2] } }, "error /items/enum"],
    ["a const of another type in a member", { properties: { a: { type: "string", const: 1 } } }, "error /properties/a/const"],
  ])("%s is found", (_title, qualities, expected) => {
    const [severity, pointer] = expected.split(" ");
    expect(findingsOf(inProperty(qualities))).toContainEqual(
      expect.stringMatching(new RegExp(`^${severity} ${AT}${pointer}: .* the other qualities allow`)),
    );
  });

  test("that is fine is not spoken of", () => {
    const qualities: JsonObject = {
      type: "object",
      properties: { a: { type: "string", pattern: "^a", enum: ["a", "aa"], default: "a" }, b: { items: { const: 1 }, default: [1, 1] } },
      required: ["a"],
      default: { a: "aa" },
      const: { a: "a", b: [1] },
      nullable: true,
    };
    expect(findingsOf(inProperty({ ...qualities, default: null }))).toEqual([]);
    expect(findingsOf(inProperty({ properties: { p: { ...qualities, default: { a: "a", b: [1] } } } }))).toEqual([]);
  });

  test("costs bounded work, and what is beyond is said to be unchecked", () => {
    const qualities = {
      type: "string",
      pattern: "b(a?){400}[0-9]+$",
      enum: Array.from({ length: 90 }, (_, index) => `${"a".repeat(900)}${index}`),
    };
    const findings = findingsOf(inProperty({ items: qualities }));
    expect(findings.at(-1)).toMatch(/^warning : Not every const, enum and default/);
    expect(findings.length).toBeLessThan(50);
  });
});

describe("bounds that leave no value", () => {
  test.each<[JsonObject, RegExp]>([
    [{ type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 }, /No whole number/],
    [{ type: "integer", minimum: 1.2, maximum: 1.8 }, /No whole number/],
    [{ type: "integer", exclusiveMinimum: 1, maximum: 1.5 }, /No whole number/],
    [{ type: "number", minimum: 11, maximum: 14, multipleOf: 5 }, /No multiple/],
    [{ type: "number", exclusiveMinimum: 0, exclusiveMaximum: 0.1, multipleOf: 0.1 }, /No multiple/],
    [{ minimum: 2, maximum: 1 }, /No number/],
  ])("%j is an error, in a member too", (qualities, message) => {
    expect(findingsOf(inProperty(qualities))).toEqual([expect.stringMatching(new RegExp(`^error ${AT}: ${message.source}`))]);
    expect(findingsOf(inProperty({ properties: { m: qualities } }))).toEqual([
      expect.stringMatching(new RegExp(`^error ${AT}/properties/m: ${message.source}`)),
    ]);
  });

  test.each<JsonObject>([
    { type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 3 },
    { type: "integer", minimum: -0.5, maximum: 0.5 },
    { type: "integer", minimum: 9007199254740991, maximum: 9007199254740991 },
    { type: "number", exclusiveMinimum: 1, exclusiveMaximum: 2 },
    { type: "number", minimum: 0.3, maximum: 0.3, multipleOf: 0.1 },
    { type: "number", minimum: -1e308, maximum: 1e308, multipleOf: 5e-324 },
    { type: "integer", exclusiveMinimum: 1 },
  ])("%j is fine", (qualities) => {
    expect(findingsOf(inProperty(qualities))).toEqual([]);
  });
});

describe("what the model has no use for is looked at as well", () => {
  const wrong = { type: "integer", minimum: 2, maximum: 1 };
  const used = { sdfProperty: { p: { type: "number" } } };
  test.each<[string, JsonObject, string]>([
    ["data", { sdfData: { d: wrong }, ...inProperty({}) }, "/sdfData/d"],
    ["data of an object", { sdfObject: { O: { ...used, sdfData: { d: wrong } } } }, "/sdfObject/O/sdfData/d"],
    [
      "data of an action",
      { sdfObject: { O: { ...used, sdfAction: { a: { sdfData: { d: wrong } } } } } },
      "/sdfObject/O/sdfAction/a/sdfData/d",
    ],
    ["a member of data", { sdfData: { d: { properties: { m: wrong } } }, ...inProperty({}) }, "/sdfData/d/properties/m"],
    ["a property beside objects", { sdfProperty: { q: wrong }, ...inProperty({}) }, "/sdfProperty/q"],
    ["an action's input beside objects", { sdfAction: { a: { sdfInputData: wrong } }, ...inProperty({}) }, "/sdfAction/a/sdfInputData"],
    ["an object beside things", { sdfThing: { T: used }, sdfObject: { O: { sdfProperty: { q: wrong } } } }, "/sdfObject/O/sdfProperty/q"],
  ])("%s", (_title, document, pointer) => {
    expect(findingsOf(document)).toContainEqual(`error ${pointer}: No number is both above the minimum and below the maximum.`);
  });

  test("for patterns, formats, units and literals too", () => {
    const sdfData = { d: { type: "string", pattern: "(", format: "x", unit: "y", default: 1 } };
    expect(findingsOf({ sdfData, ...inProperty({}) })).toEqual([
      expect.stringMatching(/^error \/sdfData\/d\/pattern: /),
      expect.stringMatching(/^warning \/sdfData\/d\/format: /),
      expect.stringMatching(/^warning \/sdfData\/d\/unit: /),
      expect.stringMatching(/^warning \/sdfData\/d\/default: /),
    ]);
  });

  test("once, where it is only referred to, and without a part in the model", () => {
    const model = (d: JsonValue) => checkModel(JSON.stringify({ sdfData: { d }, ...inProperty({ type: "number" }) })).model;
    expect(findingsOf({ sdfData: { d: { unit: "y" } }, ...inProperty({ sdfRef: "#/sdfData/d" }) })).toHaveLength(1);
    expect(model({ type: "string" })?.contentHash).toBe(model({ type: "boolean" })?.contentHash);
  });

  test("as far as the model's budget goes, which is a warning", () => {
    const steps = Array.from({ length: 9 }, (_, index) => [
      `d${index + 1}`,
      { properties: Object.fromEntries(Array.from({ length: 10 }, (_, name) => [`n${name}`, { sdfRef: `#/sdfData/d${index}` }])) },
    ]);
    const { model, findings } = checkModel(JSON.stringify({ sdfData: Object.fromEntries([["d0", {}], ...steps]), ...inProperty({}) }));
    expect(model).toBeDefined();
    expect(findings).toEqual([expect.objectContaining({ severity: "warning", message: expect.stringMatching(/too large to be checked/) })]);
  });
});

describe("a sdfRequired that names nothing is an error [RFC 9880 s4.5]", () => {
  const gone = ["#/sdfObject/O/sdfProperty/gone"];
  const p = { type: "number" };
  test.each<[string, JsonObject, string]>([
    ["by name", { sdfObject: { O: { sdfRequired: ["gone"], sdfProperty: { p } } } }, "/sdfObject/O"],
    ["by pointer", { sdfObject: { O: { sdfRequired: gone, sdfProperty: { p } } } }, "/sdfObject/O"],
    ["in a document of SDF 1.0", { sdfObject: { O: { sdfRequired: gone, sdfProperty: { p: { ...p, units: "m" } } } } }, "/sdfObject/O"],
    ["in an action", { sdfObject: { O: { sdfProperty: { p }, sdfAction: { a: { sdfRequired: gone } } } } }, "/sdfObject/O/sdfAction/a"],
    ["in data", { sdfData: { d: { sdfRequired: gone } }, sdfObject: { O: { sdfProperty: { p } } } }, "/sdfData/d"],
    [
      "in an action's input",
      { sdfObject: { O: { sdfAction: { a: { sdfInputData: { sdfRequired: gone } } } } } },
      "/sdfObject/O/sdfAction/a/sdfInputData",
    ],
    ["beside the device", { sdfThing: { T: { sdfProperty: { p } } }, sdfObject: { O: { sdfRequired: gone } } }, "/sdfObject/O"],
    ["but a quality", { sdfObject: { O: { sdfRequired: ["#/sdfObject/O/sdfProperty/p/type"], sdfProperty: { p } } } }, "/sdfObject/O"],
    [
      "once inherited",
      {
        sdfObject: {
          A: { sdfRequired: ["#/sdfObject/A/sdfProperty/p"], sdfProperty: { p } },
          O: { sdfRef: "#/sdfObject/A", sdfProperty: { p: null, q: {} } },
        },
      },
      "/sdfObject/O",
    ],
  ])("%s", (_title, document, pointer) => {
    const errors = findingsOf(document).filter((finding) => finding.startsWith("error"));
    expect(errors).toEqual([
      expect.stringMatching(`^error ${pointer}/sdfRequired/0: The sdfRequired names (nothing|what is no definition)`),
    ]);
  });

  test("one that names a definition of any kind is fine", () => {
    const names = ["#/sdfObject/O/sdfProperty/p", "#/sdfObject/O/sdfData/d", "#/sdfObject/O", true, "a"];
    expect(findingsOf({ sdfObject: { O: { sdfRequired: names, sdfData: { d: {} }, sdfProperty: { p }, sdfAction: { a: {} } } } })).toEqual(
      [],
    );
  });
});

test("a model that was published is compiled without the checks that came later", () => {
  const p = { type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 };
  const sdfData = { d: { minimum: 2, maximum: 1, sdfRequired: ["#/gone"] } };
  const text = JSON.stringify({ sdfData, sdfObject: { O: { sdfProperty: { p }, sdfAction: { a: { sdfRequired: ["#/gone"] } } } } });
  expect(checkModel(text).model).toBeUndefined();
  expect(checkModel(JSON.stringify(inProperty(p))).model).toBeUndefined();
  const { model, findings } = checkModel(text, [], { isPublished: true });
  expect(findings).toEqual([]);
  expect(model?.validateProperties({ p: "x" })).toHaveLength(1);
  expect(checkModel(JSON.stringify(inProperty({ minimum: 2, maximum: 1 })), [], { isPublished: true }).model).toBeUndefined();
});

describe("info.modified [RFC 9880 s3.1]", () => {
  test.each(["2024-02-29", "2000-02-29T23:59:60Z", "2025-12-31T00:00:00.123Z"])("may be %s", (modified) => {
    expect(findingsOf({ info: { modified }, ...inProperty({}) })).toEqual([]);
  });

  test.each(["2023-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z", "0000-00-00"])(
    "may not be %s, which there is not",
    (modified) => {
      expect(findingsOf({ info: { modified }, ...inProperty({}) })).toEqual([
        "warning /info/modified: There is no such date or time of day.",
      ]);
    },
  );
});
