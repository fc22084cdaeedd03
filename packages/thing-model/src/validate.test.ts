import { readFileSync } from "node:fs";
import type { JsonObject } from "@mooring/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkModel, compileModel } from "./compile.ts";
import type { CompiledModel } from "./model.ts";

function modelOf(url: string): CompiledModel {
  const { model } = checkModel(readFileSync(new URL(url, import.meta.url), "utf8"));
  if (model === undefined) throw new Error(`${url} does not compile`);
  return model;
}
const everything = modelOf("./fixtures/every-quality.sdf.json");
const thermostat = modelOf("../../../examples/thermostat.sdf.json");

const good: readonly JsonObject[] = [
  {},
  { number: -1 },
  { number: 1 },
  { number: -0 },
  { open: 0.5 },
  { step: 0.3 },
  { step: 1_000_000.7 },
  { step: -7.1 },
  { integer: 10.0 },
  { integer: -3 },
  { boolean: false },
  { text: "a" },
  { text: "😀😀😀" },
  { code: "abc" },
  { when: "2025-11-01T10:00:00Z" },
  { level: "low" },
  { fixed: { a: [1, 2] } },
  { colour: "red" },
  { power: 0 },
  { power: 50 },
  { maybe: null },
  { maybe: 1.5 },
  { list: [1, 2, 3] },
  { point: { x: 1 } },
  { point: { x: 1, y: 5 } },
  { anything: { deep: [1, { a: true }] } },
  { anything: false },
  { number: 0.5, text: "abc", boolean: true },
];

const bad: readonly (readonly [params: JsonObject, pointer: string, expected: RegExp, got: string])[] = [
  [{ number: "abc" }, "/number", /^number >= -1, <= 1$/, 'string "abc"'],
  [{ number: 1.0001 }, "/number", /<= 1/, "number 1.0001"],
  [{ number: null }, "/number", /^number/, "null"],
  [{ number: [1] }, "/number", /^number/, "array of 1 items"],
  [{ open: 0 }, "/open", /^number > 0, < 1$/, "number 0"],
  [{ open: 1 }, "/open", /< 1/, "number 1"],
  [{ step: 0.35 }, "/step", /multiple of 0.1/, "number 0.35"],
  [{ integer: 1.5 }, "/integer", /^integer$/, "number 1.5"],
  [{ integer: "1" }, "/integer", /^integer$/, 'string "1"'],
  [{ boolean: 1 }, "/boolean", /^boolean$/, "number 1"],
  [{ text: "" }, "/text", /^string of 1 to 3 characters$/, 'string ""'],
  [{ text: "😀😀😀😀" }, "/text", /of 1 to 3/, 'string "😀😀😀😀"'],
  [{ code: "xyz" }, "/code", /matching/, 'string "xyz"'],
  [{ when: "yesterday" }, "/when", /format date-time/, 'string "yesterday"'],
  [{ level: "mid" }, "/level", /^one of "low", "high"$/, 'string "mid"'],
  [{ fixed: { a: [2, 1] } }, "/fixed", /given value/, "object"],
  [{ colour: "blue" }, "/colour", /^one of "red", "green"$/, 'string "blue"'],
  [{ power: 5 }, "/power", /^one of off, dimmed$/, "number 5"],
  [{ list: [] }, "/list", /of 1 to 3 items all different/, "array of 0 items"],
  [{ list: [1, 1] }, "/list", /all different/, "array of 2 items"],
  [{ list: [1, -1] }, "/list/1", /integer >= 0/, "number -1"],
  [{ point: { y: 1 } }, "/point/x", /^number$/, "missing"],
  [{ point: { x: 1, y: 6 } }, "/point/y", /<= 5/, "number 6"],
  [{ point: { x: 1, z: 1 } }, "/point/z", /the model does not have it/, "number 1"],
  [{ point: [1] }, "/point", /^object$/, "array of 1 items"],
  [{ "no/such": 1 }, "/no~1such", /a property of the model/, "number 1"],
  [{ toString: 1 }, "/toString", /a property of the model/, "number 1"],
];

describe("validateProperties", () => {
  test.each(good)("accepts %j", (params) => {
    expect(everything.validateProperties(params)).toEqual([]);
  });

  test.each(bad)("refuses %j at %s", (params, pointer, expected, got) => {
    const errors = everything.validateProperties(params);
    expect(errors).toEqual([{ pointer, expected: expect.stringMatching(expected), got, message: expect.stringContaining(` must be `) }]);
  });

  test("names every field that is wrong, and no other", () => {
    const errors = thermostat.validateProperties({ Temperature: 121, Mode: "heat", TargetTemperature: 20.3, Humidity: 1 });
    expect(errors.map(({ pointer }) => pointer)).toEqual(["/Temperature", "/TargetTemperature", "/Humidity"]);
    expect(errors[0]?.message).toBe("/Temperature must be number >= -40, <= 120, not number 121.");
  });

  test("accepts a read-only property in a report, and does not ask for the required ones", () => {
    expect(thermostat.validateProperties({ FirmwareVersion: "1.4.2-rc1" })).toEqual([]);
  });

  test.each([undefined, null, 1, "x", [], [{}]])("refuses %j for params", (params) => {
    expect(everything.validateProperties(params)).toMatchObject([{ pointer: "", expected: "object of properties" }]);
  });

  test("lists at most 50 errors, with long names and texts cut", () => {
    const params = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`${index}${"x".repeat(10_000)}`, "y".repeat(10_000)]));
    const errors = everything.validateProperties(params);
    expect(errors).toHaveLength(50);
    expect(JSON.stringify(errors).length).toBeLessThan(50_000);
  });

  test("a __proto__ member of a payload is an unknown property", () => {
    expect(everything.validateProperties(JSON.parse('{"__proto__":{"number":1}}'))).toMatchObject([{ pointer: "/__proto__" }]);
  });

  test("compares items as JSON, whatever the order of their members, and not a text with an object", () => {
    const model = compileModel({ sdfObject: { O: { sdfProperty: { l: { type: "array", uniqueItems: true } } } } });
    expect(
      model.validateProperties({
        l: [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
      }),
    ).toHaveLength(1);
    expect(model.validateProperties({ l: [1, "1", true, "true", null, "null", [], "[]", {}, "{}", [1]] })).toEqual([]);
    expect(model.validateProperties({ l: ["a", "a"] })).toHaveLength(1);
  });
});

describe("a value with its time", () => {
  test("is checked inside its wrapping", () => {
    expect(thermostat.validateProperties({ Temperature: { value: 20, time: 1_524_448_722_000 }, Mode: { value: "off" } })).toEqual([]);
    expect(thermostat.validateProperties({ Temperature: { value: 200, time: 1 } })).toMatchObject([{ pointer: "/Temperature/value" }]);
    expect(everything.validateProperties({ point: { value: { x: 1 }, time: 1 } })).toEqual([]);
  });

  test.each([-1, 1.5, "1", null, 1e300])("with the time %j is refused at the time", (time) => {
    expect(thermostat.validateProperties({ Temperature: { value: 20, time } })).toMatchObject([{ pointer: "/Temperature/time" }]);
  });

  test("with a member beside value and time is no wrapping", () => {
    expect(thermostat.validateProperties({ Temperature: { value: 20, time: 1, unit: "Cel" } })).toMatchObject([
      { pointer: "/Temperature", got: "object" },
    ]);
  });

  test("is the value itself where the property may be an object with a member value", () => {
    expect(everything.validateProperties({ boxed: { value: 1, time: 0.5 }, anything: { value: 1, time: "noon" } })).toEqual([]);
    expect(everything.validateProperties({ boxed: { value: { value: 1 }, time: 1 } })).toMatchObject([{ pointer: "/boxed/value" }]);
    const report = { boxed: { value: 1 }, anything: { value: 1, time: 2 } };
    expect(everything.unwrapProperties(report)).toEqual({ values: report, timesMs: {} });
  });

  test("unwraps into values and times", () => {
    expect(thermostat.unwrapProperties({ Temperature: { value: 20, time: 7 }, Mode: { value: "off" }, TargetTemperature: 21 })).toEqual({
      values: { Temperature: 20, Mode: "off", TargetTemperature: 21 },
      timesMs: { Temperature: 7 },
    });
  });
});

describe("events and services", () => {
  test("data is checked against the output or input", () => {
    expect(thermostat.validateEvent("Overheated", { Temperature: 90, limit: 80 })).toEqual([]);
    expect(thermostat.validateEvent("Overheated", { Temperature: 90 })).toMatchObject([{ pointer: "/limit", got: "missing" }]);
    expect(thermostat.validateServiceInput("Reboot", {})).toEqual([]);
    expect(thermostat.validateServiceInput("Reboot", { delaySeconds: 3601 })).toMatchObject([{ pointer: "/delaySeconds" }]);
    expect(thermostat.validateServiceInput("Reboot", { delay: 1 })).toMatchObject([{ pointer: "/delay" }]);
    expect(thermostat.validateServiceInput("Reboot", undefined)).toMatchObject([{ pointer: "", expected: "object", got: "missing" }]);
    expect(thermostat.validateServiceOutput("Reboot", { accepted: true })).toEqual([]);
    expect(thermostat.validateServiceOutput("Reboot", { accepted: "yes" })).toMatchObject([{ pointer: "/accepted" }]);
    expect(everything.validateEvent("Changed", 1)).toEqual([]);
    expect(everything.validateEvent("Changed", -1)).toMatchObject([{ pointer: "" }]);
  });

  test.each([undefined, null, {}])("without data take %j", (data) => {
    expect([everything.validateEvent("Ping", data), everything.validateServiceInput("Nod", data)]).toEqual([[], []]);
  });

  test("without data take nothing else", () => {
    expect(everything.validateEvent("Ping", { a: 1 })).toMatchObject([{ pointer: "", expected: "empty" }]);
  });

  test("that the model does not have are refused", () => {
    expect(thermostat.validateEvent("Reboot", {})).toMatchObject([{ got: 'event string "Reboot"' }]);
    expect(thermostat.validateServiceInput("constructor", {})).toHaveLength(1);
    expect(thermostat.validateServiceOutput("Overheated", {})).toHaveLength(1);
  });
});

describe("validateDesired", () => {
  test("accepts values of writable properties and deletions", () => {
    expect(thermostat.validateDesired({ TargetTemperature: 21.5, Mode: null, NoLongerThere: null })).toEqual([]);
  });

  test("refuses read-only and unknown properties and values outside the model", () => {
    const errors = thermostat.validateDesired({ Temperature: 20, Humidity: 1, TargetTemperature: 36 });
    expect(errors.map(({ pointer }) => pointer)).toEqual(["/Temperature", "/Humidity", "/TargetTemperature"]);
  });

  test("takes objects in part, as the merge patch they are [RFC 7396 s2]", () => {
    expect(everything.validateDesired({ point: { y: 1 } })).toEqual([]);
    expect(everything.validateDesired({ point: { y: null } })).toEqual([]);
    expect(everything.validateDesired({ point: { y: 6, z: 1 } }).map(({ pointer }) => pointer)).toEqual(["/point/y", "/point/z"]);
    expect(everything.validateDesired({ list: [null] })).toMatchObject([{ pointer: "/list/0" }]);
  });
});

test("a payload is accepted exactly when no error is listed for it", () => {
  // The wrapped form takes the slow way round to the same answer, so the two ways check each other.
  const names = everything.properties.map(({ name }) => name);
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(0, 0.3, 1, 50, "red", "low", "abc", null, [1, 2], { x: 1 }, { x: 1, y: 9 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...names.filter((name) => name !== "boxed" && name !== "anything" && name !== "fixed")),
      value,
      (name, candidate) => {
        const plain = everything.validateProperties({ [name]: candidate });
        const wrapped = everything.validateProperties({ [name]: { value: candidate, time: -1 } });
        fc.pre(!(typeof candidate === "object" && candidate !== null && "value" in candidate));
        expect(wrapped.map(({ pointer }) => pointer)).toEqual([
          ...plain.map(({ pointer }) => pointer.replace(`/${name}`, `/${name}/value`)),
          `/${name}/time`,
        ]);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a number that is near a multiple is none, and one that is written as a multiple is one", () => {
  const { validateProperties } = compileModel({
    sdfObject: { O: { sdfProperty: { one: { type: "number", multipleOf: 1 }, tenth: { type: "number", multipleOf: 0.1 } } } },
  });
  for (const one of [1e-10, 3.0000000001, 4503599627370495.5]) expect(validateProperties({ one })).toMatchObject([{ pointer: "/one" }]);
  for (const tenth of [0.3, 0.7, -1.1, 123456.7]) expect(validateProperties({ tenth, one: 1e20 })).toEqual([]);
});
