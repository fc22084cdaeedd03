import type { ThingModelVersion } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { compareVersions, lineOf, neighbours, resolveRange } from "./versions.ts";

const sorted = [
  "0.9.0",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.2.0",
  "1.10.0",
  "2.0.0",
];

test("versions come in the order of SemVer 2.0.0 §11", () => {
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
  expect(compareVersions("1.0.0+a", "1.0.0+b")).toBe(0);
});

test("a line is a major version, of 0.x a minor one; a pre-release is in none", () => {
  expect(["1.2.3", "0.4.9", "0.0.1", "2.0.0-rc.1"].map(lineOf)).toEqual(["1", "0.4", "0.0", undefined]);
  expect(neighbours("1.1.0", ["1.0.0", "0.9.0", "1.1.5", "1.2.0", "2.0.0", "1.1.1-rc.1"])).toEqual({ before: "1.0.0", after: "1.1.5" });
  expect(neighbours("2.0.0", ["1.0.0", "3.0.0"])).toEqual({});
  expect(neighbours("1.1.0-rc.1", ["1.0.0"])).toEqual({});
});

describe("a range", () => {
  const there = (versions: readonly string[], state = "published") =>
    versions.map((version): ThingModelVersion => ({ name: "m", version, contentHash: "", publishedAtMs: 0, state }));
  test.each([
    ["^1", "1.10.0"],
    ["^1.2", "1.10.0"],
    ["~1.2", "1.2.9"],
    ["~1.2.1", "1.2.9"],
    ["~1", "1.10.0"],
    ["^1.11", undefined],
    ["^0", "0.4.1"],
    ["^0.3", "0.3.7"],
    ["^0.0.3", "0.0.3"],
    ["^2", undefined],
  ])("%s is %s", (range, version) => {
    const models = there(["0.0.3", "0.0.4", "0.3.7", "0.4.1", "1.0.0", "1.2.0", "1.2.9", "1.10.0", "1.11.0-rc.1", "2.0.0-beta"]);
    expect(resolveRange(range, models)?.version).toBe(version);
  });

  test("stands for a published version before a newer deprecated one, for that before a retired one, and for no draft", () => {
    const [old, deprecated, retired, draft] = [
      there(["1.0.0"]),
      there(["1.1.0"], "deprecated"),
      there(["1.2.0"], "retired"),
      there(["1.3.0"], "draft"),
    ];
    expect(resolveRange("^1", [...old, ...deprecated, ...retired, ...draft])?.version).toBe("1.0.0");
    expect(resolveRange("^1", [...deprecated, ...retired, ...draft])?.version).toBe("1.1.0");
    expect(resolveRange("^1", [...retired, ...draft])?.version).toBe("1.2.0");
    expect(resolveRange("^1", draft)).toBeUndefined();
  });
});
