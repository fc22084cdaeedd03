import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { resolveSdf } from "./resolve.ts";

/** Things of one object each, by their names. */
const objects = (members: JsonObject): JsonObject => ({ sdfObject: members });
const data = (members: JsonObject): JsonObject => ({ sdfData: members });
const number = { type: "number", minimum: 1, maximum: 9 };
const x = "#/sdfObject/A/sdfProperty/x";
const A: JsonObject = { sdfProperty: { x: number } };

type Case = readonly [title: string, document: JsonObject, path: readonly string[], expected: JsonValue | undefined];

const members: readonly Case[] = [
  [
    "a sibling that is inherited and patched",
    objects({
      A,
      B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { maximum: 5 }, q: { sdfRef: "#/sdfObject/B/sdfProperty/x", label: "q" } } },
    }),
    ["sdfObject", "B", "sdfProperty", "q"],
    { type: "number", minimum: 1, maximum: 5, label: "q" },
  ],
  [
    "a sibling that is only inherited",
    objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: { q: { sdfRef: "#/sdfObject/B/sdfProperty/x" } } } }),
    ["sdfObject", "B", "sdfProperty", "q"],
    number,
  ],
  [
    "a part of its own owner that comes over three steps",
    objects({
      A,
      B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { minimum: 2 } } },
      C: { sdfRef: "#/sdfObject/B", sdfProperty: { x: { maximum: null } } },
      D: { sdfRef: "#/sdfObject/C", sdfAction: { a: { sdfInputData: { sdfRef: "#/sdfObject/D/sdfProperty/x", unit: "m" } } } },
    }),
    ["sdfObject", "D", "sdfAction", "a", "sdfInputData"],
    { type: "number", minimum: 2, unit: "m" },
  ],
  [
    "a member of a member that is inherited at both levels",
    data({
      P: { type: "object", properties: { m: { sdfRef: "#/sdfData/N" } } },
      N: { type: "object", properties: { n: number } },
      Q: { sdfRef: "#/sdfData/P", properties: { m: { properties: { n: { minimum: 3 } } } } },
      R: { sdfRef: "#/sdfData/Q/properties/m/properties/n" },
    }),
    ["sdfData", "R"],
    { type: "number", minimum: 3, maximum: 9 },
  ],
  [
    "its owner, without the member that refers so",
    data({ P: { type: "object", properties: { x: { sdfRef: "#/sdfData/P", properties: { x: null } }, y: {} } } }),
    ["sdfData", "P", "properties", "x"],
    { type: "object", properties: { y: {} } },
  ],
  [
    "the same definition below one that inherits it",
    data({ R: { type: "object", properties: { y: {} } }, P: { sdfRef: "#/sdfData/R", properties: { x: { sdfRef: "#/sdfData/R" } } } }),
    ["sdfData", "P", "properties", "x"],
    { type: "object", properties: { y: {} } },
  ],
];

const nulls: readonly Case[] = [
  [
    "in the first of three",
    data({ a: { default: null, ...number }, b: { sdfRef: "#/sdfData/a", label: "b" } }),
    ["sdfData", "b"],
    { default: null, ...number, label: "b" },
  ],
  [
    "in the second",
    data({ a: number, b: { sdfRef: "#/sdfData/a", minimum: null }, c: { sdfRef: "#/sdfData/b" } }),
    ["sdfData", "c"],
    { type: "number", maximum: 9 },
  ],
  [
    "in the third",
    data({ a: number, b: { sdfRef: "#/sdfData/a", minimum: 3 }, c: { sdfRef: "#/sdfData/b", minimum: null } }),
    ["sdfData", "c"],
    { type: "number", maximum: 9 },
  ],
  [
    "in the second, with a value again in the third",
    data({ a: number, b: { sdfRef: "#/sdfData/a", minimum: null }, c: { sdfRef: "#/sdfData/b", minimum: 4 } }),
    ["sdfData", "c"],
    { type: "number", maximum: 9, minimum: 4 },
  ],
  [
    "in an inner patch with a sdfRef of its own, for what the outer one inherits",
    {
      ...data({ other: { type: "number", label: "other" } }),
      ...objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { sdfRef: "#/sdfData/other", maximum: null } } } }),
    },
    ["sdfObject", "B", "sdfProperty", "x"],
    { type: "number", minimum: 1, label: "other" },
  ],
  [
    "in an inner patch with a sdfRef of its own, for what that brings",
    {
      ...data({ other: { type: "number", label: "other" } }),
      ...objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { sdfRef: "#/sdfData/other", label: null } } } }),
    },
    ["sdfObject", "B", "sdfProperty", "x"],
    number,
  ],
  [
    "for a whole member",
    objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: null, y: {} } } }),
    ["sdfObject", "B", "sdfProperty"],
    { y: {} },
  ],
  ["for a whole group", objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: null } }), ["sdfObject", "B"], {}],
  [
    "for a group that a later one has again",
    objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: null }, C: { sdfRef: "#/sdfObject/B", sdfProperty: { x: { label: "new" } } } }),
    ["sdfObject", "C", "sdfProperty"],
    { x: { label: "new" } },
  ],
  [
    "for nothing",
    objects({ A, B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { unit: null, const: { a: null, b: 1 } } } } }),
    ["sdfObject", "B", "sdfProperty", "x"],
    { ...number, const: { b: 1 } },
  ],
  [
    "inside a const",
    data({ a: { const: { k: 1, l: 2 } }, b: { sdfRef: "#/sdfData/a", const: { k: null } } }),
    ["sdfData", "b"],
    { const: { l: 2 } },
  ],
  [
    "where a value becomes an object",
    data({ a: { const: 1 }, b: { sdfRef: "#/sdfData/a", const: { k: null, l: 2 } } }),
    ["sdfData", "b"],
    { const: { l: 2 } },
  ],
  [
    "where an object becomes a list",
    data({ a: { const: { k: 1 } }, b: { sdfRef: "#/sdfData/a", const: [null] } }),
    ["sdfData", "b"],
    { const: [null] },
  ],
];

const required: readonly Case[] = [
  [
    "of a thing inside the inherited one",
    {
      sdfThing: {
        T: { sdfObject: { O: { sdfRequired: ["#/sdfThing/T/sdfObject/O/sdfProperty/x"], sdfProperty: { x: {} } } } },
        U: { sdfRef: "#/sdfThing/T" },
      },
    },
    ["sdfThing", "U", "sdfObject", "O", "sdfRequired"],
    ["#/sdfThing/U/sdfObject/O/sdfProperty/x"],
  ],
  [
    "that leads to the owner of the object that has it",
    {
      sdfThing: {
        T: { sdfProperty: { x: {} }, sdfObject: { O: { sdfRequired: ["#/sdfThing/T/sdfProperty/x"] } } },
        U: { sdfRef: "#/sdfThing/T" },
      },
    },
    ["sdfThing", "U", "sdfObject", "O", "sdfRequired"],
    ["#/sdfThing/U/sdfProperty/x"],
  ],
  [
    "over three, whichever is written first",
    objects({
      A: { sdfRequired: [x, true], sdfProperty: { x: {} } },
      B: { sdfRef: "#/sdfObject/A" },
      C: { sdfRef: "#/sdfObject/B", sdfProperty: { y: { sdfRef: "#/sdfObject/C/sdfProperty/x" } } },
    }),
    ["sdfObject", "C", "sdfRequired"],
    ["#/sdfObject/C/sdfProperty/x", true],
  ],
  [
    "of an object that a thing inherits and that inherits itself",
    {
      ...objects({ A: { sdfRequired: [x], sdfProperty: { x: {} } } }),
      sdfThing: { T: { sdfObject: { O: { sdfRef: "#/sdfObject/A" } } }, U: { sdfRef: "#/sdfThing/T" } },
    },
    ["sdfThing", "U", "sdfObject", "O", "sdfRequired"],
    ["#/sdfThing/U/sdfObject/O/sdfProperty/x"],
  ],
  [
    "that names its very definition",
    objects({ A: { sdfRequired: ["#/sdfObject/A"] }, B: { sdfRef: "#/sdfObject/A" } }),
    ["sdfObject", "B", "sdfRequired"],
    ["#/sdfObject/B"],
  ],
  [
    "that the patch replaces",
    objects({ A: { sdfRequired: [x], ...A }, B: { sdfRef: "#/sdfObject/A", sdfRequired: [] } }),
    ["sdfObject", "B", "sdfRequired"],
    [],
  ],
  [
    "that the patch deletes",
    objects({ A: { sdfRequired: [x], ...A }, B: { sdfRef: "#/sdfObject/A", sdfRequired: null } }),
    ["sdfObject", "B"],
    A,
  ],
];

const library: JsonObject = {
  namespace: { lib: "urn:example:lib" },
  defaultNamespace: "lib",
  sdfObject: {
    A: { sdfRequired: [x, "#/sdfObject/Z"], ...A },
    B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { minimum: null }, q: { sdfRef: "#/sdfObject/B/sdfProperty/x", unit: "m" } } },
  },
};
const header: JsonObject = { namespace: { lib: "urn:example:lib", own: "urn:example:own" }, defaultNamespace: "own" };

const imported: readonly Case[] = [
  [
    "what another document's definition inherits",
    data({ d: { sdfRef: "lib:#/sdfObject/B/sdfProperty/x" } }),
    ["sdfData", "d"],
    { type: "number", maximum: 9 },
  ],
  [
    "and refers to in itself",
    data({ d: { sdfRef: "lib:#/sdfObject/B/sdfProperty/q", maximum: null } }),
    ["sdfData", "d"],
    { type: "number", unit: "m" },
  ],
  [
    "and requires, over three, without what stays there",
    objects({ O: { sdfRef: "lib:#/sdfObject/B" }, P: { sdfRef: "#/sdfObject/O" } }),
    ["sdfObject", "P", "sdfRequired"],
    ["#/sdfObject/P/sdfProperty/x"],
  ],
  [
    "patched here, from within the patch",
    objects({ O: { sdfRef: "lib:#/sdfObject/B", sdfProperty: { x: { maximum: 7 }, own: { sdfRef: "own:#/sdfObject/O/sdfProperty/x" } } } }),
    ["sdfObject", "O", "sdfProperty", "own"],
    { type: "number", maximum: 7 },
  ],
];

function at(document: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((node, name) => (node as JsonObject | undefined)?.[name], document);
}

describe("sdfRef [RFC 9880 s4.4, RFC 7396 s2]", () => {
  test.each(members)("names %s", (_title, document, path, expected) => {
    const { document: resolved, findings } = resolveSdf(document);
    expect([findings, at(resolved, path)]).toEqual([[], expected]);
  });

  test.each(nulls)("a null %s", (_title, document, path, expected) => {
    const { document: resolved, findings } = resolveSdf(document);
    expect([findings, at(resolved, path)]).toEqual([[], expected]);
  });

  test.each(required)("moves a sdfRequired %s", (_title, document, path, expected) => {
    const { document: resolved, findings } = resolveSdf(document);
    expect([findings, at(resolved, path)]).toEqual([[], expected]);
  });

  test.each(imported)("brings %s", (_title, document, path, expected) => {
    const { document: resolved, findings } = resolveSdf({ ...header, ...document }, [library]);
    expect([findings, at(resolved, path)]).toEqual([[], expected]);
  });

  test("resolves to the same whichever order the definitions stand in", () => {
    for (const [, document, path, expected] of [...members, ...nulls, ...required]) {
      const reversed = Object.fromEntries(
        Object.entries(document)
          .reverse()
          .map(([group, entries]) => [group, Object.fromEntries(Object.entries(entries as JsonObject).reverse())]),
      );
      expect(at(resolveSdf(reversed).document, path)).toEqual(expected);
    }
  });

  test.each<[string, JsonObject]>([
    ["a part of itself", data({ A: { sdfRef: "#/sdfData/A/properties/p", properties: { p: {} } } })],
    ["what only it would bring", data({ A: { sdfRef: "#/sdfData/B/properties/p" }, B: { sdfRef: "#/sdfData/A" } })],
    ["itself in a patch that grows", data({ A: { properties: { a: { sdfRef: "#/sdfData/A", properties: { a: { label: "x" } } } } } })],
  ])("of a definition to %s is an error, not a loop", (_title, document) => {
    expect(resolveSdf(document).findings).toContainEqual(
      expect.objectContaining({ severity: "error", message: expect.stringMatching(/back to itself/) }),
    );
  });

  test("each definition is put together from at most 64 others", () => {
    const chain = (length: number) =>
      data(
        Object.fromEntries(
          Array.from({ length }, (_, index) => [
            `d${length - index}`,
            index === 0 ? {} : { sdfRef: `#/sdfData/d${length - index + 1}`, label: "x" },
          ]),
        ),
      );
    expect(resolveSdf(chain(60)).findings).toEqual([]);
    expect(resolveSdf(chain(100)).findings).toContainEqual(expect.objectContaining({ message: expect.stringMatching(/64 levels/) }));
  });
});
