import { expect, test } from "vitest";
import { backoffMs } from "./bounds.ts";

test("an exponential backoff doubles up to an hour, a fixed one stays", () => {
  expect([1, 2, 3, 4].map((failures) => backoffMs("mooring-exponential", 1_000, failures))).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(backoffMs("mooring-exponential", 1_000, 100)).toBe(3_600_000);
  expect([1, 2, 50].map((failures) => backoffMs("mooring-fixed", 700, failures))).toEqual([700, 700, 700]);
});
