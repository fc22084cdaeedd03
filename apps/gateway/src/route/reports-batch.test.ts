import type { JsonObject, JsonValue } from "@mooring/contracts";
import { checkModel } from "@mooring/thing-model";
import { describe, expect, test } from "vitest";
import { Appended } from "../uplink-stream.ts";
import { BatchAppend } from "./batch-append.ts";
import { readBatch, readHistory } from "./reports-batch.ts";

const { model: compiled } = checkModel(
  JSON.stringify({
    sdfObject: {
      T: {
        sdfProperty: { n: { type: "number", maximum: 9 }, s: { type: "string" } },
        sdfEvent: { alarm: { sdfOutputData: { type: "object", properties: { x: { type: "number" } } } } },
      },
    },
  }),
);
if (compiled === undefined) throw new Error("the model of this test does not compile");
const enforce = { validation: "enforce", compiled };
const flag = { validation: "flag", compiled };
const off = { validation: "off", compiled: undefined };
const device = { productKey: "pk", deviceName: "dev" };
const at = (value: JsonValue, time: number): JsonObject => ({ value, time });
const bodies = (batch: { records: readonly { kind: string; body: string }[] }) =>
  batch.records.map(({ kind, body }) => [kind, JSON.parse(body)]);

describe("a batch", () => {
  const params = { properties: { n: [at(1, 10), at(2, 20)], s: [at("a", 10)] }, events: { alarm: [at({ x: 1 }, 30)] } };

  test("is a record for each row of values, in their order, and one for each event", () => {
    expect(bodies(readBatch(params, enforce, 7))).toEqual([
      ["properties", { properties: { n: at(1, 10), s: at("a", 10) } }],
      ["properties", { properties: { n: at(2, 20) } }],
      ["event", { name: "alarm", value: { x: 1 }, time: 30 }],
    ]);
    expect(readBatch(params, off, 7).records).toHaveLength(3);
  });

  test("with one value that does not fit is refused as a whole, with the place of each", () => {
    const wrong = {
      properties: { n: [at(1, 1), at(10, 2), "x"], s: [1] },
      events: { alarm: [at({ x: 1 }, 1), at({ x: "1" }, 1), 5, { time: 1 }] },
    };
    const { records, issues } = readBatch(wrong, enforce, 7);
    expect(records).toEqual([]);
    expect(issues.map(({ pointer }) => pointer)).toEqual([
      "/params/properties/s/0",
      "/params/properties/n/1/value",
      "/params/properties/n/2",
      "/params/events/alarm/1/value/x",
      "/params/events/alarm/2",
      "/params/events/alarm/3/value",
    ]);
  });

  test("of a product that flags is kept, and what does not fit is marked where it is", () => {
    const [first, second] = bodies(readBatch({ properties: { n: [at(1, 1), at(10, 2)] } }, flag, 7));
    expect(first?.[1]).not.toHaveProperty("invalid");
    expect(second?.[1]).toMatchObject({ properties: { n: at(10, 2) }, invalid: [{ pointer: "/n/value" }] });
  });

  test.each<[JsonObject, string]>([
    [{}, "/params"],
    [{ properties: [] }, "/params/properties"],
    [{ properties: { n: 1 } }, "/params/properties/n"],
    [{ properties: { "a/b": 1 } }, "/params/properties/a~1b"],
    [{ events: { alarm: {} } }, "/params/events/alarm"],
    [{ properties: { n: Array.from({ length: 1_001 }, () => 1) } }, "/params"],
    [{ events: { alarm: Array.from({ length: 1_001 }, () => at({}, 1)) } }, "/params"],
  ])("row %# is refused", (wrong, pointer) => {
    const { records, issues } = readBatch(wrong, enforce, 7);
    expect([records, issues.map((issue) => issue.pointer)]).toEqual([[], [pointer]]);
  });

  test("has at most 50 reasons for its refusal", () => {
    expect(readBatch({ properties: { n: Array.from({ length: 900 }, () => "x") } }, enforce, 7).issues).toHaveLength(50);
  });
});

describe("a history", () => {
  test("is records of the past, with their times", () => {
    const params = [{ identity: device, properties: [{ n: at(1, 10), s: at("a", 10) }, { n: at(2, 5) }], events: [{ alarm: at({}, 1) }] }];
    expect(bodies(readHistory(params, enforce, 7, device))).toEqual([
      ["properties", { properties: { n: at(1, 10), s: at("a", 10) }, past: true }],
      ["properties", { properties: { n: at(2, 5) }, past: true }],
      ["event", { name: "alarm", value: {}, time: 1 }],
    ]);
    expect(bodies(readHistory([{ properties: [{ n: 10 }] }], flag, 7, device))[0]?.[1]).toMatchObject({ past: true, invalid: [{}] });
  });

  test.each<[JsonValue, string]>([
    [{}, "/params"],
    [[], "/params"],
    [[1], "/params/0"],
    [[{ identity: { ...device, deviceName: "other" }, properties: [{ n: 1 }] }], "/params/0/identity"],
    [[{ properties: { n: 1 } }], "/params/0/properties"],
    [[{ properties: [{ n: at(1, 1) }, { n: at("x", 1) }] }], "/params/0/properties/1/n/value"],
    [[{ events: [{ alarm: at({ y: 1 }, 1) }] }], "/params/0/events/0/alarm/value/y"],
    [[{ events: [{ none: at({}, 1) }] }], "/params/0/events/0/none/value"],
  ])("row %# is refused", (wrong, pointer) => {
    const { records, issues } = readHistory(wrong, enforce, 7, device);
    expect([records, issues.map((issue) => issue.pointer)]).toEqual([[], [pointer]]);
  });
});

describe("the records of one message in the log", () => {
  const { Stored, Failed, Refused } = Appended;
  const outcomeOf = (...outcomes: readonly (readonly [Appended, number])[]) => {
    const told: unknown[] = [];
    const append = new BatchAppend({ onAppended: (...all) => void told.push(all) }, outcomes.length);
    outcomes.forEach(([outcome, offset], index) => {
      expect(told).toEqual([]);
      append.onAppended(outcome, offset, outcome === Refused ? `no ${index}` : undefined);
    });
    return told;
  };

  test("are stored when all are, at the last offset, and that is told once", () => {
    expect(outcomeOf([Stored, 3], [Stored, 5], [Stored, -1])).toEqual([[Stored, 5]]);
  });

  test("fail when one fails, so that the device says it again, and are refused when one is and none failed", () => {
    expect(outcomeOf([Stored, 3], [Failed, -1], [Refused, -1])).toEqual([[Failed, -1, "no 2"]]);
    expect(outcomeOf([Refused, -1], [Failed, -1])).toEqual([[Failed, -1, "no 0"]]);
    expect(outcomeOf([Refused, -1], [Stored, 9])).toEqual([[Refused, -1, "no 0"]]);
  });
});
