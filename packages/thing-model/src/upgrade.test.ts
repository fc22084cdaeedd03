import type { JsonObject } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { parseSdf } from "./parse.ts";
import { upgradeSdf } from "./upgrade.ts";

const inObject = (members: JsonObject): JsonObject => ({ sdfObject: { O: members } });
const property = (qualities: JsonObject) => inObject({ sdfProperty: { p: qualities } });
const AT = "/sdfObject/O/sdfProperty/p";

const upgrades: readonly (readonly [title: string, before: JsonObject, after: JsonObject, pointer: string])[] = [
  ["units is unit", property({ units: "m" }), property({ unit: "m" }), `${AT}/units`],
  [
    "the subtype byteString is a sdfType and a string",
    property({ subtype: "byteString" }),
    property({ sdfType: "byte-string", type: "string" }),
    `${AT}/subtype`,
  ],
  [
    "the subtype unix-time is a sdfType and a number",
    property({ subtype: "unix-time" }),
    property({ sdfType: "unix-time", type: "number" }),
    `${AT}/subtype`,
  ],
  ["sdfEnum is sdfChoice", property({ sdfEnum: { a: {} } }), property({ sdfChoice: { a: {} } }), `${AT}/sdfEnum`],
  ["a list for sdfEnum is enum", property({ sdfEnum: ["a"] }), property({ enum: ["a"] }), `${AT}/sdfEnum`],
  [
    "a true exclusiveMinimum takes the minimum",
    property({ minimum: 1, exclusiveMinimum: true }),
    property({ exclusiveMinimum: 1 }),
    `${AT}/exclusiveMinimum`,
  ],
  ["a false exclusiveMaximum goes", property({ maximum: 1, exclusiveMaximum: false }), property({ maximum: 1 }), `${AT}/exclusiveMaximum`],
  ["names for numbers are names", property({ type: "number", enum: ["Off"] }), property({ enum: ["Off"] }), `${AT}/type`],
  ["a list of one item is that item", property({ items: [{ type: "number" }] }), property({ items: { type: "number" } }), `${AT}/items`],
  ["sdfProduct is sdfThing", { sdfProduct: { T: { sdfProduct: { U: {} } } } }, { sdfThing: { T: { sdfThing: { U: {} } } } }, "/sdfProduct"],
  [
    "a pointer from the enclosing object starts at the document",
    inObject({ sdfRequired: ["#/sdfProperty/p"], sdfProperty: { p: { sdfRef: "#/sdfData/D" } }, sdfData: { D: {} } }),
    inObject({
      sdfRequired: ["#/sdfObject/O/sdfProperty/p"],
      sdfProperty: { p: { sdfRef: "#/sdfObject/O/sdfData/D" } },
      sdfData: { D: {} },
    }),
    `${AT}/sdfRef`,
  ],
  [
    "a pointer into an object of another name means this one",
    inObject({ sdfProperty: { p: { sdfRef: "#/sdfObject/Old/sdfData/D" } }, sdfData: { D: {} } }),
    inObject({ sdfProperty: { p: { sdfRef: "#/sdfObject/O/sdfData/D" } }, sdfData: { D: {} } }),
    `${AT}/sdfRef`,
  ],
  [
    "pointers follow what was renamed",
    { sdfData: { D: { sdfEnum: { a: {} } } }, ...property({ sdfRef: "#/sdfData/D/sdfEnum/a" }) },
    { sdfData: { D: { sdfChoice: { a: {} } } }, ...property({ sdfRef: "#/sdfData/D/sdfChoice/a" }) },
    `${AT}/sdfRef`,
  ],
  [
    "a list of parameters is an object, with its required members",
    inObject({
      sdfAction: {
        a: {
          sdfInputData: ["#/sdfObject/O/sdfAction/a/sdfData/x", "#/y", "#/z/X"],
          sdfRequiredInputData: ["#/sdfData/x"],
          sdfData: { x: {} },
        },
      },
    }),
    inObject({
      sdfAction: {
        a: {
          sdfInputData: { type: "object", properties: { x: { sdfRef: "#/sdfObject/O/sdfAction/a/sdfData/x" } }, required: ["x"] },
          sdfData: { x: {} },
        },
      },
    }),
    "/sdfObject/O/sdfAction/a/sdfInputData",
  ],
];

describe("upgradeSdf", () => {
  test.each(upgrades)("%s, and says so", (_title, before, after, pointer) => {
    const { document, changes } = upgradeSdf(before);
    expect(document).toEqual(after);
    expect(changes).toContainEqual({ severity: "warning", pointer, message: expect.stringMatching(/\.$/) });
    expect(upgradeSdf(document)).toEqual({ document, changes: [] });
    expect(upgradeSdf(document).document).toBe(document);
  });

  test.each<[string, JsonObject]>([
    ["a property called units", inObject({ sdfProperty: { units: { type: "string" }, subtype: {}, sdfEnum: {} } })],
    ["a member called units", property({ type: "object", properties: { units: { type: "string" } } })],
    ["a literal that looks like a quality", property({ const: { units: "m", sdfEnum: {} } })],
    ["units beside a unit", property({ unit: "m", units: "km" })],
    [
      "a reference into another document of the namespace",
      { namespace: { n: "https://a.example/" }, defaultNamespace: "n", ...property({ sdfRef: "n:#/sdfProperty/p" }) },
    ],
    [
      "a reference to what is inherited",
      {
        sdfObject: {
          A: { sdfProperty: { x: {} } },
          B: { sdfRef: "#/sdfObject/A" },
          C: { sdfProperty: { x: { sdfRef: "#/sdfObject/B/sdfProperty/x" } } },
        },
      },
    ],
  ])("leaves %s alone", (_title, document) => {
    expect(upgradeSdf(document)).toEqual({ document, changes: [] });
  });

  test("is not a way around the syntax: what it cannot read is still an error", () => {
    expect(checkModel(JSON.stringify(property({ exclusiveMinimum: true })))).toMatchObject({ model: undefined });
    expect(checkModel(JSON.stringify(property({ items: [{}, {}] })))).toMatchObject({ model: undefined });
  });

  test("a reference within an old document that names nothing is left out with a warning; in a document of today it is an error", () => {
    const p = { sdfRef: "#/sdfObject/O/sdfData/gone", description: "d" };
    const old = checkModel(JSON.stringify(inObject({ sdfProperty: { p, q: { type: "number", units: "m" } } })));
    expect(old.document).toEqual(inObject({ sdfProperty: { p: { description: "d" }, q: { type: "number", unit: "m" } } }));
    expect(old.changes.at(-1)).toEqual({ severity: "warning", pointer: `${AT}/sdfRef`, message: expect.stringMatching(/left out/) });
    expect(old.model?.validateProperties({ p: [1] })).toEqual([]);
    expect(checkModel(JSON.stringify(old.document)).model?.contentHash).toBe(old.model?.contentHash);
    expect(checkModel(JSON.stringify(inObject({ sdfProperty: { p } })))).toMatchObject({ model: undefined });
    const elsewhere = { p: { sdfRef: "x:#/sdfData/gone" }, q: { type: "number", units: "m" } };
    const foreign = { namespace: { x: "https://x.example/" }, ...inObject({ sdfProperty: elsewhere }) };
    expect(checkModel(JSON.stringify(foreign))).toMatchObject({ model: undefined });
  });

  test("an old model compiles to what the new one does, and both the changes and the new document come with it", () => {
    const before = property({ units: "m", type: "number", minimum: 0, exclusiveMinimum: true });
    const after = property({ unit: "m", type: "number", exclusiveMinimum: 0 });
    const old = checkModel(JSON.stringify(before));
    expect(old.model?.contentHash).toBe(checkModel(JSON.stringify(after)).model?.contentHash);
    expect(old.document).toEqual(after);
    expect(old.changes.map(({ pointer }) => pointer)).toEqual([`${AT}/units`, `${AT}/exclusiveMinimum`]);
    expect(old.findings).toEqual(old.changes);
    expect(parseSdf(JSON.stringify(after)).changes).toEqual([]);
  });

  test("a boolean bound and required input beside a sdfRef are read with what it names", () => {
    const sdfData = { d: { type: "number", minimum: 3 }, i: { type: "object", properties: { x: { type: "number" }, y: {} } } };
    const sdfProperty = { p: { sdfRef: "#/sdfData/d", exclusiveMinimum: true } };
    const a = { sdfInputData: { sdfRef: "#/sdfData/i" }, sdfRequiredInputData: ["#/sdfData/i/properties/x"] };
    const { model, changes } = checkModel(JSON.stringify({ sdfData, ...inObject({ sdfProperty, sdfAction: { a } }) }));
    expect(changes.map(({ pointer }) => pointer.split("/").at(-1))).toEqual(["exclusiveMinimum", "sdfRequiredInputData"]);
    expect([model?.validateProperties({ p: 3 }).length, model?.validateProperties({ p: 4 }).length]).toEqual([1, 0]);
    expect(model?.validateServiceInput("a", { y: 1 })).toMatchObject([{ pointer: "/x" }]);
    expect(model?.validateServiceInput("a", { x: 1 })).toEqual([]);
  });
});
