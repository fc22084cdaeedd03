import { describe, expect, test } from "vitest";
import { createSteadyClock } from "./clock.ts";

const hourMs = 3_600_000;

function createTime() {
  let passedMs = 5_000;
  let offMs = 0;
  const startMs = Date.UTC(2026, 0, 1);
  return {
    wall: { now: () => startMs + passedMs + offMs },
    monotonic: { now: () => passedMs },
    pass(ms: number) {
      passedMs += ms;
    },
    set(ms: number) {
      offMs = ms;
    },
  };
}

describe("a steady clock", () => {
  test("is the wall clock while nobody sets that", () => {
    const time = createTime();
    const clock = createSteadyClock(time.wall, time.monotonic);
    for (const ms of [0, 1, 999, hourMs]) {
      time.pass(ms);
      expect(clock.now()).toBe(time.wall.now());
    }
  });

  test.each([hourMs, -hourMs])("goes on evenly when the wall clock is set by %d ms, and never backwards", (jumpMs) => {
    const time = createTime();
    const clock = createSteadyClock(time.wall, time.monotonic);
    const beforeMs = clock.now();
    time.set(jumpMs);
    expect(clock.now()).toBe(beforeMs);
    time.pass(60_000);
    expect(clock.now() - beforeMs).toBe(60_000 + Math.sign(jumpMs) * 1_000);
    time.set(0);
    time.pass(120_000);
    expect(clock.now()).toBe(time.wall.now());
  });

  test("comes to the wall clock in the end", () => {
    const time = createTime();
    const clock = createSteadyClock(time.wall, time.monotonic);
    time.set(hourMs);
    time.pass(61 * hourMs);
    expect(clock.now()).toBe(time.wall.now());
  });
});
