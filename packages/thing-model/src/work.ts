// Hot: what checking one payload may cost. A model comes from a tenant and a payload from a device: each is small, and together they may be much
// work, as thousands of alternatives with a pattern each over a long text. Nothing here waits, so one payload at a time spends.
import { limits } from "./limits.ts";

/** The payload needs more than `limits.payloadWorkMax`. */
export class TooMuchWork extends Error {
  override readonly name = "TooMuchWork";
}

/** Outside of payloads other limits hold. */
let left = Number.POSITIVE_INFINITY;

/**
 * Throws TooMuchWork when the payload has cost more than it may. One unit is some 14 ns: one state and character of a pattern, one alternative
 * tried, one or two items or members looked at. What has a length is paid for by it, as often as it is looked at.
 */
export function spend(units: number): void {
  left -= units;
  if (left < 0) throw new TooMuchWork();
}

/** What follows begins with nothing spent: a payload, or the literals of a model. */
export function beginPayload(units: number = limits.payloadWorkMax): void {
  left = units;
}

/** Answers what was left. */
export function endPayload(): number {
  const rest = left;
  counted = undefined;
  left = Number.POSITIVE_INFINITY;
  return rest;
}

let counted: object | undefined;
let count = 0;

/** Members of an object, and pays for listing them. The same object is asked for by one alternative after the other. */
export function countMembers(value: object): number {
  if (counted !== value) {
    counted = value;
    count = Object.keys(value).length;
  }
  spend(listingCost(count));
  return count;
}

/** An object of many members is a dictionary, whose names are collected and sorted to be listed. */
export function listingCost(members: number): number {
  return members < 500 ? members : members * 12;
}
