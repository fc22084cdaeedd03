// Hot: what checking one payload may cost. A model comes from a tenant and a payload from a device: each is small, and together they may be much
// work, as thousands of alternatives with a pattern each over a long text. Nothing here waits, so one payload at a time spends.
import { limits } from "./limits.ts";

/** The payload needs more than `limits.payloadWorkMax`. */
export class TooMuchWork extends Error {
  override readonly name = "TooMuchWork";
}

/** Outside of payloads other limits hold. */
let left = Number.POSITIVE_INFINITY;

/** Throws TooMuchWork when the payload has cost more than it may. One unit is one state and character of a pattern, or one alternative tried. */
export function spend(units: number): void {
  left -= units;
  if (left < 0) throw new TooMuchWork();
}

/** What follows begins with nothing spent: a payload, or the literals of a model. */
export function beginPayload(units: number = limits.payloadWorkMax): void {
  left = units;
}

export function endPayload(): void {
  left = Number.POSITIVE_INFINITY;
}
