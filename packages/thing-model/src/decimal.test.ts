import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMultipleCheck, decimalOf, isMultipleOf, leastCommonMultiple } from "./decimal.ts";

const multiples: readonly (readonly [value: number, step: number])[] = [
  [0.3, 0.1],
  [-0.7, 0.1],
  [0, 0.1],
  [-0, 3],
  [1.1, 0.01],
  [4.35, 0.05],
  [1e23, 10],
  [1e300, 1e-300],
  [5e-324, 5e-324],
  [123456789012.3, 0.1],
  [9007199254740992, 2],
];
const others: readonly (readonly [value: number, step: number])[] = [
  [1e-10, 1],
  [3.0000000001, 1],
  [4503599627370495.5, 1],
  [0.30000000000000004, 0.1],
  [1.15, 0.1],
  [9007199254740991, 2],
  [5e-324, 1e-323],
  [1e300, 3],
];

describe("a number is a multiple of a step by what is written in decimal", () => {
  test.each(multiples)("%d is one of %d", (value, step) => expect(createMultipleCheck(step)(value)).toBe(true));
  test.each(others)("%d is none of %d", (value, step) => expect(createMultipleCheck(step)(value)).toBe(false));

  test("the short way says what the long digits say", () => {
    const step = fc
      .tuple(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 0, max: 12 }))
      .map(([digits, places]) => digits / 10 ** places);
    const near = fc.tuple(fc.integer(), fc.constantFrom(0, 0, 1e-10, 0.5, 1e-3)).map(
      ([count, off]) =>
        (by: number) =>
          count * by + off,
    );
    const value = fc.oneof(
      near,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => () => number),
    );
    fc.assert(
      fc.property(step, value, (by, from) => {
        const number = from(by);
        expect(createMultipleCheck(by)(number)).toBe(isMultipleOf(decimalOf(number), decimalOf(by)));
      }),
      { numRuns: 5_000 },
    );
  });
});

test("the least common multiple of steps is exact", () => {
  expect(leastCommonMultiple(decimalOf(1.5), decimalOf(1))).toEqual({ digits: 30n, exponent: -1 });
  expect(leastCommonMultiple(decimalOf(0.5), decimalOf(1))).toEqual({ digits: 10n, exponent: -1 });
});
