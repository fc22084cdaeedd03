import { describe, expect, test } from "vitest";
import { createMatcher, gone, type Tags, type Verdict } from "./filter.ts";
import { makeDevice, makeRecord, tenantId } from "./fixture.test-support.ts";

const device = makeDevice();
const properties = (body: string) => ({ ...makeRecord(1, device, body), kind: "properties" as const });
const known = (tags: Tags | typeof gone | undefined) => ({ known: () => tags });
const verdict = (filter: object, record = makeRecord(1, device), tags?: Tags | typeof gone): Verdict =>
  createMatcher(tenantId, filter, known(tags)).matches(record);

test("a record of another tenant never fits", () => {
  expect(verdict({}, makeRecord(1, makeDevice("other" as typeof tenantId)))).toBe("no");
  expect(verdict({})).toBe("yes");
});

describe("a property", () => {
  const filter = { property: "Temperature" };

  test.each([
    ['{"properties":{"Temperature":{"value":1,"time":1}}}', "yes"],
    ['{"properties":{"Humidity":{"value":"Temperature","time":1}}}', "no"],
    ['{"properties":{"Humidity":{"value":{"Temperature":1},"time":1}}}', "no"],
    ['{"properties":{"Humidity":{"value":1,"time":1}},"Temperature":1}', "no"],
    ['{"properties":{"\\u0054emperature":{"value":1,"time":1}}}', "yes"],
    ['{"properties":null,"x":"Temperature"}', "no"],
    ['["Temperature"]', "no"],
    ['"Temperature"', "no"],
  ])("of %s", (body, expected) => {
    expect(verdict(filter, properties(body))).toBe(expected);
  });

  test("is one of property reports only", () => {
    expect(verdict(filter, makeRecord(1, device, '{"properties":{"Temperature":{"value":1,"time":1}}}'))).toBe("no");
  });

  test("that every object has is not there unless it was said", () => {
    expect(verdict({ property: "constructor" }, properties('{"properties":{"x":{"value":"constructor","time":1}}}'))).toBe("no");
    expect(verdict({ property: "__proto__" }, properties('{"properties":{"x":{"value":"__proto__","time":1}}}'))).toBe("no");
  });

  test("of two records in turn is looked for in the right one", () => {
    const [has, lacks] = [properties('{"properties":{"Temperature":{}}}'), properties('{"properties":{"Humidity":"Temperature"}}')];
    expect([has, lacks, has].map((record) => verdict(filter, record))).toEqual(["yes", "no", "yes"]);
  });
});

test("every tag must be there with its value; not known, the record waits", () => {
  const filter = { tags: { floor: "1", room: "" } };
  expect(verdict(filter)).toBe("unknown");
  expect(verdict(filter, undefined, { floor: "1", room: "", more: "x" })).toBe("yes");
  expect(verdict(filter, undefined, { floor: "1" })).toBe("no");
  expect(verdict(filter, undefined, {})).toBe("no");
  expect(verdict({ tags: { toString: "x" } }, undefined, {})).toBe("no");
  // What needs no tags does not ask.
  expect(verdict({ ...filter, kinds: ["event"] })).toBe("no");
});

test("the records of a device that is gone fit whatever tags are asked for, and the rest of the filter holds", () => {
  const filter = { tags: { floor: "1" } };
  expect(verdict(filter, undefined, gone)).toBe("yes");
  expect(verdict({ ...filter, kinds: ["event"] }, undefined, gone)).toBe("no");
});
