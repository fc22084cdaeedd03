// Numbers as they are written in decimal: 0.3 is a multiple of 0.1, although their binary quotient is 2.9999999999999996.
import { spend } from "./work.ts";

/** `digits` times 10 to the power of `exponent`: exactly the shortest text that reads back as the number (ECMA-262 Number::toString). */
export interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

const NUMBER = /^(-?\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/** The number must be finite. */
export function decimalOf(number: number): Decimal {
  const [, whole = "0", fraction = "", exponent = "0"] = NUMBER.exec(String(number)) ?? [];
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

/** Their digits with the exponent that is the least of them; at most some 650 of them. */
export function onOneScale<const Numbers extends readonly Decimal[]>(decimals: Numbers): { readonly [Index in keyof Numbers]: bigint } {
  const exponent = Math.min(...decimals.map((decimal) => decimal.exponent));
  return decimals.map((decimal) => decimal.digits * 10n ** BigInt(decimal.exponent - exponent)) as { [Index in keyof Numbers]: bigint };
}

export function isMultipleOf(value: Decimal, step: Decimal): boolean {
  const [dividend, divisor] = onOneScale([value, step]);
  return dividend % divisor === 0n;
}

/** The least number that is a multiple of both, which are above 0. */
export function leastCommonMultiple(a: Decimal, b: Decimal): Decimal {
  const [left, right] = onOneScale([a, b]);
  let [divisor, rest] = [left, right];
  while (rest !== 0n) [divisor, rest] = [rest, divisor % rest];
  return { digits: (left / divisor) * right, exponent: Math.min(a.exponent, b.exponent) };
}

/** Any two decimals of at most 15 digits are two doubles, so that the double says which decimal was written. */
const EXACT_BELOW = 1e15;
/** Ten to the power of this is a double, and so are all lower powers. */
const PLACES_MAX = 22;
/** What a comparison of long digits costs, in units of work.ts. */
const LONG_COST = 100;

/** Whether a finite number is a multiple of the step, which is above 0; both as written in decimal. */
export function createMultipleCheck(step: number): (value: number) => boolean {
  const decimal = decimalOf(step);
  const places = Math.max(0, -decimal.exponent);
  const scale = 10 ** places;
  const whole = Math.round(step * scale);
  const isShort = places <= PLACES_MAX && step * scale < EXACT_BELOW;
  return (value) => {
    const scaled = value * scale;
    if (isShort && Math.abs(scaled) < EXACT_BELOW) {
      // What has more decimal places than the step is no multiple of it.
      const rounded = Math.round(scaled);
      return rounded / scale === value && rounded % whole === 0;
    }
    spend(LONG_COST);
    return isMultipleOf(decimalOf(value), decimal);
  };
}
