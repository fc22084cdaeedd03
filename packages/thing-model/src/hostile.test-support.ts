// Models made to cost as much as they can, each with what must be said of it.

export const numbered = (count: number, entry: (index: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, entry(index)]));
export const inObject = (members: unknown) => JSON.stringify({ sdfObject: { O: members } });
/** Nine definitions, each ten times the one before: a thousand million numbers in a few hundred bytes. */
function multiplying(tenTimes: (target: object) => object): string {
  const steps = Array.from({ length: 9 }, (_, index) => [`d${index + 1}`, tenTimes({ sdfRef: `#/sdfData/d${index}` })]);
  const sdfData = Object.fromEntries([["d0", { type: "number" }], ...steps]);
  return JSON.stringify({ sdfData, sdfObject: { O: { sdfProperty: { p: { sdfRef: "#/sdfData/d9" } } } } });
}

export const membersOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index.toString(36), 0]));

/** Refused because of a limit. */
export const models: readonly (readonly [title: string, text: string, message: RegExp])[] = [
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
    /at most 3000 things and objects/,
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

/** Refused because of what they hold. */
export const refused: readonly (readonly [title: string, text: string, message: RegExp])[] = [
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

/** Allowed, and as dear as what is allowed can be. The engine keeps expressions it has seen: patterns are others in each run. */
export const dear: readonly (readonly [title: string, textOf: (run: number) => string])[] = [
  [
    "of 8,000 properties of characters in its patterns",
    (run) => inObject({ sdfProperty: numbered(42, (index) => ({ pattern: `${run}x${index}${"\\p{L}".repeat(190)}` })) }),
  ],
  [
    "of 500 different properties of characters in its patterns",
    (run) =>
      inObject({
        sdfProperty: numbered(25, (at) => ({
          pattern: Array.from({ length: 16 }, (_, no) => `[\\p{L}${run + 1}${at}z-~${String.fromCodePoint(0x4e00 + no)}]`).join(""),
        })),
      }),
  ],
  [
    "that writes out to 9,800 schemas",
    () =>
      JSON.stringify({
        sdfData: { big: { properties: numbered(98, () => ({})) } },
        sdfObject: { O: { sdfProperty: numbered(99, () => ({ sdfRef: "#/sdfData/big" })) } },
      }),
  ],
  [
    "of 2,900 properties",
    () => inObject({ sdfProperty: numbered(2_900, () => ({ type: "number", minimum: 1, unit: "m", description: "abc" })) }),
  ],
  [
    "of 2,700 things",
    () => JSON.stringify({ sdfThing: numbered(30, () => ({ sdfThing: numbered(90, () => ({ sdfProperty: { p: {} } })) })) }),
  ],
  [
    "of 9,700 definitions that nothing uses",
    () =>
      JSON.stringify({
        sdfData: numbered(99, () => ({ properties: numbered(98, () => ({ type: "number", default: 1 })) })),
        ...{ sdfObject: { O: { sdfProperty: { p: {} } } } },
      }),
  ],
];
