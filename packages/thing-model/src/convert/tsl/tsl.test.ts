import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkModel } from "../../compile.ts";
import { readSource } from "../source.ts";
import { exportTsl } from "./export.ts";
import { importTsl } from "./import.ts";
import { arbitraryTsl } from "./tsl.test-support.ts";

function roundTrip(tsl: unknown): JsonObject {
  const { document } = importTsl(JSON.stringify(tsl));
  return exportTsl(readSource(JSON.stringify(document), { name: "model", version: "1.0.0" })).document;
}

const madeMethods = ["thing.event.property.post", "thing.service.property.set", "thing.service.property.get"];

/** Without the event post and the services set and get, which Alibaba Cloud makes from the properties; some write of them the identifier alone. */
function withoutMade(tsl: JsonObject): JsonObject {
  const isMade = (entry: JsonValue) =>
    isJsonObject(entry) &&
    (madeMethods.includes(String(entry["method"])) || /^\{"identifier":"(post|set|get)"\}$/.test(JSON.stringify(entry)));
  const result: Record<string, JsonValue> = { ...tsl };
  for (const name of ["events", "services"]) {
    const list = tsl[name];
    if (Array.isArray(list)) result[name] = list.filter((entry) => !isMade(entry));
  }
  return result;
}

const root = process.env["MOORING_TEST_TSL_SAMPLES_DIR"] ?? join(import.meta.dirname, "../../../../../../shared/tsl-samples");

describe("Alibaba Cloud's own models", () => {
  if (!existsSync(root)) {
    console.warn(`SKIPPED: no models in ${root}; set MOORING_TEST_TSL_SAMPLES_DIR to a folder of *.tsl.json.`);
    test.skip("come back as they were");
    return;
  }
  const names = readdirSync(root).filter((name) => name.endsWith(".tsl.json"));
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), "utf8")) as JsonObject;
  const modelOf = (file: JsonObject) => (isJsonObject(file["model"]) ? file["model"] : file);

  test("are there", () => {
    expect(names.length).toBeGreaterThan(5);
  });

  test.each(names.filter((name) => !name.includes("invalid")))("%s comes back as it was, up to the members the platform makes", (name) => {
    expect(withoutMade(roundTrip(read(name)))).toEqual(withoutMade(modelOf(read(name))));
  });

  test.each(names.filter((name) => name.includes("invalid")))("%s is refused with the member that is wrong", (name) => {
    expect(issuesOf(read(name))).toEqual(["/profile/productKey"]);
  });

  test("an imported model gets no warning about what is kept for the way back", () => {
    const { document } = importTsl(readFileSync(join(root, "bytectl-switch.tsl.json"), "utf8"));
    expect(checkModel(JSON.stringify(document)).findings.filter(({ message }) => message.includes("no effect"))).toEqual([]);
  });

  test("payloads their authors made are judged as they judged them", () => {
    const file = read("bytectl-switch.tsl.json");
    const { model } = readSource(JSON.stringify(importTsl(JSON.stringify(file)).document), { name: "m", version: "1.0.0" });
    const posts = (file["entities"] as readonly JsonObject[]).filter((entity) => entity["method"] === "thing.event.property.post");
    const refused = posts.filter((entity) => model.validateProperties(entity["params"]).length > 0).map((entity) => entity["id"]);
    expect(refused).toEqual(["1"]);
  });
});

test("export(import(x)) is x for any TSL, and both are stable", () => {
  let members = 0;
  fc.assert(
    fc.property(arbitraryTsl, (tsl) => {
      const once = roundTrip(tsl);
      expect(withoutMade(once)).toEqual(withoutMade(tsl as JsonObject));
      expect(roundTrip(once)).toEqual(once);
      members += (tsl["properties"] as readonly JsonValue[] | undefined)?.length ?? 0;
    }),
    { numRuns: 200 },
  );
  expect(members).toBeGreaterThan(200);
});

test("an owner's own services called set and get, and events called post, come back without a method as with one", () => {
  const value = [{ identifier: "v", dataType: { type: "int" } }];
  const tsl = {
    properties: [{ identifier: "p", accessMode: "rw", dataType: { type: "int" } }],
    events: [
      { identifier: "post", type: "alert", outputData: value },
      { identifier: "set" },
      { identifier: "get", method: "thing.event.get.post" },
    ],
    services: [{ identifier: "set", inputData: value }, { identifier: "get", name: "get it" }, { identifier: "post" }],
  };
  const { document, losses } = importTsl(JSON.stringify(tsl));
  const { model } = readSource(JSON.stringify(document), { name: "m", version: "1.0.0" });
  expect([losses, model.events.map(({ name }) => name), model.services.map(({ name }) => name)]).toEqual([
    [],
    ["post", "set", "get"],
    ["set", "get", "post"],
  ]);
  expect(model.validateServiceInput("set", { v: "x" })).toHaveLength(1);
  expect(roundTrip(tsl)).toEqual(tsl);
});

test("the platform's own are told by their method, or by an identifier that stands alone, and made anew", () => {
  const properties = [{ identifier: "p", accessMode: "rw", dataType: { type: "int" } }];
  const services = [{ identifier: "set", method: "thing.service.property.set", inputData: [] }, { identifier: "get" }];
  const { services: made, events } = roundTrip({ properties, events: [{ identifier: "post" }], services });
  expect(events).toMatchObject([{ identifier: "post", method: "thing.event.property.post", outputData: [{ identifier: "p" }] }]);
  expect(made).toMatchObject([
    { identifier: "set", inputData: [{ identifier: "p" }] },
    { identifier: "get", inputData: ["p"] },
  ]);
});

function issuesOf(tsl: unknown): readonly string[] {
  try {
    importTsl(JSON.stringify(tsl));
  } catch (error) {
    if (error instanceof PlatformError && error.code === "invalidArgument")
      return (error.details.issues ?? []).map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

const property = (dataType: unknown, more: object = {}) => ({ properties: [{ identifier: "a", dataType, ...more }] });

describe("a TSL that is wrong is refused, and the error names the member", () => {
  test.each<[string, unknown, string]>([
    ["no member of a model", {}, ""],
    ["a list that is none", { properties: {} }, "/properties"],
    ["an entry that is none", { properties: [1] }, "/properties/0"],
    ["no identifier", { properties: [{ dataType: { type: "int" } }] }, "/properties/0/identifier"],
    ["an identifier of a prototype", { properties: [{ identifier: "__proto__", dataType: { type: "int" } }] }, "/properties/0/identifier"],
    ["an identifier twice", { properties: [1, 2].map(() => ({ identifier: "a", dataType: { type: "int" } })) }, "/properties/1/identifier"],
    ["no dataType", { properties: [{ identifier: "a" }] }, "/properties/0/dataType"],
    ["no type", property({}), "/properties/0/dataType/type"],
    ["an unknown type", property({ type: "long" }), "/properties/0/dataType/type"],
    ["a minimum that is no number", property({ type: "int", specs: { min: "low" } }), "/properties/0/dataType/specs/min"],
    ["a minimum above the maximum", property({ type: "int", specs: { min: "2", max: "1" } }), "/properties/0/dataType/specs/min"],
    ["a length below 0", property({ type: "text", specs: { length: "-1" } }), "/properties/0/dataType/specs/length"],
    ["a bool of three", property({ type: "bool", specs: { 0: "a", 1: "b", 2: "c" } }), "/properties/0/dataType/specs/2"],
    ["an enum's label that is no text", property({ type: "enum", specs: { 0: 5 } }), "/properties/0/dataType/specs/0"],
    ["an unknown access", property({ type: "int" }, { accessMode: "x" }), "/properties/0/accessMode"],
    ["required that is no flag", property({ type: "int" }, { required: "yes" }), "/properties/0/required"],
    ["an item's type", property({ type: "array", specs: { item: { type: "x" } } }), "/properties/0/dataType/specs/item/type"],
    ["a struct's member", property({ type: "struct", specs: [{ identifier: "" }] }), "/properties/0/dataType/specs/0/identifier"],
    ["an unknown event type", { events: [{ identifier: "e", type: "x" }] }, "/events/0/type"],
    ["an event called property", { events: [{ identifier: "property" }] }, "/events/0/identifier"],
    ["an unknown call type", { services: [{ identifier: "s", callType: "x" }] }, "/services/0/callType"],
    ["a service's name with a slash", { services: [{ identifier: "a/b" }] }, "/services/0/identifier"],
    ["one in an envelope", { model: { properties: 1 } }, "/model/properties"],
  ])("%s", (_title, tsl, pointer) => {
    expect(issuesOf(tsl)).toContain(pointer);
  });

  test("a text that is no JSON, and one nested too deep", () => {
    expect(() => importTsl("{")).toThrow(PlatformError);
    expect(() => importTsl("[".repeat(200_000))).toThrow(PlatformError);
  });
});

test.each<[string, string]>([
  ["nested without end", "[".repeat(200_000)],
  ["of 10 MB", JSON.stringify({ properties: [], note: "x".repeat(10_000_000) })],
  [
    "of 100,000 members",
    JSON.stringify({ properties: [], ...Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`m${index}`, 1])) }),
  ],
  [
    "of 12,000 properties",
    JSON.stringify({ properties: Array.from({ length: 12_000 }, (_, index) => ({ identifier: `p${index}`, dataType: 1 })) }),
  ],
  [
    "of an enum of 19,000",
    JSON.stringify({
      properties: [
        {
          identifier: "a",
          dataType: {
            type: "enum",
            specs: Object.fromEntries(Array.from({ length: 19_000 }, (_, index) => [String(index), index < 18_999 ? `l${index}` : 1])),
          },
        },
      ],
    }),
  ],
  ["of a number beyond a double", '{"properties":[{"identifier":"a","dataType":{"type":"int","specs":{"min":1e400}}}]}'],
  ["of a prototype", '{"properties":[],"__proto__":{"polluted":true}}'],
])("a hostile TSL is refused within half a second of CPU, and nothing is polluted: %s", (_title, text) => {
  const start = process.cpuUsage();
  expect(() => importTsl(text)).toThrow(PlatformError);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e3).toBeLessThan(500);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("the largest TSL that fits is read within a second of CPU", () => {
  const dataType = { type: "int", specs: { min: "0", max: "10", step: "1" } };
  const properties = Array.from({ length: 2_000 }, (_, index) => ({
    identifier: `p${index}`,
    name: `p${index}`,
    accessMode: "rw",
    dataType,
  }));
  const start = process.cpuUsage();
  importTsl(JSON.stringify({ properties }));
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e3).toBeLessThan(1_000);
});

describe("what was edited after the import is exported as edited", () => {
  test("a spelling that no longer means the same gives way, others stay", () => {
    const tsl = property({ type: "int", specs: { min: "00", max: "1e2", step: "1.0", unitName: "steps" } });
    const text = JSON.stringify(importTsl(JSON.stringify(tsl)).document)
      .replace('"minimum":0', '"minimum":5')
      .replace(',"maximum":100', "");
    const { document } = exportTsl(readSource(text, { name: "m", version: "1.0.0" }));
    expect(document["properties"]).toMatchObject([{ dataType: { type: "int", specs: { min: "5", step: "1.0", unitName: "steps" } } }]);
    expect(JSON.stringify(document)).not.toContain("1e2");
  });

  test("a noted type gives way to another type of value", () => {
    const text = JSON.stringify(importTsl(JSON.stringify(property({ type: "float" }))).document).replace(
      '"type":"number"',
      '"type":"string"',
    );
    expect(exportTsl(readSource(text, { name: "m", version: "1.0.0" })).document["properties"]).toMatchObject([
      { dataType: { type: "text" } },
    ]);
  });
});

describe("a device's Alink payload is taken as the TSL types it", () => {
  const tsl = {
    properties: [
      { identifier: "on", dataType: { type: "bool", specs: { 0: "off", 1: "on" } } },
      { identifier: "bare", dataType: { type: "bool" } },
      { identifier: "mode", dataType: { type: "enum", specs: { 0: "eco", 1: "eco", 7: "" } } },
      { identifier: "level", dataType: { type: "float", specs: { min: "0", max: "10", step: "0.1" } } },
      { identifier: "odd", dataType: { type: "int", specs: { min: "1", max: "9", step: "2" } } },
      { identifier: "at", dataType: { type: "date", specs: {} } },
      { identifier: "point", dataType: { type: "struct", specs: [{ identifier: "x", dataType: { type: "int" } }] } },
      { identifier: "list", dataType: { type: "array", specs: { size: "2", item: { type: "text", specs: { length: "3" } } } } },
    ],
  };
  const { model } = readSource(JSON.stringify(importTsl(JSON.stringify(tsl)).document), { name: "m", version: "1.0.0" });
  const right = { on: 1, bare: 0, mode: 7, level: 0.3, odd: 3, at: "1524448722000", point: { x: 1 }, list: ["abc", ""] };

  test("right values are taken", () => {
    expect(model.validateProperties(right)).toEqual([]);
  });

  test.each([
    ["on", true],
    ["on", 2],
    ["bare", 2],
    ["mode", "eco"],
    ["mode", 2],
    ["level", 10.1],
    ["level", 0.25],
    ["odd", 10],
    ["odd", 1.5],
    ["at", 1524448722000],
    ["at", "yesterday"],
    ["point", { x: "1" }],
    ["point", { y: 1 }],
    ["list", ["a", "b", "c"]],
    ["list", ["abcd"]],
  ])("%s: %j is refused", (name, value) => {
    expect(model.validateProperties({ [name]: value })).not.toEqual([]);
  });
});

test("a name, a description and a profile of null are read as none, and that is said", () => {
  const dataType = { type: "text", specs: { length: "3" } };
  const tsl = { profile: null, properties: [{ identifier: "a", name: null, desc: null, dataType }] };
  const { losses } = importTsl(JSON.stringify(tsl));
  expect(losses.map(({ pointer }) => pointer)).toEqual(["/profile", "/properties/0/name", "/properties/0/desc"]);
  expect(roundTrip(tsl)).toEqual({ properties: [{ identifier: "a", dataType }] });
});

test("a unit that was edited is exported without the name of the one before", () => {
  const specs = { min: "0", max: "9", unit: "V", unitName: "volt" };
  const { document } = importTsl(JSON.stringify({ properties: [{ identifier: "a", dataType: { type: "float", specs } }] }));
  const unitsOf = (text: string) => {
    const exported = exportTsl(readSource(text, { name: "model", version: "1.0.0" })).document;
    return (exported as { properties: { dataType: { specs: JsonObject } }[] }).properties[0]?.dataType.specs;
  };
  expect(unitsOf(JSON.stringify(document))).toEqual(specs);
  expect(unitsOf(JSON.stringify(document).replace('"unit":"V","tsl', '"unit":"A","tsl'))).toEqual({ min: "0", max: "9", unit: "A" });
});
