import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";

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

const numbered = (count: number, entry: (index: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, entry(index)]));
const inObject = (members: unknown) => JSON.stringify({ sdfObject: { O: members } });
/** Nine definitions, each ten times the one before: a thousand million numbers in a few hundred bytes. */
function multiplying(tenTimes: (target: object) => object): string {
  const steps = Array.from({ length: 9 }, (_, index) => [`d${index + 1}`, tenTimes({ sdfRef: `#/sdfData/d${index}` })]);
  const sdfData = Object.fromEntries([["d0", { type: "number" }], ...steps]);
  return JSON.stringify({ sdfData, sdfObject: { O: { sdfProperty: { p: { sdfRef: "#/sdfData/d9" } } } } });
}

const membersOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index.toString(36), 0]));

const models: readonly (readonly [title: string, text: string, message: RegExp])[] = [
  ["nested 200,000 deep", '{"a":'.repeat(200_000), /64 levels/],
  ["an array nested 200,000 deep", "[".repeat(200_000), /64 levels/],
  ["of 100,000 properties", inObject({ sdfProperty: membersOf(100_000) }), /more than 40000 values/],
  ["of 30,000 sound properties", inObject({ sdfProperty: numbered(30_000, () => ({})) }), /at most 3000/],
  ["of 39,000 unknown qualities", inObject(numbered(39_000, () => 0)), /more findings/],
  ["of 10 MB", inObject({ description: "x".repeat(10_000_000) }), /larger than 1048576 bytes/],
  ["of a number with a million digits", `[${"9".repeat(1_000_000)}]`, /too large for a double/],
  ["whose references multiply", multiplying((target) => ({ properties: numbered(10, () => target) })), /too large once its references/],
  ["whose choices multiply", multiplying((target) => ({ sdfChoice: numbered(10, () => target) })), /too large once its references/],
  [
    "whose patches copy a large definition",
    JSON.stringify({
      sdfData: {
        big: { properties: numbered(5_000, () => ({})) },
        ...numbered(5_000, () => ({ sdfRef: "#/sdfData/big", properties: { x: {} } })),
      },
    }),
    /write out to more than/,
  ],
  [
    "whose references repeat a long description",
    JSON.stringify({
      sdfData: { long: { description: "x".repeat(900_000) } },
      sdfObject: { O: { sdfProperty: numbered(2_000, () => ({ sdfRef: "#/sdfData/long" })) } },
    }),
    /too large once its references/,
  ],
  [
    "whose actions repeat a long description",
    JSON.stringify({
      sdfAction: { long: { description: "x".repeat(900_000) } },
      sdfObject: { O: { sdfAction: numbered(2_000, () => ({ sdfRef: "#/sdfAction/long" })) } },
    }),
    /too large once its references/,
  ],
  [
    "whose references repeat a large const",
    JSON.stringify({
      sdfData: { large: { const: membersOf(20_000) } },
      sdfObject: { O: { sdfProperty: numbered(2_000, () => ({ sdfRef: "#/sdfData/large" })) } },
    }),
    /too large once its references/,
  ],
  [
    "whose empty things multiply",
    JSON.stringify({
      sdfThing: Object.fromEntries([
        ["t0", {}],
        ...Array.from({ length: 9 }, (_, index) => [
          `t${index + 1}`,
          { sdfThing: numbered(10, () => ({ sdfRef: `#/sdfThing/t${index}` })) },
        ]),
      ]),
    }),
    /write out to more than|may have at most/,
  ],
  [
    "whose references repeat a long sdfRequired",
    JSON.stringify({
      sdfObject: {
        O: { sdfRequired: Array.from({ length: 15_000 }, () => "#/sdfObject/O"), sdfProperty: { p: {} } },
        ...numbered(1_000, () => ({ sdfRef: "#/sdfObject/O" })),
      },
    }),
    /write out to more than/,
  ],
  [
    "whose references share a large map of definitions",
    JSON.stringify({
      sdfData: { big: { properties: numbered(10_000, () => ({})) } },
      sdfObject: { O: { sdfProperty: numbered(2_500, () => ({ sdfRef: "#/sdfData/big", label: "x" })) } },
    }),
    /too large once its references/,
  ],
  [
    "whose references repeat a long enum",
    JSON.stringify({
      sdfData: { long: { enum: Object.keys(membersOf(20_000)) } },
      sdfObject: { O: { sdfProperty: numbered(2_500, () => ({ sdfRef: "#/sdfData/long" })) } },
    }),
    /too large once its references/,
  ],
  [
    "whose references repeat a sdfRequired of true",
    JSON.stringify({
      sdfData: { long: { sdfRequired: Array.from({ length: 20_000 }, () => true) } },
      sdfObject: { O: { sdfProperty: numbered(2_500, () => ({ sdfRef: "#/sdfData/long" })) } },
    }),
    /write out to more than/,
  ],
  [
    "of 10,000 references in a chain",
    JSON.stringify({ sdfData: numbered(10_000, (index) => ({ sdfRef: `#/sdfData/n${index + 1}` })) }),
    /64 levels/,
  ],
  [
    "of 900 large patterns",
    inObject({ sdfProperty: numbered(900, (index) => ({ pattern: `${index}a{900}` })) }),
    /patterns are too large together/,
  ],
  ["of a pattern of repeated repetitions", inObject({ sdfProperty: { p: { pattern: "((a{999}){999}){999}" } } }), /too large/],
];

const refused: readonly (readonly [title: string, text: string, message: RegExp])[] = [
  ["of 1e400", inObject({ sdfProperty: { p: { maximum: "N" } } }).replace('"N"', "1e400"), /too large for a double/],
  ["with __proto__", '{"sdfObject":{"__proto__":{"polluted":true}}}', /"__proto__" is not allowed/],
  ["with an escaped __proto__", String.raw`{"sdfObject":{"\u005f_proto__":{"polluted":true}}}`, /"__proto__" is not allowed/],
  ["with constructor", '{"sdfObject":{"constructor":{"prototype":{"polluted":true}}}}', /"constructor" is not allowed/],
  ["with a reference to __proto__", inObject({ sdfProperty: { p: { sdfRef: "#/__proto__/polluted" } } }), /names nothing/],
  [
    "of 39,000 old spellings",
    inObject({ sdfProperty: { p: { properties: numbered(9_000, () => ({ units: "m", sdfEnum: ["a"] })) } } }),
    /too large|more findings/,
  ],
  [
    "of old pointers that name nothing",
    inObject({ sdfProperty: { p: { units: "m" }, ...numbered(2_900, (index) => ({ sdfRef: `#/sdfData/gone${index}` })) } }),
    /names nothing/,
  ],
  [
    "of old pointers to be looked for in 60 groups each",
    (() => {
      let thing: object = { sdfProperty: numbered(2_900, () => ({ sdfRef: `#/sdfThing/gone/${"x/".repeat(30)}` })) };
      for (let depth = 0; depth < 28; depth += 1) thing = { sdfThing: { t: thing } };
      return JSON.stringify(thing);
    })(),
    /names nothing|more findings/,
  ],
];

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
