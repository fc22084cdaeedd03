// Groups and qualities where RFC 9880 has none: they have no effect, which a warning says, and they break nothing.
import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkModel } from "./compile.ts";

/** Each refused where it is a property of an object. */
const wrong: readonly JsonObject[] = [
  { p: { enum: 5 } },
  { p: { required: 5 } },
  { p: { type: "zzz" } },
  { p: { minimum: "x" } },
  { p: { pattern: 5 } },
  { "": { type: "number" } },
  { "a\u0000b": { type: "number" } },
];
const q = { type: "number" } as const;

test.each(wrong)("an object or a thing in an object is left out, with a warning, whatever it holds: %j", (sdfProperty) => {
  expect(checkModel(JSON.stringify({ sdfObject: { A: { sdfProperty } } })).model).toBeUndefined();
  for (const group of ["sdfObject", "sdfThing"]) {
    const { model, findings } = checkModel(JSON.stringify({ sdfObject: { A: { sdfProperty: { q }, [group]: { B: { sdfProperty } } } } }));
    expect(model?.properties.map(({ name }) => name)).toEqual(["q"]);
    expect(findings).toEqual([
      { severity: "warning", pointer: `/sdfObject/A/${group}`, message: "This quality is not one of RFC 9880 and has no effect." },
    ]);
  }
});

test("a thing in a thing and an object in that are part of the device, down to what is wrong with them", () => {
  const nested = (p: JsonObject) => JSON.stringify({ sdfThing: { A: { sdfThing: { B: { sdfObject: { C: { sdfProperty: { p } } } } } } } });
  expect(checkModel(nested(q)).model?.properties).toMatchObject([
    { name: "p", pointer: "/sdfThing/A/sdfThing/B/sdfObject/C/sdfProperty/p" },
  ]);
  expect(checkModel(nested({ enum: 5 })).findings).toMatchObject([{ severity: "error" }]);
});

const whole: JsonObject = {
  sdfThing: { T: { sdfThing: { U: { sdfObject: { O: { sdfProperty: { p: q } } } } }, sdfProperty: { r: { sdfRef: "#/sdfData/d" } } } },
  sdfObject: {
    O: {
      sdfRequired: ["p"],
      sdfProperty: { p: { type: "object", properties: { m: { type: "array", items: q } }, required: ["m"] } },
      sdfAction: { a: { sdfInputData: { type: "string", pattern: "a+" }, sdfOutputData: { sdfChoice: { x: { const: 1 } } } } },
      sdfEvent: { e: { sdfOutputData: { enum: ["a"] } } },
    },
  },
  sdfData: { d: { type: "integer", minimum: 1, default: 2 } },
};

/** Every object in a document, with itself. */
function objectsIn(value: JsonValue): Record<string, JsonValue>[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value as JsonObject).flatMap((part) => objectsIn(part));
  return isJsonObject(value) ? [value as Record<string, JsonValue>, ...inner] : inner;
}

test("a model whose parts are moved, copied or replaced gets findings or compiles, never an exception", () => {
  const names =
    "sdfThing sdfObject sdfProperty sdfAction sdfEvent sdfData sdfInputData sdfChoice properties items enum type required".split(" ");
  const leaf = fc.constantFrom<JsonValue>(5, "zzz", null, true, [], [5], {}, "#/sdfObject/O", "#/sdfThing/T/sdfThing");
  const step = fc.record({
    at: fc.nat(),
    from: fc.nat(),
    name: fc.constantFrom(...names, "", "sdfRef", "sdfRequired", "p"),
    leaf,
    copies: fc.boolean(),
  });
  const outcomes = { compiled: 0, refused: 0 };
  fc.assert(
    fc.property(fc.constantFrom("sdfObject", "sdfThing"), fc.nat(), fc.array(step, { maxLength: 4 }), (group, place, steps) => {
      const document = structuredClone(whole) as Record<string, JsonValue>;
      const parents = objectsIn(document).filter((parent) => Object.hasOwn(parent, "sdfProperty") || Object.hasOwn(parent, "type"));
      Object.assign(parents[place % parents.length] ?? {}, { [group]: structuredClone(whole["sdfObject"]) });
      for (const { at, from, name, leaf, copies } of steps) {
        const objects = objectsIn(document);
        const [target, source] = [objects[at % objects.length], objects[from % objects.length]];
        if (target !== undefined) target[name] = structuredClone(copies ? (source ?? null) : leaf);
      }
      const { model, findings } = checkModel(JSON.stringify(document));
      expect(model === undefined).toBe(findings.some(({ severity }) => severity === "error"));
      outcomes[model === undefined ? "refused" : "compiled"] += 1;
    }),
    { numRuns: 3_000, endOnFailure: true },
  );
  expect(Math.min(outcomes.compiled, outcomes.refused)).toBeGreaterThan(300);
});
