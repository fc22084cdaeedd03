import type { JsonValue } from "@mooring/contracts";
import type { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { createMultipleCheck } from "../decimal.ts";
import type { DataSchema } from "../schema.ts";
import type { ConversionSource } from "./source.ts";
import { readSource } from "./source.ts";

/** Steps as decimals, as the model checks them: Ajv divides in binary and allows 1e-9, which losses.ts says. */
export function useDecimalSteps(ajv: Ajv2020): Ajv2020 {
  ajv.removeKeyword("multipleOf");
  return ajv.addKeyword({
    keyword: "multipleOf",
    type: "number",
    schemaType: "number",
    compile: (step: number) => createMultipleCheck(step),
  });
}

/** Values near what a schema allows: mostly allowed, often only just not. */
export function valuesNear(schema: DataSchema): fc.Arbitrary<JsonValue> {
  const typed = ofType(schema);
  const parts: fc.Arbitrary<JsonValue>[] = [typed, typed];
  if (schema.enum !== undefined) parts.push(...Array(4).fill(fc.constantFrom(...schema.enum)));
  if (schema.const !== undefined) parts.push(...Array(4).fill(fc.constant(schema.const)));
  for (const choice of schema.choices ?? []) parts.push(valuesNear(choice.schema), valuesNear(choice.schema));
  return fc.oneof(...parts, strange);
}

const strange: fc.Arbitrary<JsonValue> = fc.constantFrom<JsonValue>(null, true, 0, -1, 1.5, "", "a", [], {}, [null], { value: 1 });
const texts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constantFrom("abc", "xyz", "2024-02-30", "2024-02-29T12:00:00Z", "12:00:00Z", "http://a.b/c", "0b2e1a2c-0000-4000-8000-000000000000"),
);

function ofType(schema: DataSchema): fc.Arbitrary<JsonValue> {
  switch (schema.type) {
    case "integer":
    case "number":
      return numberNear(schema);
    case "boolean":
      return fc.boolean();
    case "string":
      return texts;
    case "array":
      return arrayNear(schema);
    case "object":
      return objectNear(schema);
    default:
      return fc.oneof(fc.boolean(), numberNear(schema), texts, arrayNear(schema), objectNear(schema));
  }
}

function numberNear({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: DataSchema): fc.Arbitrary<number> {
  const bounds = [minimum, maximum, exclusiveMinimum, exclusiveMaximum].filter((bound) => bound !== undefined);
  const near = bounds.flatMap((bound) => [bound, bound - 1, bound + 1, bound - 0.5, bound + 0.5]);
  const low = minimum ?? exclusiveMinimum ?? -1000;
  const high = Math.max(low, maximum ?? exclusiveMaximum ?? low + 2000);
  const inside = fc.double({ min: low, max: high, noNaN: true }).map((value) => (type === "integer" ? Math.trunc(value) : value));
  // Whole steps from 0: what lies within rounding of a step is judged differently by design.
  const steps = fc
    .integer({ min: -50, max: 50 })
    .map((count) => (multipleOf === undefined ? count : Number((count * multipleOf).toFixed(9))));
  return fc.oneof(inside, steps, fc.constantFrom(0, ...near)).map((value) => (Object.is(value, -0) ? 0 : value));
}

function arrayNear({ items, minItems = 0, maxItems = 4 }: DataSchema): fc.Arbitrary<JsonValue> {
  const item = items === undefined ? strange : valuesNear(items);
  return fc.array(item, { minLength: Math.max(0, Math.min(minItems, 6) - 1), maxLength: Math.min(maxItems + 1, 8) });
}

function objectNear({ properties = {}, required = [] }: DataSchema): fc.Arbitrary<JsonValue> {
  const members = Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, valuesNear(member)]));
  const withMost = fc.record(members, { requiredKeys: required.filter((name) => name in members) });
  return fc.oneof(
    { arbitrary: withMost, weight: 4 },
    fc.record({ ...members, extra: strange }, { requiredKeys: [] }),
    fc.record({ value: strange, time: fc.constantFrom<JsonValue>(0, 5, -1, "now") }, { requiredKeys: ["value"] }),
  ) as fc.Arbitrary<JsonValue>;
}

/** A model of one text, for tests. */
export function sourceOf(document: unknown): ConversionSource {
  return readSource(JSON.stringify(document), { name: "model", version: "1.0.0" });
}
