import type { JsonObject } from "@mooring/contracts";
import { checkModel } from "@mooring/thing-model";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ReportRules, readEvent, readProperties } from "./reports.ts";

const { model } = checkModel(
  JSON.stringify({
    namespace: { t: "https://models.example/t" },
    defaultNamespace: "t",
    sdfObject: {
      T: {
        sdfProperty: {
          n: { type: "number" },
          s: { type: "string" },
          b: { type: "boolean" },
          a: { type: "array", items: { type: "number" } },
          o: { type: "object" },
        },
        sdfEvent: { E: { sdfOutputData: { type: "object", properties: { x: { type: "number" }, value: { type: "number" } } } } },
      },
    },
  }),
);
if (model === undefined) throw new Error("the model of this test does not compile");
const enforce = { validation: "enforce", compiled: model };
const off: ReportRules = { validation: "off", compiled: undefined };

describe("property reports", () => {
  test("each value is kept as it was said, with its own time or that of its arrival", () => {
    const value = { n: fc.double({ noNaN: true, noDefaultInfinity: true }), s: fc.string(), b: fc.boolean(), a: fc.array(fc.integer()) };
    const wrapped = <T>(arbitrary: fc.Arbitrary<T>) =>
      fc.oneof(arbitrary, fc.record({ value: arbitrary, time: fc.nat() }), fc.record({ value: arbitrary }));
    const reports = fc.record(
      { n: wrapped(value.n), s: wrapped(value.s), b: wrapped(value.b), a: wrapped(value.a) },
      { requiredKeys: ["n"] },
    );
    fc.assert(
      fc.property(reports, (generated) => {
        const params = JSON.parse(JSON.stringify(generated));
        const isWrapped = (given: unknown): given is { value: unknown; time?: number } =>
          typeof given === "object" && given !== null && "value" in given;
        const expected = Object.fromEntries(
          Object.entries(params).map(([name, given]) => [
            name,
            isWrapped(given) ? { value: given.value, time: given.time ?? 7 } : { value: given, time: 7 },
          ]),
        );
        expect(JSON.parse(readProperties(params, enforce, 7).body)).toEqual({ properties: expected });
        expect(JSON.parse(readProperties(params, off, 7).body)).toEqual({ properties: expected });
      }),
    );
  });

  test("an object that may have a member `value` of its own is never unwrapped", () => {
    expect(JSON.parse(readProperties({ o: { value: 1, time: 2 } }, enforce, 7).body)).toEqual({
      properties: { o: { value: { value: 1, time: 2 }, time: 7 } },
    });
  });

  test("a report of more bytes of UTF-8 than a shadow holds is refused, also with fewer characters", () => {
    for (const text of ["温".repeat(40_000), "x".repeat(70_000)]) {
      expect(readProperties({ s: text }, off, 7)).toMatchObject({ body: "", issues: [{ pointer: "/params" }] });
      expect(readProperties({ s: text }, enforce, 7)).toMatchObject({ body: "", issues: [{ pointer: "/params" }] });
    }
    expect(readProperties({ s: "温".repeat(20_000) }, off, 7).issues).toEqual([]);
  });

  test.each([
    [{ B: [null] }, "/params/B/0"],
    [{ B: { value: [1, [null]], time: 1 } }, "/params/B/value/1/0"],
    [{ "a/b": { c: [{ d: null }] } }, "/params/a~1b/c/0/d"],
  ])("null within an array, which no shadow holds, is refused by its place: %j", (params, pointer) => {
    const message = `${pointer} is null within an array; an array holds values only`;
    expect(readProperties(params, off, 7)).toEqual({ body: "", issues: [{ pointer, message }] });
  });

  test("null within an array that the model does not look into is refused; null outside of one is not", () => {
    expect(readProperties({ o: { x: [null] } }, enforce, 7).issues).toMatchObject([{ pointer: "/params/o/x/0" }]);
    expect(readProperties({ o: { x: null } }, enforce, 7).issues).toEqual([]);
    expect(readProperties({ A: null, B: { c: null } }, off, 7).issues).toEqual([]);
  });

  test("more than 300 properties, or a name of more than 128 characters or with one that does not print, is refused", () => {
    const many = Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`p${i}`, i]));
    expect(readProperties(many, off, 7).issues).toHaveLength(1);
    for (const name of ["x".repeat(129), "", "a\nb", "a\u007f"]) expect(readProperties({ [name]: 1 }, off, 7).issues).toHaveLength(1);
    expect(readProperties({ "温度 \u{1F600}": 1 }, off, 7).issues).toEqual([]);
  });

  test("flag keeps what the model does not allow, and says so", () => {
    const { body } = readProperties({ n: "x", other: { value: 1, time: 3 } }, { validation: "flag", compiled: model }, 7);
    expect(JSON.parse(body)).toMatchObject({
      properties: { n: { value: "x", time: 7 }, other: { value: 1, time: 3 } },
      invalid: [{ pointer: "/n" }, { pointer: "/other" }],
    });
  });
});

test("an event's refusals name the place in the message", () => {
  expect(readEvent("E", { value: { x: "1" } }, enforce, 7).issues[0]?.pointer).toBe("/params/value/x");
  expect(readEvent("E", { x: "1" }, enforce, 7).issues[0]?.pointer).toBe("/params/x");
  expect(readEvent("E", { value: { x: 1 }, time: 1.5 }, enforce, 7).issues[0]?.pointer).toBe("/params/time");
  expect(JSON.parse(readEvent("E", { value: { x: 1 } }, enforce, 7).body)).toEqual({ name: "E", value: { x: 1 }, time: 7 });
});

test("an event is wrapped in value and time, or plain as Alibaba's SDK for Node.js posts it, also with a member called value", () => {
  const event = (params: JsonObject, rules: ReportRules = enforce) => JSON.parse(readEvent("E", params, rules, 7).body);
  expect(event({ value: { x: 1 }, time: 3 })).toEqual({ name: "E", value: { x: 1 }, time: 3 });
  expect(event({ x: 1 })).toEqual({ name: "E", value: { x: 1 }, time: 7 });
  expect(event({ x: 1, value: 2 })).toEqual({ name: "E", value: { x: 1, value: 2 }, time: 7 });
  expect(event({ value: 2 }, off)).toEqual({ name: "E", value: 2, time: 7 });
});
