import { expect, test } from "vitest";
import { fuzz } from "./fuzz.test-support.ts";

const SEED = 20_251_107;
const RUNS = 50_000;

test(`${RUNS} broken streams (seed ${SEED}) never throw, stay within their bounds, hand over nothing after an error, and what was handed over is the same when encoded again`, () => {
  const { refused, heard } = fuzz(SEED, RUNS);
  // Both outcomes must have been common, or the streams test nothing.
  expect(refused).toBeGreaterThan(RUNS / 5);
  expect(heard).toBeGreaterThan(RUNS / 2);
});
