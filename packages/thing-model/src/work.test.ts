// Alternatives multiply what one check costs: each pays for what it looks at, and the payload is refused before that takes long.
import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { boundMs, calibratedMs } from "./cpu.test-support.ts";
import { inObject, numbered } from "./hostile.test-support.ts";

const choice = (count: number, alternative: (index: number) => JsonValue): JsonObject => ({
  sdfChoice: numbered(count, alternative) as JsonObject,
});
const list = <T>(length: number, item: (index: number) => T): T[] => Array.from({ length }, (_, index) => item(index));
const nested = (depth: number): JsonObject =>
  depth === 0 ? { type: "array" } : { type: "array", uniqueItems: true, items: nested(depth - 1) };
const wrapped = (depth: number, value: JsonValue): JsonValue => (depth === 0 ? value : [wrapped(depth - 1, value)]);
const wide = { ...numbered(10_000, (index) => index) } as JsonObject;

const dear: readonly (readonly [title: string, schema: JsonObject, payload: JsonValue])[] = [
  ["different items", choice(1_000, () => ({ type: "array", uniqueItems: true })), [...list(4_000, (i) => ({ a: i })), { a: 0 }]],
  ["different texts", choice(1_000, () => ({ type: "array", uniqueItems: true })), [...list(8_000, (i) => `t${i}`), "t0"]],
  ["constants of one member and a large object", choice(1_000, (i) => ({ const: { a: [i] } })), { ...wide, a: [-1] }],
  ["constants without members and a large object", choice(1_000, () => ({ const: {} })), wide],
  ["a format and a long text", choice(1_000, () => ({ type: "string", format: "uri" })), `a:${"b".repeat(250_000)} `],
  ["a length and a long text", choice(1_000, () => ({ type: "string", minLength: 200_000, maxLength: 240_000 })), "b".repeat(250_000)],
  [
    "items of which the last is wrong",
    choice(3_000, () => ({ type: "array", items: { type: "integer" } })),
    [...list(30_000, () => 1), "x"],
  ],
  ["members of a large object", choice(1_000, () => ({ type: "object", properties: {} })), wide],
  [
    "required members",
    {
      type: "array",
      items: choice(61, (i) => (i === 60 ? { type: "object" } : { type: "object", required: list(400, (at) => `n${at}`) })),
    },
    list(300, () => Object.fromEntries(list(399, (i) => [`n${i}`, i]))),
  ],
  [
    "26 levels of different items",
    nested(26),
    wrapped(
      26,
      list(60_000, (i) => `text${i}`),
    ),
  ],
];
const inProperty = (schema: JsonObject) => inObject({ sdfProperty: { p: schema } });

describe.each(dear)("%s under many alternatives", (_title, schema, payload) => {
  test("are refused within 100 ms of CPU, with the reason", () => {
    const { model } = checkModel(inProperty(schema));
    const params = { p: payload };
    expect(model?.validateProperties(params)).toHaveLength(1);
    expect(calibratedMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
    expect(calibratedMs(() => model?.validateDesired(params))).toBeLessThan(boundMs);
  });

  test("are compiled within 100 ms of CPU where they are the default", () => {
    const text = inProperty({ ...schema, default: payload });
    if (text.length < 1_000_000) expect(calibratedMs(() => checkModel(text))).toBeLessThan(boundMs);
  });
});

test("a patch of an object under thousands of alternatives is answered within 100 ms of CPU", () => {
  const properties = Object.fromEntries(list(60, (i) => [`m${i}`, { type: "string" }]));
  const { model } = checkModel(
    JSON.stringify({
      sdfData: { d: { type: "object", properties } },
      sdfObject: { O: { sdfProperty: { p: choice(120, () => ({ sdfRef: "#/sdfData/d" })) } } },
    }),
  );
  const patch = { p: Object.fromEntries(list(60, (i) => [`m${i}`, i])) };
  expect(model?.validateDesired(patch)).toHaveLength(1);
  expect(calibratedMs(() => model?.validateDesired(patch))).toBeLessThan(boundMs);
});

test("a large payload that costs what it is long is taken", () => {
  const { model } = checkModel(
    inObject({
      sdfProperty: {
        rows: { type: "array", uniqueItems: true, items: { type: "object", properties: { a: { type: "number" }, b: { type: "string" } } } },
        link: { type: "string", format: "uri" },
        modes: { type: "array", items: choice(20, (i) => ({ minimum: 2 * i, maximum: 2 * i })) },
      },
    }),
  );
  const params = { rows: list(20_000, (a) => ({ a, b: "text" })), link: `a:${"b".repeat(500_000)}`, modes: list(20_000, () => 38) };
  expect(model?.validateProperties(params)).toEqual([]);
});
