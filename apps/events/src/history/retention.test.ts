import { expect, test } from "vitest";
import { dayMs, keepEverything, keptAt, makeRules, markOf, pastKeeping } from "./retention.ts";

const product = (productKey: string, historyDays: number) => ({ productKey, historyDays });
const rules = makeRules([product("b", 7), product("long", 365), product("a", 7), product("day", 1), product("too", 365)]);

test("products with the longest retention need not be named, the others are, shortest first", () => {
  expect(rules).toEqual({
    longestDays: 365,
    shorter: [
      { productKey: "day", days: 1 },
      { productKey: "a", days: 7 },
      { productKey: "b", days: 7 },
    ],
  });
});

test("without products 90 days are kept, and before anything is known everything", () => {
  expect(makeRules([])).toEqual({ longestDays: 90, shorter: [] });
  expect(keptAt(keepEverything, 5)).toEqual({ fromMs: Number.NEGATIVE_INFINITY, shorter: [] });
});

test("no more products are named than asked for", () => {
  const nowMs = 1_000 * dayMs;
  expect(keptAt(rules, nowMs, 1)).toEqual({ fromMs: 635 * dayMs, shorter: [{ productKey: "day", fromMs: 999 * dayMs }] });
  expect(keptAt(rules, nowMs).shorter).toHaveLength(3);
});

test("a day is past keeping when its last millisecond is", () => {
  const startMs = 100 * dayMs;
  expect(pastKeeping(rules, startMs, startMs + 2 * dayMs - 1)).toEqual([]);
  expect(pastKeeping(rules, startMs, startMs + 2 * dayMs)).toEqual(["day"]);
  expect(pastKeeping(rules, startMs, startMs + 8 * dayMs)).toEqual(["day", "a", "b"]);
});

test("a mark tells sets of products apart, whatever their order", () => {
  expect(markOf(["a", "b"])).toBe(markOf(["b", "a"]));
  expect(markOf(["a", "b"])).not.toBe(markOf(["a"]));
});
