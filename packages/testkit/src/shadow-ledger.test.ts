import type { JsonObject, JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { checkShadowLedger, type ShadowLedger } from "./shadow-ledger.ts";

const changes: ShadowLedger["changes"] = [
  { version: 1, atMs: 10, desired: { a: 1, list: [1, 2], deep: { x: 1, y: 2 } } },
  { version: 2, atMs: 11, reported: { a: 1, b: { c: "d" } } },
  { version: 3, atMs: 11, desired: { a: null, list: [3], deep: { y: null } } },
  { version: 4, atMs: 12, desired: { n: 4 }, reported: null },
  { version: 5, atMs: 13, reported: { b: { e: true } } },
];
const document = { version: 5, desired: { list: [3], deep: { x: 1 }, n: 4 }, reported: { b: { e: true } } };
const successes: ShadowLedger["successes"] = [
  { writer: "w1", version: 1, desired: { deep: { y: 2, x: 1 }, list: [1, 2], a: 1 } },
  { writer: "w2", version: 4, desired: { n: 4 }, reported: null },
];
const good: ShadowLedger = { changes, document, successes };

/** The good ledger with one change made otherwise. */
const withChange = (version: number, change: object): ShadowLedger => ({
  ...good,
  changes: changes.map((one) => (one.version === version ? { ...one, ...change } : one)),
});
const withDocument = (sections: { desired?: JsonObject; reported?: JsonObject; version?: number }): ShadowLedger => ({
  ...good,
  document: { ...document, ...sections },
});
const tries: ShadowLedger["tries"] = [
  ...changes.map(({ desired, reported }, i) => ({
    writer: `t${i}`,
    ...(desired === undefined ? {} : { desired }),
    ...(reported === undefined ? {} : { reported }),
  })),
  { writer: "refused", desired: { never: 1 }, isRefused: true },
  { writer: "unknown", reported: { perhaps: 1 } },
];
const withSuccess = (success: { writer: string; version: number; desired?: JsonValue; expected?: number }): ShadowLedger => ({
  ...good,
  successes: [...successes, success],
});

describe("the shadow ledger", () => {
  test("finds nothing where nothing is wrong, in whatever order the changes come", () => {
    expect(checkShadowLedger(good)).toEqual([]);
    expect(checkShadowLedger({ ...good, changes: [...changes].reverse() })).toEqual([]);
    expect(checkShadowLedger({ ...good, tries })).toEqual([]);
    expect(checkShadowLedger({ changes: [], successes: [], document: { version: 0, desired: {}, reported: {} } })).toEqual([]);
  });

  test.each<[string, ShadowLedger, string]>([
    ["a version that is left out", { ...good, changes: changes.filter(({ version }) => version !== 2) }, "after version 1 came 3"],
    ["a first version that is not 1", { ...good, changes: changes.slice(1) }, "after version 0 came 2"],
    ["a version given twice", withChange(3, { version: 2 }), "version 2 was given twice"],
    ["a change after the document's version", withDocument({ version: 4 }), "the document is at version 4, the last change made 5"],
    ["a time that goes back", withChange(3, { atMs: 9 }), "version 3 is older than the one before it"],
    ["a patch that was lost", withDocument({ desired: { list: [3], deep: { x: 1 } } }), "the changes make desired"],
    ["null that did not delete", withDocument({ desired: { ...document.desired, a: null } }), "the changes make desired"],
    [
      "null that did not delete below",
      withDocument({ desired: { ...document.desired, deep: { x: 1, y: 2 } } }),
      "the changes make desired",
    ],
    ["an array that was merged", withDocument({ desired: { ...document.desired, list: [3, 2] } }), "the changes make desired"],
    ["a section that was not cleared", withDocument({ reported: { a: 1, b: { c: "d", e: true } } }), "the changes make reported"],
    ["an object that was replaced, not merged", withDocument({ desired: { ...document.desired, deep: {} } }), "the changes make desired"],
    [
      "a success that is not there",
      withSuccess({ writer: "w3", version: 9, desired: {} }),
      "w3 was told that it made version 9, which is not there",
    ],
    [
      "a success of another's version",
      withSuccess({ writer: "w3", version: 4, desired: { n: 4 } }),
      "w2 and w3 were both told that they made version 4",
    ],
    [
      "a success on a condition that did not hold",
      withSuccess({ writer: "w3", version: 3, desired: changes[2]?.desired as JsonValue, expected: 1 }),
      "w3 expected version 1 and was told that it made 3",
    ],
    [
      "a change that was refused and made",
      { ...good, tries: tries.map((one) => (one.writer === "t4" ? { ...one, isRefused: true } : one)) },
      "t4 was told that it was refused what made version 5",
    ],
    ["a change that nobody tried", { ...good, tries: tries.filter(({ writer }) => writer !== "t4") }, "nobody tried what made version 5"],
    [
      "a change that was made twice",
      { ...withChange(5, { reported: changes[1]?.reported }), tries },
      "versions 2 and 5 were made of one try",
    ],
    [
      "tries that say the same",
      { ...good, tries: [...tries, { writer: "again", desired: { never: 1 } }] },
      "two tries say the same, so that nothing can be said of them",
    ],
    ["a success that says something else", withSuccess({ writer: "w3", version: 3, desired: { a: 7 } }), "version 3 is not what w3 said"],
  ])("finds %s", (_, ledger, problem) => {
    expect(checkShadowLedger(ledger).join("\n")).toContain(problem);
  });
});
