import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hasErrors } from "./findings.ts";
import { parseSdf } from "./parse.ts";

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}.sdf.json`, import.meta.url), "utf8");
const inProperty = (qualities: unknown) => ({ sdfObject: { O: { sdfProperty: { p: qualities } } } });
const AT = "/sdfObject/O/sdfProperty/p";

const errors: readonly (readonly [title: string, document: unknown, pointer: string, message: RegExp])[] = [
  ["an array for a document", [], "", /must be a JSON object/],
  ["an information block that is no object", { info: 1, sdfObject: {} }, "/info", /must be an object/],
  ["a title that is no string", { info: { title: 1 }, sdfObject: {} }, "/info/title", /a string/],
  ["a modified time with an offset", { info: { modified: "2025-01-01T00:00:00+01:00" } }, "/info/modified", /UTC/],
  ["a namespace that is no URI", { namespace: { a: "b" }, sdfObject: {} }, "/namespace/a", /absolute URI/],
  ["namespaces that are no object", { namespace: "https://a.example" }, "/namespace", /prefixes and URIs/],
  ["a default namespace that is not declared", { defaultNamespace: "x", namespace: {} }, "/defaultNamespace", /not one of the prefixes/],
  ["a group that is no object", { sdfObject: [] }, "/sdfObject", /object of named definitions/],
  ["a definition that is no object", { sdfObject: { O: 1 } }, "/sdfObject/O", /must be an object/],
  ["a null definition outside a patch", { sdfObject: { O: { sdfAction: { a: null } } } }, "/sdfObject/O/sdfAction/a", /must be an object/],
  ["an empty name", { sdfObject: { "": {} } }, "/sdfObject/", /must have a name/],
  ["a name of 129 characters", { sdfObject: { ["n".repeat(129)]: {} } }, `/sdfObject/${"n".repeat(128)}`, /at most 128/],
  ["a control character in a name", { sdfObject: { "a\u0007": {} } }, "/sdfObject/a\u0007", /control characters/],
  ["a type SDF does not have", inProperty({ type: "null" }), `${AT}/type`, /one of number/],
  ["a boolean exclusiveMinimum without a minimum", inProperty({ exclusiveMinimum: true }), `${AT}/exclusiveMinimum`, /a number/],
  ["a count that is a string", inProperty({ maxItems: "3" }), `${AT}/maxItems`, /whole number/],
  ["a negative length", inProperty({ minLength: -1 }), `${AT}/minLength`, /whole number/],
  ["a step of 0", inProperty({ multipleOf: 0 }), `${AT}/multipleOf`, /above 0/],
  ["an empty enum", inProperty({ enum: [] }), `${AT}/enum`, /at least one/],
  ["an enum with a value twice", inProperty({ enum: ["a", "a"] }), `${AT}/enum`, /twice/],
  ["an enum of objects", inProperty({ enum: [{}] }), `${AT}/enum/0`, /a string, a number/],
  ["enum and sdfChoice together", inProperty({ enum: ["a"], sdfChoice: { b: {} } }), AT, /not both/],
  ["writable that is no boolean", inProperty({ writable: "no" }), `${AT}/writable`, /true or false/],
  ["a wrong quality deep inside", inProperty({ properties: { x: { items: { unit: 1 } } } }), `${AT}/properties/x/items/unit`, /a string/],
  ["a null sdfRef", { sdfObject: { O: { sdfRef: null } } }, "/sdfObject/O/sdfRef", /a string/],
  ["sdfRequired with false", { sdfObject: { O: { sdfRequired: [false] } } }, "/sdfObject/O/sdfRequired", /references/],
];

describe("parseSdf", () => {
  test.each(errors)("finds %s", (_title, document, pointer, message) => {
    const { findings } = parseSdf(JSON.stringify(document));
    expect(findings).toContainEqual({ severity: "error", pointer, message: expect.stringMatching(message) });
  });

  test.each(["every-quality", "references", "two-modules"])("finds nothing in the fixture %s", (name) => {
    expect(parseSdf(fixture(name)).findings).toEqual([]);
  });

  test("warns of qualities RFC 9880 does not know, and keeps them", () => {
    const { document, findings } = parseSdf(JSON.stringify({ ...inProperty({ colour: "red" }), "x-own": 1 }));
    expect(findings.map(({ severity, pointer }) => [severity, pointer])).toEqual([
      ["warning", `${AT}/colour`],
      ["warning", "/x-own"],
    ]);
    expect(document).toMatchObject({ "x-own": 1 });
  });

  test("warns of a document that defines nothing", () => {
    expect(parseSdf("{}").findings).toMatchObject([{ severity: "warning", message: expect.stringContaining("defines nothing") }]);
  });

  test("takes null for a removal only inside a definition with sdfRef [RFC 9880 s4.4]", () => {
    const patch = { sdfRef: "#/sdfObject/P", sdfAction: { off: null }, description: null, sdfProperty: { p: { minimum: null } } };
    expect(parseSdf(JSON.stringify({ sdfObject: { O: patch } })).findings).toEqual([]);
  });

  test("gives no document for what is not JSON, and one finding", () => {
    expect(parseSdf('{"sdfObject":{"a":1,"a":2}}')).toMatchObject({ document: undefined, findings: [{ pointer: "/sdfObject/a" }] });
  });

  test("lists at most 100 findings, errors before warnings, and says that there are more", () => {
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`u${index}`, { type: index < 150 ? "bad" : "number", units: 1 }]),
    );
    const { findings } = parseSdf(JSON.stringify({ sdfObject: { O: { sdfProperty: many } } }));
    expect(findings).toHaveLength(100);
    expect(findings.at(-1)?.message).toContain("more findings");
    expect(findings.every(({ severity }) => severity === "error")).toBe(true);
    expect(hasErrors(findings)).toBe(true);
  });
});
