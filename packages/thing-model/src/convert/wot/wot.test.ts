import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { sourceOf } from "../convert.test-support.ts";
import { sampleSources } from "../samples.test-support.ts";
import type { ConversionSource } from "../source.ts";
import { exportWotTm } from "./export.ts";
import { importWotTm } from "./import.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../../fixtures/every-quality.sdf.json"), "utf8")) as unknown;

/** What a model means, without where its document says it. */
function meaningOf({ model }: ConversionSource): unknown {
  const plain = ({ pointer: _, ...entry }: { readonly pointer: string }) => entry;
  return { properties: model.properties.map(plain), events: model.events.map(plain), services: model.services.map(plain) };
}

describe.each([{ title: "every quality", source: sourceOf(own) }, ...sampleSources()])("$title", ({ source }) => {
  test("comes back from a Thing Model with the same meaning, and that Thing Model comes back as it was", () => {
    const tm = exportWotTm(source).document;
    const again = sourceOf(importWotTm(JSON.stringify(tm)).document);
    expect(meaningOf(again)).toEqual(meaningOf(source));
    expect(exportWotTm({ ...again, name: source.name }).document).toEqual(tm);
  });
});

const vectorFolder = join(
  process.env["MOORING_TEST_SAMPLES_DIR"] ?? join(import.meta.dirname, "../../../../../../shared/sdf-samples"),
  "wot-tm-vectors",
);

interface Vector {
  readonly direction: string;
  readonly input: JsonObject;
  readonly expected: JsonObject;
}

/**
 * An affordance as both converters would write it. The vectors leave defaults out or write them, keep null as sdf:nullable alone, and
 * refer to schemas where ours are written out; the rest must be equal.
 */
function normalized(affordance: JsonValue | undefined, tm: JsonObject): JsonValue {
  if (!isJsonObject(affordance)) return affordance ?? null;
  const reference = affordance["tm:ref"];
  if (typeof reference === "string") {
    const token = reference.slice("#/schemaDefinitions/".length);
    return normalized((tm["schemaDefinitions"] as JsonObject)[token], tm);
  }
  const { oneOf, observable, readOnly, writeOnly, "sdf:$comment": _, ...rest } = affordance;
  const nullable = affordance["sdf:nullable"] === true && Array.isArray(oneOf) ? (oneOf[0] as JsonObject) : {};
  return {
    ...Object.fromEntries(Object.entries({ ...rest, ...nullable }).map(([name, value]) => [name, normalized(value, tm)])),
    ...(observable === false ? { observable } : {}),
    ...(readOnly === true ? { readOnly } : {}),
    ...(writeOnly === true ? { writeOnly } : {}),
  };
}

describe("the vectors of sdf-wot-converter", () => {
  if (!existsSync(vectorFolder)) {
    console.warn(`SKIPPED: no vectors in ${vectorFolder}; set MOORING_TEST_SAMPLES_DIR to a folder that has wot-tm-vectors/*.json.`);
    test.skip("say the same of affordances");
    return;
  }
  const names = readdirSync(vectorFolder).filter((name) => name.endsWith(".json"));
  // Their type vector has const 5 beside multipleOf 2, which no value can be and is an error here: 6 says the same of the conversion.
  const read = (name: string) =>
    JSON.parse(readFileSync(join(vectorFolder, name), "utf8"), (key, value) => (key === "const" && value === 5 ? 6 : value)) as Vector;

  test("are there", () => {
    expect(names.length).toBeGreaterThan(5);
  });

  test.each(names.filter((name) => read(name).direction === "sdf->tm"))("%s: the affordances are those expected", (name) => {
    const { input, expected } = read(name);
    const { document } = exportWotTm(sourceOf(input));
    // A device of several groups is several Thing Models to them, one to us: what these hold together is compared.
    const theirs =
      isJsonObject(expected["@context"]) || Array.isArray(expected["@context"]) ? [expected] : (Object.values(expected) as JsonObject[]);
    for (const kind of ["properties", "actions", "events"]) {
      const all = Object.assign({}, ...theirs.map((tm) => normalized(tm[kind], tm) ?? {})) as JsonValue;
      expect(normalized(document[kind] ?? {}, document)).toEqual(all);
    }
    const optional = theirs.flatMap((tm) => (tm["tm:optional"] as readonly string[] | undefined) ?? []);
    expect([...((document["tm:optional"] as readonly string[] | undefined) ?? [])].sort()).toEqual(optional.sort());
    const [first = {}] = theirs;
    if (theirs.length > 1) return;
    for (const term of ["sdf:objectKey", "sdf:title", "sdf:copyright", "sdf:license", "version", "description"]) {
      expect(document[term]).toEqual(first[term]);
    }
  });

  test.each(names.filter((name) => read(name).direction === "tm->sdf"))("%s: an object of nothing", (name) => {
    const { document } = importWotTm(JSON.stringify(read(name).input));
    expect(Object.values(document["sdfObject"] as JsonObject).length).toBe(1);
  });
});

describe("a Thing Model of others", () => {
  const lamp = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
    "@type": "tm:ThingModel",
    title: "Lamp",
    version: { model: "1.0.0" },
    securityDefinitions: { basic_sc: { scheme: "basic" } },
    security: "basic_sc",
    schemaDefinitions: { level: { type: "integer", minimum: 0, maximum: 100 } },
    properties: {
      status: { type: "string", enum: ["on", "off"], readOnly: true, forms: [{ href: "status" }] },
      level: { "tm:ref": "#/schemaDefinitions/level", maximum: 50, observable: true },
      either: { oneOf: [{ type: "string" }, { type: "integer" }, { type: "null" }] },
    },
    actions: { toggle: { safe: false, input: { type: "object", properties: { ms: { type: "integer" } }, required: ["ms"] } } },
    events: { overheated: { data: { type: "string" }, dataResponse: { type: "string" } } },
    "tm:optional": ["/events/overheated"],
  };

  test("means in SDF what it says", () => {
    const { model } = sourceOf(importWotTm(JSON.stringify(lamp)).document);
    expect(model.properties.map(({ name, writable, observable, required }) => [name, writable, observable, required])).toEqual([
      ["status", false, false, true],
      ["level", true, true, true],
      ["either", true, false, true],
    ]);
    expect(model.validateProperties({ status: "on", level: 50, either: null })).toEqual([]);
    expect(model.validateProperties({ level: 51 })).not.toEqual([]);
    expect(model.validateProperties({ either: true })).not.toEqual([]);
    expect(model.validateServiceInput("toggle", {})).not.toEqual([]);
    expect(model.events.map(({ required }) => required)).toEqual([false]);
  });

  test("keeps what SDF has no words for", () => {
    const { document } = exportWotTm(sourceOf(importWotTm(JSON.stringify(lamp)).document));
    const { securityDefinitions, security } = lamp;
    expect(document).toMatchObject({ title: "Lamp", version: { model: "1.0.0" }, securityDefinitions, security });
    expect(document["properties"]).toMatchObject({ status: { forms: [{ href: "status" }] } });
    expect(document["actions"]).toMatchObject({ toggle: { safe: false } });
    expect(document["events"]).toMatchObject({ overheated: { dataResponse: { type: "string" } } });
  });

  test.each<[string, JsonObject, string]>([
    ["no @type", { properties: {} }, "/@type"],
    ["properties that are none", { properties: 1 }, "/properties"],
    ["a reference elsewhere", { properties: { a: { "tm:ref": "https://a.example/tm#/properties/a" } } }, "/properties/a/tm:ref"],
    ["a placeholder", { properties: { a: { minimum: "{{MIN}}" } } }, "/properties/a/minimum"],
    ["a list of item schemas", { properties: { a: { items: [{}] } } }, "/properties/a/items"],
    ["a flag that is none", { properties: { a: { readOnly: "yes" } } }, "/properties/a/readOnly"],
    ["an unknown type", { properties: { a: { type: "date" } } }, "/sdfObject/Thing/sdfProperty/a/type"],
  ])("is refused for %s, naming the member", (_title, members, pointer) => {
    const tm = pointer === "/@type" ? members : { "@type": "tm:ThingModel", ...members };
    try {
      importWotTm(JSON.stringify(tm));
    } catch (error) {
      expect(error).toBeInstanceOf(PlatformError);
      expect((error as PlatformError).details.issues?.map((issue) => issue.pointer)).toContain(pointer);
      return;
    }
    throw new Error("nothing was thrown");
  });
});

test("further types and what stands beside the version come back", () => {
  const tm = { "@type": ["tm:ThingModel", "saref:Sensor"], title: "T", version: { instance: "1.2.3", model: "1.0.0" } };
  for (const version of [tm.version, { instance: "1.2.3" }, { model: "1.0.0" }]) {
    const { document } = exportWotTm(sourceOf(importWotTm(JSON.stringify({ ...tm, version })).document));
    expect(document).toMatchObject({ "@type": tm["@type"] });
    expect(document["version"]).toEqual(version);
  }
});
