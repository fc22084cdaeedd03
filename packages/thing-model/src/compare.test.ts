import type { JsonObject } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { compareModels } from "./compare.ts";
import { compileModel } from "./compile.ts";

type Sides = readonly [before: JsonObject, after: JsonObject];
const AT = "/sdfObject/O";
const read = (qualities: JsonObject) => ({ sdfProperty: { p: { writable: false, ...qualities } } });
const write = (qualities: JsonObject) => ({ sdfProperty: { p: qualities } });
const event = (data: JsonObject) => ({ sdfEvent: { e: { sdfOutputData: data } } });
const input = (data: JsonObject) => ({ sdfAction: { a: { sdfInputData: data } } });
const output = (data: JsonObject) => ({ sdfAction: { a: { sdfOutputData: data } } });
const compile = (members: JsonObject) => compileModel({ sdfObject: { O: members } });
const compare = ([before, after]: Sides) => compareModels(compile(before), compile(after));

/** A schema, and one that allows less. */
const narrowings: readonly (readonly [title: string, wide: JsonObject, narrow: JsonObject])[] = [
  ["number and integer", { type: "number" }, { type: "integer" }],
  ["any type and one", {}, { type: "string" }],
  ["minimum", { minimum: 1 }, { minimum: 2 }],
  ["no maximum and one", { type: "number" }, { type: "number", maximum: 2 }],
  ["a minimum and the same, exclusive", { minimum: 1 }, { exclusiveMinimum: 1 }],
  ["an exclusive maximum and a smaller inclusive one", { exclusiveMaximum: 3 }, { maximum: 2 }],
  ["exclusive maximum", { exclusiveMaximum: 3 }, { exclusiveMaximum: 2 }],
  ["step", { multipleOf: 0.5 }, { multipleOf: 1.5 }],
  ["length", { type: "string", maxLength: 9 }, { type: "string", maxLength: 8 }],
  ["no pattern and one", { type: "string" }, { type: "string", pattern: "a" }],
  ["items", { type: "array", items: { minimum: 0 } }, { type: "array", items: { minimum: 1 } }],
  ["number of items", { type: "array" }, { type: "array", minItems: 1 }],
  ["different items", { type: "array" }, { type: "array", uniqueItems: true }],
  ["null", { type: "number", nullable: true }, { type: "number" }],
  ["enum", { enum: ["a", "b"] }, { enum: ["a"] }],
  ["choices of constants", { sdfChoice: { a: { const: 1 }, b: { const: 2 } } }, { sdfChoice: { z: { const: 1 } } }],
  ["choices of ranges", { sdfChoice: { a: { minimum: 5 }, b: { maximum: 1 } } }, { sdfChoice: { a: { minimum: 6 } } }],
  ["a type and some of its values", { type: "string" }, { type: "string", enum: ["a"] }],
  ["a range and some of its values", { type: "number", minimum: 0, maximum: 10 }, { type: "number", enum: [1, 5] }],
  ["a range and one of its values", { type: "integer", minimum: 0, maximum: 10, multipleOf: 5 }, { const: 5 }],
  ["a range and a choice of its values", { minimum: 0, maximum: 10 }, { sdfChoice: { low: { const: 1 }, high: { const: 9 } } }],
  ["choices of ranges and values of them", { sdfChoice: { a: { minimum: 5 }, b: { maximum: 1 } } }, { enum: [0, 7] }],
  ["lengths and texts of them", { type: "string", minLength: 1, maxLength: 3 }, { enum: ["a", "abc"] }],
  ["a pattern and texts of it", { type: "string", pattern: "^a+$" }, { enum: ["a", "aa"] }],
  ["a format and texts of it", { type: "string", format: "date" }, { enum: ["2026-01-31"] }],
  ["a list and a range of some of its values", { enum: [1, 2, 3] }, { type: "integer", minimum: 1, maximum: 2 }],
  ["a list with values the range refuses, and one without", { maximum: 2, enum: [1, 2, 3] }, { enum: [2] }],
  ["a boolean and one of the two", { type: "boolean" }, { const: true }],
  ["steps of a half and whole numbers", { type: "number", multipleOf: 0.5 }, { type: "integer" }],
  ["whole numbers and steps of 2", { type: "integer" }, { type: "number", multipleOf: 2 }],
  ["whole numbers and halves of threes that are whole", { type: "integer", multipleOf: 1 }, { type: "integer", multipleOf: 1.5 }],
  ["an open object and a closed one", { type: "object" }, { type: "object", properties: { x: {} } }],
  ["members", { type: "object", properties: { x: {}, y: {} } }, { type: "object", properties: { x: {} } }],
  [
    "members' members",
    { properties: { x: { properties: { y: { maximum: 2 } } } } },
    { properties: { x: { properties: { y: { maximum: 1 } } } } },
  ],
  ["required members", { type: "object", properties: { x: {} } }, { type: "object", properties: { x: {} }, required: ["x"] }],
];

const incompatible: readonly (readonly [title: string, before: JsonObject, after: JsonObject])[] = [
  [
    "names of constants that change places",
    { sdfChoice: { off: { const: 0 }, on: { const: 1 } } },
    { sdfChoice: { off: { const: 1 }, on: { const: 0 } } },
  ],
  ["another type", { type: "string" }, { type: "number" }],
  ["another unit", { type: "number", unit: "Cel" }, { type: "number", unit: "K" }],
  ["another sdfType", { type: "string" }, { type: "string", sdfType: "byte-string" }],
  ["another pattern", { type: "string", pattern: "a" }, { type: "string", pattern: "b" }],
  ["a step that does not fit", { multipleOf: 2 }, { multipleOf: 3 }],
  ["a pattern and a text that is none of it", { type: "string", pattern: "^a+$" }, { enum: ["a", "b"] }],
  ["a range and a list that leaves it", { type: "number", minimum: 0, maximum: 10 }, { type: "number", enum: [1, 11] }],
  ["a list and a range with others and without some", { enum: [1, 2, 3] }, { type: "integer", minimum: 3, maximum: 4 }],
  ["values of a range in another unit", { type: "number", unit: "Cel" }, { type: "number", unit: "K", enum: [1] }],
  ["steps that are no whole numbers, and those", { type: "number", multipleOf: 1.5 }, { type: "integer" }],
  ["an enum with other values", { enum: ["a", "b"] }, { enum: ["b", "c"] }],
  ["a list of values of which one was none", { type: "number", maximum: 1 }, { type: "number", enum: [1, 2] }],
];

const same: readonly (readonly [title: string, one: JsonObject, other: JsonObject])[] = [
  ["whole numbers", { type: "integer" }, { type: "integer", multipleOf: 1 }],
  ["whole numbers, and steps of 1", { type: "integer" }, { type: "number", multipleOf: 1 }],
  ["whole numbers, and those that are halves", { type: "integer" }, { type: "integer", multipleOf: 0.5 }],
  ["a list, and a range of the same", { enum: [1, 2, 3] }, { type: "integer", minimum: 1, maximum: 3 }],
];

describe("compareModels", () => {
  test.each(same)("%s: the same values are no change", (_title, one, other) => {
    expect(compare([write(one), write(other)])).toEqual([]);
    expect(compare([write(other), write(one)])).toEqual([]);
  });

  test("a small step is no multiple of a large one", () => {
    const [wide, narrow] = [
      { type: "number", multipleOf: 1e-10 },
      { type: "number", multipleOf: 1 },
    ] as const;
    expect(compare([read(narrow), read(wide)])).toMatchObject([{ kind: "wider", isCompatible: false }]);
    expect(compare([read(wide), read(narrow)])).toMatchObject([{ kind: "narrower", isCompatible: true }]);
  });

  test.each(narrowings)("%s: what devices send may narrow, not widen", (_title, wide, narrow) => {
    for (const sent of [read, event, output]) {
      const narrowed = compare([sent(wide), sent(narrow)]);
      expect(narrowed.length).toBeGreaterThan(0);
      expect(narrowed).toEqual(narrowed.map((change) => ({ ...change, isCompatible: true, directions: ["sent"], kind: "narrower" })));
      const widened = compare([sent(narrow), sent(wide)]);
      expect(widened.length).toBeGreaterThan(0);
      expect(widened).toEqual(widened.map((change) => ({ ...change, isCompatible: false, kind: "wider" })));
    }
  });

  test.each(narrowings)("%s: what devices receive may widen, not narrow", (_title, wide, narrow) => {
    const widened = compare([input(narrow), input(wide)]);
    expect(widened.length).toBeGreaterThan(0);
    expect(widened).toEqual(widened.map((change) => ({ ...change, isCompatible: true, directions: ["received"], kind: "wider" })));
    const narrowed = compare([input(wide), input(narrow)]);
    expect(narrowed).toEqual(narrowed.map((change) => ({ ...change, isCompatible: false, kind: "narrower" })));
  });

  test.each(narrowings)("%s: what is both sent and desired may neither narrow nor widen", (_title, wide, narrow) => {
    for (const sides of [
      [write(wide), write(narrow)],
      [write(narrow), write(wide)],
    ] as const) {
      const changes = compare(sides);
      expect(changes.length).toBeGreaterThan(0);
      expect(changes.every((change) => !change.isCompatible)).toBe(true);
    }
  });

  test.each(incompatible)("%s is compatible in no direction", (_title, before, after) => {
    for (const side of [read, write, event, input, output]) {
      expect(compare([side(before), side(after)])).toContainEqual(expect.objectContaining({ isCompatible: false }));
    }
  });

  test("texts, defaults and comments may change, and a choice's names where the values are the same", () => {
    const before = { label: "A", description: "B", type: "integer", default: 1, sdfChoice: { a: { const: 1 } } } as const;
    expect(
      compare([write(before), write({ ...before, label: "C", description: "D", default: 2, sdfChoice: { b: { const: 1 } } })]),
    ).toEqual([]);
  });

  test("new members are compatible, those that are gone are not", () => {
    expect(compare([{}, { ...write({}), ...event({}) }])).toMatchObject([
      { kind: "added", isCompatible: true, member: "property p", pointer: `${AT}/sdfProperty/p` },
      { kind: "added", isCompatible: true, member: "event e" },
    ]);
    expect(compare([read({}), {}])).toMatchObject([
      {
        kind: "removed",
        isCompatible: false,
        member: "property p",
        message: "The property p is gone, and its name is refused from now on, so that needs a new major version.",
      },
    ]);
  });

  test("becoming writable is compatible even while the values narrow, since nothing was received before; ceasing to be is not", () => {
    expect(compare([read({ minimum: 1 }), write({ minimum: 2 })]).every((change) => change.isCompatible)).toBe(true);
    expect(compare([write({}), read({})])).toMatchObject([{ isCompatible: false, pointer: `${AT}/sdfProperty/p/writable` }]);
    expect(compare([read({}), read({ readable: false })])).toMatchObject([{ isCompatible: false, kind: "narrower" }]);
  });

  test("sdfRequired may be added, not taken away: it says what is sent", () => {
    const required = { sdfRequired: ["p"], ...read({}) };
    expect(compare([read({}), required])).toMatchObject([{ isCompatible: true }]);
    expect(compare([required, read({})])).toMatchObject([{ isCompatible: false }]);
  });

  test("data that an event or service had or did not have is another thing", () => {
    expect(compare([{ sdfEvent: { e: {} } }, event({ type: "number" })])).toMatchObject([{ kind: "different", isCompatible: false }]);
    expect(compare([input({ type: "number" }), { sdfAction: { a: {} } }])).toMatchObject([{ kind: "different", isCompatible: false }]);
  });

  test("one change that breaks is told behind however many that do not, and at most 1,000 are told", () => {
    const members = (maximum: number, last: number): JsonObject => ({
      type: "object",
      properties: {
        ...Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`m${index}`, { type: "number", maximum }])),
        z: { type: "number", maximum: last },
      },
    });
    const changes = compare([read(members(2, 2)), read(members(1, 3))]);
    expect(changes).toHaveLength(1_000);
    expect(changes.filter(({ isCompatible }) => !isCompatible)).toMatchObject([{ pointer: `${AT}/sdfProperty/p/properties/z/maximum` }]);
  });

  test("each change says which member, where, what and why", () => {
    const [change] = compare([
      read({ properties: { x: { type: "number", maximum: 1 } } }),
      read({ properties: { x: { type: "number", maximum: 2 } } }),
    ]);
    expect(change).toEqual({
      pointer: `${AT}/sdfProperty/p/properties/x/maximum`,
      member: "property p",
      kind: "wider",
      directions: ["sent"],
      isCompatible: false,
      message: "The property p has the maximum 2 instead of 1 at x: it is wider, and devices send it, so that needs a new major version.",
    });
  });
});
