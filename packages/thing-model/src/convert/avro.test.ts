import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import avsc from "avsc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exportAvro } from "./avro.ts";
import { sourceOf, valuesNear } from "./convert.test-support.ts";
import { sampleSources } from "./samples.test-support.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as unknown;

/** A value as the schema's own attributes say it is written: names spelled in Avro's letters, JSON text where there is no type. */
function toAvro(type: JsonValue, value: JsonValue | undefined): JsonValue {
  if (Array.isArray(type))
    return value === undefined || value === null ? null : toAvro(type.find((branch) => branch !== "null") ?? null, value);
  if (!isJsonObject(type)) return value ?? null;
  if (type["sdfEncoding"] === "json") return JSON.stringify(value);
  if (type["type"] === "array") return (value as readonly JsonValue[]).map((item) => toAvro(type["items"] ?? null, item));
  if (type["type"] !== "record") return value ?? null;
  const fields = type["fields"] as readonly JsonObject[];
  return Object.fromEntries(
    fields.map((field) => [String(field["name"]), toAvro(field["type"] ?? null, (value as JsonObject)[String(field["sdfName"])])]),
  );
}

function fromAvro(type: JsonValue, value: JsonValue): JsonValue | undefined {
  if (Array.isArray(type)) return value === null ? undefined : fromAvro(type.find((branch) => branch !== "null") ?? null, value);
  if (!isJsonObject(type)) return value;
  if (type["sdfEncoding"] === "json") return JSON.parse(String(value)) as JsonValue;
  // A null among items is a value; a member's is a member left out.
  if (type["type"] === "array") return (value as readonly JsonValue[]).map((item) => fromAvro(type["items"] ?? null, item) ?? null);
  if (type["type"] !== "record") return value;
  const members = (type["fields"] as readonly JsonObject[]).map((field) => {
    return [String(field["sdfName"]), fromAvro(field["type"] ?? null, (value as JsonObject)[String(field["name"])] ?? null)] as const;
  });
  return Object.fromEntries(members.filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}

/** Without members that are null, which Avro cannot tell from members left out (a listed loss). */
function withoutNulls(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

const odd = {
  sdfObject: {
    O: {
      sdfProperty: {
        "1 灯": { type: "object", properties: { "a b": { type: "number" }, "a/b": { type: "string" } }, required: ["a b"] },
        a_b: { type: "array", items: { type: "array", items: { type: "object", properties: { x: { enum: ["one", "two"] } } } } },
        "a b": { sdfChoice: { x: { type: "number" }, y: { type: "string" } } },
        n: { type: "array", items: { type: "integer", nullable: true } },
      },
    },
  },
};
const sources = [{ title: "every quality", source: sourceOf(own) }, { title: "odd names", source: sourceOf(odd) }, ...sampleSources()];

let tried = 0;

describe.each(sources)("$title", ({ title, source }) => {
  const { document } = exportAvro(source);

  test("every record is a schema to an Avro implementation, and allowed reports come back as they were", () => {
    const type = avsc.Type.forSchema(document[0] as unknown as avsc.Schema, { wrapUnions: "never" });
    avsc.Type.forSchema(document as unknown as avsc.Schema, { wrapUnions: "always" });
    const members = Object.fromEntries(source.model.properties.map(({ name, schema }) => [name, valuesNear(schema)]));
    fc.assert(
      fc.property(fc.record(members, { requiredKeys: [] }), (candidate) => {
        const allowed = Object.entries(candidate).filter(
          ([name, value]) => source.model.validateProperties({ [name]: value }).length === 0,
        );
        const report = source.model.unwrapProperties(Object.fromEntries(allowed) as JsonObject).values;
        const bytes = type.toBuffer(toAvro(document[0] ?? null, report));
        expect(fromAvro(document[0] ?? null, type.fromBuffer(bytes) as JsonValue)).toEqual(withoutNulls(report));
        tried += allowed.length;
      }),
      { numRuns: title.endsWith(".json") ? 10 : 200 },
    );
  });
});

test("there were values to write", () => {
  expect(tried).toBeGreaterThan(500);
});

describe("lists whose items would take no bytes", () => {
  const empty = { type: "object", properties: {} };
  test.each<[string, object]>([
    ["an object of nothing", empty],
    ["an object of such objects", { type: "object", properties: { a: empty, b: empty }, required: ["a", "b"] }],
  ])("are refused: %s", (_title, items) => {
    const source = sourceOf({ sdfObject: { O: { sdfProperty: { p: { type: "array", items } } } } });
    expect(() => exportAvro(source)).toThrow(PlatformError);
    expect(() => exportAvro(source)).toThrow(/\/sdfObject\/O\/sdfProperty\/p\/items/);
  });

  test("an item that may be null, or has a member that may be left out, takes a byte", () => {
    const items = { type: "object", properties: { a: empty } };
    const source = sourceOf({
      sdfObject: { O: { sdfProperty: { p: { type: "array", items }, q: { type: "array", items: { ...empty, nullable: true } } } } },
    });
    expect(exportAvro(source).document.length).toBe(1);
  });
});
