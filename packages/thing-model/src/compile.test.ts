import { readFileSync } from "node:fs";
import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkModel, compileModel } from "./compile.ts";
import type { CompiledModel } from "./model.ts";

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}.sdf.json`, import.meta.url), "utf8");
const compileFixture = (name: string) => compileModel(JSON.parse(fixture(name)) as JsonObject);
const inProperty = (qualities: JsonObject) => ({ sdfObject: { O: { sdfProperty: { p: qualities } } } });
const AT = "/sdfObject/O/sdfProperty/p";

describe("compileModel", () => {
  test("takes readable, writable and observable for true where they are absent [RFC 9880 s5.2]", () => {
    const byName = new Map(compileFixture("every-quality").properties.map((property) => [property.name, property]));
    expect(byName.get("number")).toMatchObject({ readable: true, writable: true, observable: true, unit: "m", required: false });
    expect(byName.get("secret")).toMatchObject({ readable: false, writable: true, observable: false });
    expect(byName.get("fact")).toMatchObject({ readable: true, writable: false, observable: true });
  });

  test("names a property by its own name, or by object and name where that is taken", () => {
    const model = compileFixture("two-modules");
    expect(model.properties.map(({ name }) => name)).toEqual([
      "door",
      "Fridge:Upper:temperature",
      "light",
      "Lower:temperature",
      "Fridge:IceBox:Upper:temperature",
      "ice",
    ]);
    expect(model.events.map(({ name }) => name)).toEqual(["opened"]);
  });

  test("warns of definitions beside the things that make up the device", () => {
    expect(checkModel(fixture("two-modules")).findings).toMatchObject([
      { severity: "warning", message: expect.stringContaining("beside sdfThing") },
    ]);
  });

  test("marks what sdfRequired names, also where it is inherited, named shortly or true [RFC 9880 s4.5]", () => {
    const required = (name: string) =>
      compileFixture(name)
        .properties.filter((property) => property.required)
        .map((property) => property.name);
    expect(required("references")).toEqual(["Base:reach", "Arm:reach"]);
    expect(required("two-modules")).toEqual(["ice"]);
    const short = compileModel({ sdfObject: { O: { sdfRequired: ["b"], sdfProperty: { a: {}, b: {} } } } });
    expect(short.properties.map((property) => property.required)).toEqual([false, true]);
  });

  test("gives the events' and services' data schemas", () => {
    const { events, services } = compileFixture("every-quality");
    expect(events).toMatchObject([{ name: "Changed", output: { type: "number" } }, { name: "Ping" }]);
    expect(services).toMatchObject([{ name: "Add", input: { type: "object" }, output: { type: "number" } }, { name: "Nod" }]);
    expect(events[1]).not.toHaveProperty("output");
  });

  test("is frozen through and through, and leaves the document as it was", () => {
    const document = inProperty({ const: { a: [1] } });
    const model = compileModel(document);
    expect(Object.isFrozen(model)).toBe(true);
    expect(Object.isFrozen(model.properties[0]?.schema.const)).toBe(true);
    expect(Object.isFrozen(document.sdfObject.O.sdfProperty.p["const"])).toBe(false);
  });

  test("the hash follows the meaning: not spacing, order of members or comments, but every bound", () => {
    const hash = (document: JsonObject) => compileModel(document).contentHash;
    const model = hash(inProperty({ type: "number", minimum: 1 }));
    expect(model).toMatch(/^[0-9a-f]{64}$/);
    expect(hash(inProperty({ minimum: 1, type: "number", $comment: "hi" }))).toBe(model);
    expect(hash({ sdfData: { D: { type: "number" } }, ...inProperty({ sdfRef: "#/sdfData/D", minimum: 1 }) })).toBe(model);
    expect(hash(inProperty({ type: "number", minimum: 2 }))).not.toBe(model);
  });

  test("a pattern that is legal without the u flag only is read with a warning, and kept in the notation of Unicode mode", () => {
    const { model, findings } = checkModel(JSON.stringify(inProperty({ type: "string", pattern: "^[\\w-.]+\\_$" })));
    expect(findings).toEqual([{ severity: "warning", pointer: `${AT}/pattern`, message: expect.stringContaining("^[\\w\\-.]+_$") }]);
    expect(model?.properties[0]?.schema.pattern).toBe("^[\\w\\-.]+_$");
    expect(model?.contentHash).toBe(compileModel(inProperty({ type: "string", pattern: "^[\\w\\-.]+_$" })).contentHash);
    expect([model?.validateProperties({ p: "a-._" }), model?.validateProperties({ p: "a" })]).toMatchObject([[], [{ pointer: "/p" }]]);
  });

  test("the hash does not depend on the order of any object's members; what is generated keeps it", () => {
    const reverse = (value: JsonValue): JsonValue =>
      isJsonObject(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, member]) => [name, reverse(member)]),
          )
        : Array.isArray(value)
          ? value.map(reverse)
          : value;
    const choice = { sdfChoice: { a: { const: 1 }, b: { const: { choices: [{ name: "b" }, { name: "a" }], x: 1 } } } };
    const own = {
      ...inProperty({ type: "object", properties: { x: choice, y: { items: choice } }, required: ["x", "y"] }),
      sdfObject: {
        O: {
          sdfProperty: { q: choice, p: {} },
          sdfEvent: { f: { sdfOutputData: choice }, e: {} },
          sdfAction: { b: { sdfInputData: choice, sdfOutputData: choice }, a: {} },
        },
      },
    };
    for (const document of [
      own,
      ...["every-quality", "two-modules", "references"].map((name) => JSON.parse(fixture(name)) as JsonObject),
    ]) {
      const [model, reversed] = [compileModel(document), compileModel(reverse(document) as JsonObject)];
      expect(reversed.contentHash).toBe(model.contentHash);
    }
    const names = (model: CompiledModel) => model.properties.map(({ name }) => name);
    expect(names(compileModel(reverse(own) as JsonObject))).toEqual(names(compileModel(own)).reverse());
    const swapped = inProperty({ enum: ["b", "a"] });
    expect(compileModel(swapped).contentHash).not.toBe(compileModel(inProperty({ enum: ["a", "b"] })).contentHash);
  });

  test.each<[string, JsonObject, string, RegExp]>([
    ["minimum above maximum", inProperty({ minimum: 2, maximum: 1 }), AT, /No number/],
    ["an empty open range", inProperty({ minimum: 1, exclusiveMaximum: 1 }), AT, /No number/],
    ["a type SDF does not have", inProperty({ type: "null" }), `${AT}/type`, /one of number/],
    [
      "a reference to what is no definition of data",
      { ...inProperty({ sdfRef: "#/sdfData/D/properties" }), sdfData: { D: { properties: { pattern: {}, required: {} } } } },
      `${AT}/pattern`,
      /a string/,
    ],
    ["minLength above maxLength", inProperty({ minLength: 2, maxLength: 1 }), AT, /minLength/],
    ["minItems above maxItems", inProperty({ minItems: 2, maxItems: 1 }), AT, /minItems/],
    ["a required member without definition", inProperty({ type: "object", required: ["a"], properties: {} }), `${AT}/required`, /"a"/],
    ["a pattern no finite automaton can do", inProperty({ pattern: "(a)\\1" }), `${AT}/pattern`, /backreferences/],
    ["a choice of nothing", inProperty({ sdfChoice: {} }), `${AT}/sdfChoice`, /at least one/],
    ["a const of another type", inProperty({ type: "integer", const: "1" }), `${AT}/const`, /not a value/],
    ["a const out of range", inProperty({ minimum: 2, const: 1 }), `${AT}/const`, /not a value/],
    [
      "a const of another type in a choice",
      inProperty({ type: "string", sdfChoice: { a: { const: 1 } } }),
      `${AT}/sdfChoice/a/const`,
      /not a value/,
    ],
    [
      "a const of another type inside",
      inProperty({ properties: { x: { type: "boolean", const: 0 } } }),
      `${AT}/properties/x/const`,
      /not a value/,
    ],
    ["an enum of another type", inProperty({ type: "integer", enum: [0.5, "x"] }), `${AT}/enum`, /No entry/],
    ["a null const where null is no value", inProperty({ type: "number", const: null }), `${AT}/const`, /not a value/],
    ["an event called property", { sdfObject: { O: { sdfEvent: { property: {} } } } }, "/sdfObject/O/sdfEvent/property", /taken/],
    ["an action with a slash", { sdfObject: { O: { sdfAction: { "a/b": {} } } } }, "/sdfObject/O/sdfAction/a~1b", /part of topics/],
    [
      "sdfRequired that names nothing",
      { sdfObject: { O: { sdfRequired: ["#/sdfObject/X"] } } },
      "/sdfObject/O/sdfRequired/0",
      /names nothing/,
    ],
    [
      "two definitions with one name on the wire",
      { sdfObject: { A: { sdfProperty: { p: {}, "B:p": {} } }, B: { sdfProperty: { p: {} } } } },
      "/sdfObject/B/sdfProperty/p",
      /two definitions/,
    ],
  ])("refuses %s as invalidArgument with the place", (_title, document, pointer, message) => {
    const { model, findings } = checkModel(JSON.stringify(document));
    expect(model).toBeUndefined();
    expect(findings).toContainEqual({ severity: "error", pointer, message: expect.stringMatching(message) });
    const thrown = catchPlatformError(() => compileModel(document));
    expect(thrown.code).toBe("invalidArgument");
    expect(thrown.details.issues).toContainEqual({ pointer, message: expect.stringMatching(message) });
  });

  test.each<[string, JsonObject, string, RegExp]>([
    ["a quality that says nothing about the type", inProperty({ type: "string", minimum: 1 }), `${AT}/minimum`, /says nothing/],
    ["one enum entry that no value can be", inProperty({ type: "integer", enum: [1, 1.5] }), `${AT}/enum/1`, /not a value/],
    ["a quality with a prefix nobody declared", inProperty({ "acme:width": 2 }), `${AT}/acme:width`, /prefix acme is not one/],
    ["a name with a colon", { sdfObject: { O: { sdfProperty: { "a:b": {} } } } }, "/sdfObject/O/sdfProperty/a:b", /cannot be referred to/],
  ])("warns of %s and compiles", (_title, document, pointer, message) => {
    const { model, findings } = checkModel(JSON.stringify(document));
    expect(model).toBeDefined();
    expect(findings).toEqual([{ severity: "warning", pointer, message: expect.stringMatching(message) }]);
  });

  test("has nothing to say about qualities with a declared prefix, and keeps them [RFC 9880 s2.3]", () => {
    const { document, findings } = checkModel(
      JSON.stringify({ namespace: { acme: "https://acme.example/" }, ...inProperty({ "acme:width": 2 }) }),
    );
    expect(findings).toEqual([]);
    expect(JSON.stringify(document)).toContain("acme:width");
  });

  test("a const that fits is none of this, null where null is a value included", () => {
    expect(checkModel(JSON.stringify(inProperty({ type: "number", nullable: true, const: null }))).findings).toEqual([]);
    expect(checkModel(JSON.stringify(inProperty({ type: "object", const: { a: 1 } }))).findings).toEqual([]);
  });

  test("warns of a format nobody checks, a default outside the range and a choice without a value", () => {
    const { model, findings } = checkModel(
      JSON.stringify({
        sdfObject: {
          O: { sdfProperty: { a: { format: "iban" }, b: { type: "integer", default: 0.5 }, c: { type: "integer", sdfChoice: { x: {} } } } },
        },
      }),
    );
    expect(model).toBeDefined();
    expect(findings.map(({ pointer }) => pointer.replace("/sdfObject/O/sdfProperty", ""))).toEqual([
      "/a/format",
      "/c/sdfChoice/x",
      "/b/default",
    ]);
  });
});

test("any JSON gets findings or a model that answers, never an exception", () => {
  const words = "sdfThing sdfObject sdfProperty sdfAction sdfEvent sdfData sdfInputData sdfOutputData sdfRef sdfRequired sdfChoice".split(
    " ",
  );
  const names = [...words, ..."type enum const default items properties required pattern minimum multipleOf maxItems a b".split(" ")];
  const values = ["number", "object", "array", "#/sdfData/a", "#/sdfData/a/properties", "#/sdfObject/a", "(", "a+", "a", 1, -1, true, null];
  const { node } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.constantFrom(...values), fc.array(fc.constantFrom(...values), { maxLength: 2 })),
    node: fc.oneof({ maxDepth: 5 }, tie("leaf"), fc.dictionary(fc.constantFrom(...names), tie("node"), { maxKeys: 4 })),
  }));
  const group = fc.dictionary(fc.constantFrom("a", "b"), fc.dictionary(fc.constantFrom(...names), node, { maxKeys: 4 }), { maxKeys: 2 });
  let compiled = 0;
  const document = fc.record({ sdfData: group, sdfObject: group, sdfProperty: group, sdfAction: group }, { requiredKeys: [] });
  fc.assert(
    fc.property(document, node, (candidate, payload) => {
      const { model, findings } = checkModel(JSON.stringify(candidate));
      expect(model === undefined).toBe(findings.some(({ severity }) => severity === "error"));
      if (model === undefined) return;
      compiled += 1;
      for (const name of ["a", "b"]) {
        for (const answer of [model.validateProperties({ [name]: payload }), model.validateDesired({ [name]: payload })]) {
          expect(Array.isArray(answer)).toBe(true);
        }
        expect(Array.isArray(model.validateServiceInput(name, payload))).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(compiled).toBeGreaterThan(100);
});

function catchPlatformError(action: () => unknown): PlatformError {
  try {
    action();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
