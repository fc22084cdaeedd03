import { describe, expect, test } from "vitest";
import { assertKnownSettings, loadSettings } from "./settings.ts";

const table = {
  port: { env: "MOORING_X_PORT", kind: "port", default: 8883, doc: "a port" },
  url: { env: "MOORING_X_URL", kind: "string", doc: "a url" },
  key: { env: "MOORING_X_KEY", kind: "string", default: null, doc: "a key", secret: true, oneOf: ["a"] },
  on: { env: "MOORING_X_ON", kind: "boolean", default: false, doc: "a switch" },
} as const;

describe("settings", () => {
  test("values are typed, defaults apply, an optional one is undefined", () => {
    expect(loadSettings(table, { MOORING_X_URL: "u", MOORING_X_PORT: "0" })).toEqual({ port: 0, url: "u", key: undefined, on: false });
  });

  test("a required one that is missing is named", () => {
    expect(() => loadSettings(table, {})).toThrow("MOORING_X_URL is not set: a url");
  });

  test.each(["70000", "-1", "1.5", "abc", "0x10", "1e3"])("a port of %s is refused", (value) => {
    expect(() => loadSettings(table, { MOORING_X_URL: "u", MOORING_X_PORT: value })).toThrow(/MOORING_X_PORT must be a whole number/);
  });

  test("a secret is not printed when it is wrong", () => {
    expect(() => loadSettings(table, { MOORING_X_URL: "u", MOORING_X_KEY: "hush" })).toThrow("not ***");
  });

  test("an unknown MOORING_ variable is refused, others are nobody's business", () => {
    expect(() => assertKnownSettings([table], { MOORING_X_PROT: "1" })).toThrow("MOORING_X_PROT is not a setting");
    expect(() => assertKnownSettings([table], { MOORING_TEST_REDIS_URL: "x", PATH: "x", MOORING_X_ON: "true" })).not.toThrow();
  });
});
