import { expect, test } from "vitest";
import type { ConsumerState, Segment } from "./ports.ts";
import { countAfter, findGaps, planRetention, platformConsumers } from "./retention.ts";

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 0, 8);
const rules = { retentionMs: 24 * hourMs, bytesMax: 0 };

/** Offsets from `from` to `from + 9`; the last two of them unused. */
const segment = (from: number, agesH: readonly [number, number], bytes = 100): Segment => ({
  name: `s${from}`,
  from,
  to: from + 10,
  bytes,
  last: from + 7,
  firstReceivedMs: nowMs - agesH[0] * hourMs,
  lastReceivedMs: nowMs - agesH[1] * hourMs,
});
const next: Segment = { name: "next", from: 40, to: 50, bytes: 1, last: undefined, firstReceivedMs: undefined, lastReceivedMs: undefined };
const log = [segment(0, [50, 40]), segment(10, [40, 26]), segment(20, [26, 2]), segment(30, [2, 0]), next];
const at = (offset: number, but: Readonly<Record<string, number>> = {}): ConsumerState[] =>
  platformConsumers.map((name) => ({ name, offset: but[name] ?? offset, lagS: 0 }));
const names = (segments: readonly Segment[]): readonly string[] => segments.map(({ name }) => name);

test("segments whose last record is past the retention go, oldest first; the others stay", () => {
  expect(names(planRetention(log, { current: 30, consumers: at(37) }, rules, nowMs).drop)).toEqual(["s0", "s10"]);
});

test("above the size, the oldest go until the rest fits, however young, but never the current segment or what follows", () => {
  const consumers = at(37);
  const plan = (bytesMax: number) => planRetention(log, { current: 30, consumers }, { retentionMs: 1_000 * hourMs, bytesMax }, nowMs);
  expect(names(plan(401).drop)).toEqual([]);
  expect(names(plan(400).drop)).toEqual(["s0"]);
  expect(names(plan(201).drop)).toEqual(["s0", "s10"]);
  expect(names(plan(1).drop)).toEqual(["s0", "s10", "s20"]);
});

test.each(platformConsumers)("what %s has not done stays, also above the size, and the excess is told with its name", (name) => {
  const consumers = at(37, { [name]: 16 });
  const plan = planRetention(log, { current: 30, consumers }, { retentionMs: hourMs, bytesMax: 250 }, nowMs);
  expect(names(plan.drop)).toEqual(["s0"]);
  expect([plan.heldBytes, plan.heldBy]).toEqual([51, [name]]);
  const passed = planRetention(log, { current: 30, consumers: at(37, { [name]: 17 }) }, { retentionMs: hourMs, bytesMax: 250 }, nowMs);
  expect(names(passed.drop)).toEqual(["s0", "s10"]);
  expect([passed.heldBytes, passed.heldBy]).toEqual([0, []]);
});

test("a consumer that was never heard of holds everything, and others than the platform's hold nothing", () => {
  const consumers = at(37).slice(1);
  expect(planRetention(log, { current: 30, consumers }, rules, nowMs).drop).toEqual([]);
  expect(
    planRetention(log, { current: 30, consumers: [...at(37), { name: "curious", offset: 0, lagS: 0 }] }, rules, nowMs).drop,
  ).toHaveLength(2);
});

test("the current segment is closed when it is an eighth of the retention old, a day at most, or an eighth of the size", () => {
  const isClosed = (ageH: number, retentionH: number, bytesMax = 0): boolean =>
    planRetention([segment(0, [ageH, 0])], { current: 0, consumers: [] }, { retentionMs: retentionH * hourMs, bytesMax }, nowMs).close;
  expect([isClosed(3, 24), isClosed(3.1, 24)]).toEqual([false, true]);
  expect([isClosed(24, 10_000), isClosed(24.1, 10_000)]).toEqual([false, true]);
  expect([isClosed(0, 24, 800), isClosed(0, 24, 799)]).toEqual([false, true]);
  expect(planRetention([next], { current: 40, consumers: [] }, rules, nowMs).close).toBe(false);
});

test("a backlog counts neither what was dropped nor what closed segments left unused", () => {
  const gaps = findGaps(log.slice(1), 30);
  const of = (after: number): number => countAfter(gaps, 35, after);
  expect(of(35)).toBe(0);
  expect(of(40)).toBe(0);
  expect(of(33)).toBe(2);
  expect(of(27)).toBe(6);
  expect(of(29)).toBe(6);
  expect(of(26)).toBe(7);
  expect(of(0)).toBe(8 + 8 + 6);
  expect(countAfter(findGaps([], 0), 0, 0)).toBe(0);
});
