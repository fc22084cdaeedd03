// Nothing is dropped in silence: whatever a model says, taking it away changes what is written or what is reported as lost.
import { describe, expect, test } from "vitest";
import { sourceOf } from "./convert.test-support.ts";
import { exportFormatNames, exportModel } from "./formats.ts";

type Definition = Readonly<Record<string, unknown>>;

const number = { type: "number" };
const text = { type: "string" };
const list = { type: "array", items: number };
const object = { type: "object", properties: { x: number, y: text } };

/** What each quality is added to. */
const data: readonly [Definition, Definition][] = [
  [number, { minimum: 3 }],
  [number, { maximum: 3 }],
  [number, { exclusiveMinimum: 3 }],
  [number, { exclusiveMaximum: 3 }],
  [number, { multipleOf: 0.5 }],
  [number, { unit: "Cel" }],
  [number, { default: 7 }],
  [number, { const: 7 }],
  [number, { enum: [7, 8.5] }],
  [{ type: "integer" }, { enum: [7, 8] }],
  [{ type: "integer" }, { sdfChoice: { low: { const: 0 }, high: { minimum: 5 } } }],
  [number, { nullable: true }],
  [number, { label: "A label" }],
  [number, { description: "A description." }],
  [text, { minLength: 2 }],
  [text, { maxLength: 2 }],
  [text, { pattern: "^a" }],
  [text, { format: "uri" }],
  [text, { sdfType: "byte-string" }],
  [text, { contentFormat: "text/html" }],
  [text, { enum: ["a", "b"] }],
  [text, { enum: ["a b", "c"] }],
  [list, { minItems: 2 }],
  [list, { maxItems: 2 }],
  [list, { uniqueItems: true }],
  [object, { required: ["x"] }],
  [{}, { type: "boolean" }],
  [{}, { type: "integer" }],
  [{ type: "object" }, { properties: { x: number } }],
  [{ type: "array" }, { items: number }],
];

const affordance: readonly [string, Definition][] = [
  ["sdfProperty", { writable: false }],
  ["sdfProperty", { readable: false }],
  ["sdfProperty", { observable: false }],
  ["sdfProperty", { sdfRequired: [true] }],
  ["sdfEvent", { sdfRequired: [true] }],
  ["sdfAction", { sdfRequired: [true] }],
  ["sdfEvent", { label: "A label" }],
  ["sdfEvent", { description: "A description." }],
  ["sdfAction", { label: "A label" }],
  ["sdfAction", { description: "A description." }],
  ["sdfEvent", { sdfOutputData: number }],
  ["sdfAction", { sdfInputData: object }],
  ["sdfAction", { sdfOutputData: object }],
];

function places(definition: Definition): readonly object[] {
  return [
    { sdfProperty: { p: definition } },
    { sdfProperty: { p: { type: "object", properties: { m: definition } } } },
    { sdfProperty: { p: { type: "array", items: definition } } },
    { sdfEvent: { e: { sdfOutputData: definition } } },
    { sdfAction: { a: { sdfInputData: { type: "object", properties: { m: definition } } } } },
  ];
}

describe.each(exportFormatNames)("%s", (format) => {
  const write = (group: object) => {
    const source = sourceOf({ sdfObject: { O: group } });
    // The hash names the model, it does not say what the model says.
    const { text: written, losses } = exportModel(source, format);
    return JSON.stringify([written.replaceAll(source.model.contentHash.slice(0, 16), ""), losses]);
  };

  test.each(data.map(([base, added]) => ({ name: JSON.stringify(added), base, added })))(
    "$name is written or reported",
    ({ base, added }) => {
      const [without, within] = [places(base), places({ ...base, ...added })];
      for (const [index, group] of within.entries()) {
        expect(write(group) === write(without[index] ?? {}), JSON.stringify(group)).toBe(false);
      }
    },
  );

  test.each(affordance.map(([kind, added]) => ({ name: `${kind} ${JSON.stringify(added)}`, kind, added })))(
    "$name is written or reported",
    ({ kind, added }) => {
      const base = kind === "sdfProperty" ? number : {};
      expect(write({ [kind]: { x: { ...base, ...added } } })).not.toBe(write({ [kind]: { x: base } }));
    },
  );
});
