import { describe, expect, test } from "vitest";
import { Buckets, HoldOff } from "./hold-off.ts";

const from = "192.0.2.1";
const options = { free: 2, firstMs: 1_000, maxMs: 8_000, forgetMs: 60_000, entriesMax: 3 };

describe("holding off who fails", () => {
  test("the first failures are free, then each doubles the wait up to the longest", () => {
    const holdOff = new HoldOff(options);
    let nowMs = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      holdOff.failed("a", from, nowMs, nowMs);
      const untilMs = holdOff.heldUntilMs("a", from, nowMs);
      const waitMs = untilMs === 0 ? 0 : untilMs - nowMs;
      waits.push(waitMs);
      nowMs += waitMs;
    }
    expect(waits).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(holdOff.heldUntilMs("b", from, 0)).toBe(0);
    expect(holdOff.heldUntilMs("a", "192.0.2.2", 0)).toBe(0);
  });

  test("a success forgets, and so does time", () => {
    const holdOff = new HoldOff(options);
    const fail = (nowMs: number): void => holdOff.failed("a", from, nowMs, nowMs);
    for (let i = 0; i < 3; i++) fail(0);
    expect(holdOff.heldUntilMs("a", from, 0)).toBe(1_000);
    expect(holdOff.countHeld(999)).toBe(1);
    expect(holdOff.countHeld(1_000)).toBe(0);
    holdOff.succeeded("a", from);
    expect(holdOff.heldUntilMs("a", from, 0)).toBe(0);
    for (let i = 0; i < 3; i++) fail(0);
    fail(61_001);
    expect(holdOff.heldUntilMs("a", from, 61_001)).toBe(0);
  });

  test("who is forgotten waits nowhere, and an attempt of before counts no more", () => {
    const holdOff = new HoldOff({ ...options, entriesMax: 10 });
    for (const address of [from, "192.0.2.2"]) for (let i = 0; i < 3; i++) holdOff.failed("a", address, 0, 0);
    for (let i = 0; i < 3; i++) holdOff.failed("b", from, 0, 0);
    holdOff.forget("a", 10);
    expect(holdOff.size).toBe(1);
    expect(holdOff.heldUntilMs("b", from, 10)).toBe(1_000);
    for (let i = 0; i < 5; i++) holdOff.failed("a", from, 12, 9);
    expect(holdOff.size).toBe(1);
    for (let i = 0; i < 3; i++) holdOff.failed("a", from, 12, 11);
    expect(holdOff.heldUntilMs("a", from, 12)).toBe(1_012);
    holdOff.forgetWhere((who) => who === "b", 20);
    expect(holdOff.heldUntilMs("b", from, 20)).toBe(0);
    expect(holdOff.heldUntilMs("a", from, 20)).toBe(1_012);
  });

  test("the table is bounded, and whoever failed longest ago goes first", () => {
    const holdOff = new HoldOff(options);
    for (const key of ["a", "b", "c", "d"]) for (let i = 0; i < 3; i++) holdOff.failed(key, from, 0, 0);
    expect(holdOff.size).toBe(3);
    expect([holdOff.heldUntilMs("a", from, 0), holdOff.heldUntilMs("d", from, 0)]).toEqual([0, 1_000]);
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
    expect([buckets.msUntilNext("a", 1_400), buckets.msUntilNext("a", 2_000), buckets.msUntilNext("c", 0)]).toEqual([600, 0, 0]);
    expect(buckets.take("b", 0)).toBe(true);
  });

  test("the table is bounded", () => {
    const buckets = new Buckets({ burst: 1, perSecond: 1, entriesMax: 2 });
    for (const key of ["a", "b", "c"]) buckets.take(key, 0);
    expect(buckets.size).toBe(2);
  });
});
