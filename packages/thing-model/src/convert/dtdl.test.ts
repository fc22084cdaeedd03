import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { sourceOf } from "./convert.test-support.ts";
import { exportDtdl } from "./dtdl.ts";
import { sampleSources } from "./samples.test-support.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as unknown;
const nest = (depth: number): object => (depth === 0 ? { type: "number" } : { type: "object", properties: { in: nest(depth - 1) } });
const odd = {
  sdfObject: {
    O: {
      sdfProperty: {
        "a b": { type: "number", description: "x".repeat(600) },
        a_b: {},
        _: { type: "boolean" },
        "1": { enum: ["a b", "a_b", "1"] },
        灯: { enum: [1, 2] },
        deep: nest(9),
        lists: { type: "array", items: { type: "array", items: { type: "integer" } } },
      },
    },
  },
};
const NAME = /^[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?$/;
/** The expression of the DTDL v3 specification, "Digital Twin Model Identifier". */
const DTMI =
  /^dtmi:[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?(?::[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?)*(?:;[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,5})?)?$/;
const primitives = ["boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time"];

/** What the DTDL v3 specification says of names and schemas, by hand: its parser is no npm package. */
function judgeSchema(schema: JsonValue | undefined, depth: number): void {
  if (typeof schema === "string") {
    expect(primitives).toContain(schema);
    return;
  }
  if (!isJsonObject(schema)) throw new Error("a schema must be a name or an object");
  if (schema["@type"] === "Enum") {
    const values = schema["enumValues"] as readonly JsonObject[];
    judgeNames(values);
    expect(values.length).toBeGreaterThan(0);
    expect(new Set(values.map((value) => value["enumValue"])).size).toBe(values.length);
    for (const value of values) expect(typeof value["enumValue"]).toBe(schema["valueSchema"] === "string" ? "string" : "number");
    return;
  }
  expect(depth).toBeLessThan(5);
  if (schema["@type"] === "Array") judgeSchema(schema["elementSchema"], depth + 1);
  else {
    expect(schema["@type"]).toBe("Object");
    const fields = schema["fields"] as readonly JsonObject[];
    judgeNames(fields);
    for (const field of fields) judgeSchema(field["schema"], depth + 1);
  }
}

function judgeNames(entries: readonly JsonObject[]): void {
  const names = entries.map((entry) => String(entry["name"]));
  for (const name of names) expect(name).toMatch(NAME);
  expect(new Set(names).size).toBe(names.length);
  for (const entry of entries) {
    for (const text of ["displayName", "description", "comment"]) {
      if (entry[text] !== undefined) expect(String(entry[text]).length).toBeLessThanOrEqual(512);
    }
  }
}

const sources = [{ title: "every quality", source: sourceOf(own) }, { title: "odd names", source: sourceOf(odd) }, ...sampleSources()];

test.each(sources)("$title is a DTDL v3 Interface with everything of the model in it", ({ source }) => {
  const { document } = exportDtdl(source);
  const contents = document["contents"] as readonly JsonObject[];
  const { properties, events, services } = source.model;
  expect(document["@id"]).toMatch(DTMI);
  expect(contents.length).toBe(properties.length + events.length + services.length);
  judgeNames(contents);
  for (const entry of contents) {
    if (entry["@type"] !== "Command") judgeSchema(entry["schema"], 0);
    for (const payload of [entry["request"], entry["response"]]) if (isJsonObject(payload)) judgeSchema(payload["schema"], 0);
  }
  for (const [index, { name, writable }] of properties.entries()) {
    expect(contents[index]?.["comment"] ?? contents[index]?.["name"]).toBe(name);
    expect(contents[index]?.["writable"]).toBe(writable);
  }
});

test.each([
  ["1.0.0", ";1"],
  ["1.0.7", ";1"],
  ["1.2.0", ";1.2"],
  ["1.20.3", ";1.20"],
  ["12.3.0-rc.1", ";12.3"],
  ["999999999.999999.0", ";999999999.999999"],
  ["1.1000000.0", ";1"],
  ["0.3.0", ""],
])("version %s is the DTMI's %s: a minor version is a model of its own", (version, expected) => {
  const id = String(exportDtdl({ ...sourceOf(own), version }).document["@id"]);
  expect(id).toBe(`dtmi:mooring:model${expected}`);
  expect(id).toMatch(DTMI);
});

describe("what DTDL cannot say", () => {
  test("is reported where it is", () => {
    const { losses } = exportDtdl(sourceOf(odd));
    const pointers = losses.map(({ pointer }) => pointer.replace("/sdfObject/O/sdfProperty", ""));
    expect(pointers).toEqual(expect.arrayContaining(["/a b", "/_", "/1", `/deep${"/properties/in".repeat(5)}`]));
  });
});
