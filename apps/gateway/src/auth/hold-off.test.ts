import { describe, expect, test } from "vitest";
import { Buckets, HoldOff } from "./hold-off.ts";

const options = { free: 2, firstMs: 1_000, maxMs: 8_000, forgetMs: 60_000, entriesMax: 3 };

describe("holding off who fails", () => {
  test("the first failures are free, then each doubles the wait up to the longest", () => {
    const holdOff = new HoldOff(options);
    let nowMs = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      holdOff.failed("a", nowMs);
      let waitMs = 0;
      while (!holdOff.mayTry("a", nowMs + waitMs)) waitMs += 500;
      waits.push(waitMs);
      nowMs += waitMs;
    }
    expect(waits).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(holdOff.mayTry("b", 0)).toBe(true);
  });

  test("a success forgets, and so does time", () => {
    const holdOff = new HoldOff(options);
    for (let i = 0; i < 3; i++) holdOff.failed("a", 0);
    expect(holdOff.mayTry("a", 0)).toBe(false);
    holdOff.succeeded("a");
    expect(holdOff.mayTry("a", 0)).toBe(true);
    for (let i = 0; i < 3; i++) holdOff.failed("a", 0);
    holdOff.failed("a", 61_001);
    expect(holdOff.mayTry("a", 61_001)).toBe(true);
  });

  test("the table is bounded, and whoever failed longest ago goes first", () => {
    const holdOff = new HoldOff(options);
    for (const key of ["a", "b", "c", "d"]) for (let i = 0; i < 3; i++) holdOff.failed(key, 0);
    expect(holdOff.size).toBe(3);
    expect([holdOff.mayTry("a", 0), holdOff.mayTry("d", 0)]).toEqual([true, false]);
  });
});

describe("so many at once and so many a second", () => {
  test("a bucket empties and fills again, and asking takes nothing", () => {
    const buckets = new Buckets({ burst: 2, perSecond: 1, entriesMax: 10 });
    expect([buckets.has("a", 0), buckets.take("a", 0), buckets.take("a", 0), buckets.has("a", 0), buckets.take("a", 0)]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect([buckets.has("a", 999), buckets.has("a", 1_000), buckets.take("a", 1_000), buckets.take("a", 1_000)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(buckets.take("b", 0)).toBe(true);
  });

  test("the table is bounded", () => {
    const buckets = new Buckets({ burst: 1, perSecond: 1, entriesMax: 2 });
    for (const key of ["a", "b", "c"]) buckets.take(key, 0);
    expect(buckets.size).toBe(2);
  });
});
