import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { inObject, membersOf, models, numbered, refused } from "./hostile.test-support.ts";

/**
 * Far above what anything here takes, and far below what it would take without its limit: what a machine makes of it, its other work and its heat
 * included, differs by a factor of three.
 */
const boundMs = 500;

/** CPU time, in milliseconds, of the first of five runs that is within the bound: compiling and collecting garbage for others is not the work's fault. */
function cpuMs(work: () => unknown): number {
  for (let tries = 1; ; tries += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1_000;
    if (tookMs < boundMs || tries === 5) return tookMs;
  }
}

describe("a model", () => {
  test.each(refused)("%s is answered with a finding within half a second of CPU, and pollutes nothing", (_title, text, message) => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    expect(checkModel(text).findings.some((finding) => message.test(finding.message))).toBe(true);
    expect(cpuMs(() => checkModel(text))).toBeLessThan(boundMs);
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("with 32 imports of the largest size together is answered within half a second of CPU", () => {
    const one = JSON.stringify({ description: "x".repeat(1_048_576 / 32 - 200), sdfData: { D: { type: "number" } } });
    const imports = Array.from({ length: 32 }, () => one);
    expect(checkModel(inObject({ sdfProperty: { p: {} } }), imports).model).toBeDefined();
    expect(checkModel("{}", [...imports, one]).findings[0]?.message).toMatch(/may refer to 32 other documents/);
    expect(cpuMs(() => checkModel("{}", imports))).toBeLessThan(boundMs);
  });

  test.each(models)("%s is refused within half a second of CPU", (_title, text, message) => {
    expect(checkModel(text).findings.some((finding) => message.test(finding.message))).toBe(true);
    expect(cpuMs(() => checkModel(text))).toBeLessThan(boundMs);
  });
});

const patterns = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(?=(a+)+b)a", "^(a?){50}a{50}$", "(.*)*x", "a*a*a*a*a*c", "^((?=a*b)a)*$"];

test("a model with a const of 25,000 members is compiled within half a second of CPU, and compared with a payload within another", () => {
  const value = membersOf(25_000);
  const text = inObject({ sdfProperty: { p: { const: value } } });
  const { model } = checkModel(text);
  expect(model?.validateProperties({ p: value })).toEqual([]);
  expect(cpuMs(() => checkModel(text))).toBeLessThan(boundMs);
  expect(cpuMs(() => model?.validateProperties({ p: value }))).toBeLessThan(boundMs);
});

describe("a pattern", () => {
  test.each(patterns)("%s is answered within half a second of CPU for 10,000 characters and for a short text", (pattern) => {
    const { model } = checkModel(inObject({ sdfProperty: { p: { type: "string", pattern } } }));
    const texts = ["a".repeat(40), "a".repeat(10_000), `${"a".repeat(9_999)}!`];
    expect(model).toBeDefined();
    for (const p of texts) expect(cpuMs(() => model?.validateProperties({ p }))).toBeLessThan(boundMs);
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

  test("of 50,000 different items is compared within half a second of CPU", () => {
    const list = Array.from({ length: 50_000 }, (_, index) => index);
    expect(model?.validateProperties({ list })).toEqual([]);
    expect(cpuMs(() => model?.validateProperties({ list }))).toBeLessThan(boundMs);
  });

  test("of 100,000 unknown names is answered within half a second of CPU", () => {
    const params = numbered(100_000, () => 1);
    expect(cpuMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
  });

  const tooMuch = [{ pointer: "", expected: "checked within bounded work" }];

  test("of one long text under hundreds of alternatives, each with a large pattern, is refused within half a second of CPU", () => {
    const sdfData = { s: { type: "string", pattern: "b(a?){240}a{240}$" } };
    const alternatives = numbered(1_500, () => ({ sdfRef: "#/sdfData/s" }));
    const { model } = checkModel(JSON.stringify({ sdfData, sdfObject: { O: { sdfProperty: { p: { sdfChoice: alternatives } } } } }));
    const params = { p: "a".repeat(5_000) };
    expect(model?.validateProperties(params)).toMatchObject(tooMuch);
    expect(cpuMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
    // What one payload has cost is not held against the next.
    expect(model?.validateProperties({ p: "x" })).toMatchObject([{ pointer: "/p" }]);
  });

  test("of many items under many alternatives is refused within half a second of CPU", () => {
    const alternatives = numbered(1_500, (index) => ({ minimum: 10_000 - index }));
    const { model } = checkModel(inObject({ sdfProperty: { list: { type: "array", items: { sdfChoice: alternatives } } } }));
    const params = { list: Array.from({ length: 60_000 }, () => 8_502) };
    expect(model?.validateProperties({ list: [8_502] })).toEqual([]);
    expect(model?.validateProperties(params)).toMatchObject(tooMuch);
    expect(cpuMs(() => model?.validateProperties(params))).toBeLessThan(boundMs);
  });
});
