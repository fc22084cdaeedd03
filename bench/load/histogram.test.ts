import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

/** A fixed sequence of numbers from 0 to 1 (a linear congruential generator), so that a failure repeats. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

function exactQuantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
}

test("a quantile is never below the exact one and at most 1 % above it, from microseconds to minutes", () => {
  const histogram = new Histogram();
  const values: number[] = [];
  const random = numbers(7);
  for (let i = 0; i < 20_000; i++) {
    const value = Math.floor(10 ** ((random.next().value as number) * 8));
    values.push(value);
    histogram.record(value);
  }
  values.sort((a, b) => a - b);
  for (const share of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = exactQuantile(values, share);
    expect(histogram.quantile(share), `quantile ${share}`).toBeGreaterThanOrEqual(exact);
    expect(histogram.quantile(share), `quantile ${share}`).toBeLessThanOrEqual(exact * 1.01);
  }
});

test("values below 128 microseconds are exact", () => {
  for (let value = 0; value < 128; value++) {
    const histogram = new Histogram();
    histogram.record(value);
    histogram.record(1_000_000);
    expect(histogram.quantile(0.5)).toBe(value);
  }
});

test("the 99th percentile of 100 values is the 99th, and the highest is the maximum", () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 100; value++) histogram.record(value);
  expect([0.5, 0.99, 1].map((share) => histogram.quantile(share))).toEqual([50, 99, 100]);
});

test("count, mean and maximum are exact, and 0 while nothing was recorded", () => {
  const histogram = new Histogram();
  expect([histogram.count, histogram.mean, histogram.max, histogram.quantile(0.5)]).toEqual([0, 0, 0, 0]);
  for (const value of [1_000_003, 5, 1.9, -4]) histogram.record(value);
  expect([histogram.count, histogram.mean, histogram.max]).toEqual([4, (1_000_003 + 5 + 1 + 0) / 4, 1_000_003]);
  histogram.record(1e12);
  expect(histogram.max).toBe(2 ** 31 - 1);
});
