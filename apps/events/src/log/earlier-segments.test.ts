import { expect, test } from "vitest";
import { EarlierSegments } from "./earlier-segments.ts";
import { chosenId, timedId } from "./fixture.test-support.ts";

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

/** Segments at 0, 10, 20, 30, closed one minute after the other; the one at 30 is written. */
function rolledThrice(): EarlierSegments {
  const earlier = new EarlierSegments(hourMs);
  for (const [minute, from] of [0, 10, 20, 30].entries()) earlier.moveTo(from, startMs + minute * 60_000);
  return earlier;
}

test("within the first segment nothing is looked for", () => {
  const earlier = new EarlierSegments(hourMs);
  earlier.moveTo(0, startMs);
  earlier.startAt(0, startMs);
  expect(earlier.expire(startMs)).toBe(true);
  expect(earlier.probeFrom(chosenId(), false)).toBe(-1);
});

test("an id that a client chose is looked for in the whole window, and only there", () => {
  const earlier = rolledThrice();
  expect(earlier.probeFrom(chosenId(), false)).toBe(0);
  expect(earlier.expire(startMs + 120_000 + hourMs)).toBe(false);
  expect(earlier.probeFrom(chosenId(), false)).toBe(10);
  expect(earlier.expire(startMs + 180_001 + hourMs)).toBe(true);
  expect(earlier.probeFrom(chosenId(), false)).toBe(-1);
});

test("an id with a time is looked for where it can have been stored since, give or take what clocks differ", () => {
  const earlier = rolledThrice();
  const minute = (count: number): number => startMs + count * 60_000;
  expect(earlier.probeFrom(timedId(minute(3) + 5_000), false)).toBe(-1);
  expect(earlier.probeFrom(timedId(minute(3) + 4_999), false)).toBe(20);
  expect(earlier.probeFrom(timedId(minute(2) + 5_001), false)).toBe(20);
  expect(earlier.probeFrom(timedId(minute(2) + 4_999), false)).toBe(10);
  expect(earlier.probeFrom(timedId(startMs), false)).toBe(0);
  expect(earlier.probeFrom(timedId(1), false)).toBe(0);
});

test("a process that has just begun looks in all that was stored in the window", () => {
  const earlier = new EarlierSegments(hourMs);
  earlier.moveTo(30, startMs);
  earlier.startAt(7, startMs);
  expect(earlier.probeFrom(chosenId(), false)).toBe(7);
  expect(earlier.probeFrom(timedId(startMs - 1), false)).toBe(7);
  expect(earlier.probeFrom(timedId(startMs + 5_001), false)).toBe(-1);
  earlier.moveTo(40, startMs + 60_000);
  expect(earlier.probeFrom(timedId(startMs + 10_000), false)).toBe(30);
  expect(earlier.probeFrom(chosenId(), false)).toBe(7);
});

test("however many segments close, what is remembered is bounded, and nothing within the window is forgotten", () => {
  const earlier = new EarlierSegments(hourMs);
  for (let i = 0; i <= 3_000; i++) earlier.moveTo(i * 10, startMs + i * 1_000);
  earlier.expire(startMs + 3_000_000);
  expect(earlier.probeFrom(chosenId(), false)).toBe(0);
  expect(earlier.probeFrom(timedId(startMs + 2_500_500), false)).toBe(24_950);
});
