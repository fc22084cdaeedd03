import { beforeAll, describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { boundMs, calibratedMs } from "./cpu.test-support.ts";
import { dear, inObject, membersOf, models, numbered, refused } from "./hostile.test-support.ts";

// What a process compiles of itself when it has just been started is no model's cost.
beforeAll(() => {
  for (const [, text] of [...refused, ...models]) checkModel(text);
});

describe("a model", () => {
  test.each(refused)("%s is answered with a finding within 100 ms of CPU, and pollutes nothing", (_title, text, message) => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    expect(checkModel(text).findings.some((finding) => message.test(finding.message))).toBe(true);
    expect(calibratedMs(() => checkModel(text))).toBeLessThan(boundMs);
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("with 32 imports of the largest size together is answered within 100 ms of CPU", () => {
    const one = JSON.stringify({ description: "x".repeat(1_048_576 / 32 - 200), sdfData: { D: { type: "number" } } });
    const imports = Array.from({ length: 32 }, () => one);
    expect(checkModel(inObject({ sdfProperty: { p: {} } }), imports).model).toBeDefined();
    expect(checkModel("{}", [...imports, one]).findings[0]?.message).toMatch(/may refer to 32 other documents/);
    expect(calibratedMs(() => checkModel("{}", imports))).toBeLessThan(boundMs);
  });

  test.each(dear)("%s is compiled within 100 ms of CPU", (_title, textOf) => {
    expect(checkModel(textOf(-1)).model).toBeDefined();
    expect(calibratedMs((run) => checkModel(textOf(run)))).toBeLessThan(boundMs);
  });

  test.each(models)("%s is refused within 100 ms of CPU", (_title, text, message) => {
    expect(checkModel(text).findings.some((finding) => message.test(finding.message))).toBe(true);
    expect(calibratedMs(() => checkModel(text))).toBeLessThan(boundMs);
  });
});

const patterns = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(?=(a+)+b)a", "^(a?){50}a{50}$", "(.*)*x", "a*a*a*a*a*c", "^((?=a*b)a)*$"];

test("a model with a const of 25,000 members is compiled within 100 ms of CPU, and compared with a payload within another", () => {
  const value = membersOf(25_000);
  const text = inObject({ sdfProperty: { p: { const: value } } });
  const { model } = checkModel(text);
  expect(model?.validateProperties({ p: value })).toEqual([]);
  expect(calibratedMs(() => checkModel(text))).toBeLessThan(boundMs);
  expect(calibratedMs(() => model?.validateProperties({ p: value }))).toBeLessThan(boundMs);
});

describe("a pattern", () => {
  test.each(patterns)("%s is answered within 100 ms of CPU for 10,000 characters and for a short text", (pattern) => {
    const { model } = checkModel(inObject({ sdfProperty: { p: { type: "string", pattern } } }));
    const texts = ["a".repeat(40), "a".repeat(10_000), `${"a".repeat(9_999)}!`];
    expect(model).toBeDefined();
    for (const p of texts) expect(calibratedMs(() => model?.validateProperties({ p }))).toBeLessThan(boundMs);
  });
});

test("a payload with __proto__ is refused as a name the model does not have, and pollutes nothing", () => {
  const { model } = checkModel(inObject({ sdfProperty: { p: { type: "object", properties: { a: {} } } } }));
  for (const text of ['{"__proto__":1}', '{"p":{"__proto__":{"polluted":1}}}', '{"p":{"constructor":1}}']) {
    expect(model?.validateProperties(JSON.parse(text))).toHaveLength(1);
    expect(model?.validateDesired(JSON.parse(text))).toHaveLength(1);
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

describe("a payload", () => {
  const { model } = checkModel(inObject({ sdfProperty: { any: {}, list: { type: "array", uniqueItems: true } } }));
  const deep: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));

  test("nested 100,000 deep gets an answer where items are compared", () => {
    expect(model?.validateProperties({ list: [deep] })).toHaveLength(1);
  });

  test("of 50,000 different items is compared within 100 ms of CPU", () => {
    const list = Array.from({ length: 50_000 }, (_, index) => index);
    expect(model?.validateProperties({ list })).toEqual([]);
    expect(calibratedMs(() => model?.validateProperties({ list }))).toBeLessThan(boundMs);
  });

  test("of 100,000 unknown names is answered within 100 ms of CPU", () => {
    const params = numbered(100_000, () => 1);
    expect(calibratedMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
  });

  const tooMuch = [{ pointer: "", expected: "checked within bounded work" }];

  test("of one long text under hundreds of alternatives, each with a large pattern, is refused within 100 ms of CPU", () => {
    const sdfData = { s: { type: "string", pattern: "b(a?){240}a{240}$" } };
    const alternatives = numbered(1_500, () => ({ sdfRef: "#/sdfData/s" }));
    const { model } = checkModel(JSON.stringify({ sdfData, sdfObject: { O: { sdfProperty: { p: { sdfChoice: alternatives } } } } }));
    const params = { p: "a".repeat(5_000) };
    expect(model?.validateProperties(params)).toMatchObject(tooMuch);
    expect(calibratedMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
    // What one payload has cost is not held against the next.
    expect(model?.validateProperties({ p: "x" })).toMatchObject([{ pointer: "/p" }]);
  });

  test("of many items under many alternatives is refused within 100 ms of CPU", () => {
    const alternatives = numbered(1_500, (index) => ({ minimum: 10_000 - index }));
    const { model } = checkModel(inObject({ sdfProperty: { list: { type: "array", items: { sdfChoice: alternatives } } } }));
    const params = { list: Array.from({ length: 60_000 }, () => 8_502) };
    expect(model?.validateProperties({ list: [8_502] })).toEqual([]);
    expect(model?.validateProperties(params)).toMatchObject(tooMuch);
    expect(calibratedMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
  });
});
