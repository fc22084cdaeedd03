// Hot: where the nodes of a LevelTree are found: open addressing in one array of numbers, and the hash that leads there.
//
//   [ hash | node ][ hash | node ][ 0 | 0 ] ...       a power of two of pairs; node 0 is none; some place is always empty
import { randomInt } from "node:crypto";

/** Whoever knew them could choose levels that fall together. */
const seed = randomInt(2 ** 32);
const factor = randomInt(2 ** 31) * 2 + 1;

/** The hash of a level: its parent's number and then each of its characters are mixed in. */
export function begin(parent: number): number {
  return Math.imul(parent ^ seed, factor);
}

export function mix(mixed: number, code: number): number {
  const next = Math.imul(mixed ^ code, factor);
  return next ^ (next >>> 15);
}

export function finish(mixed: number): number {
  const next = Math.imul(mixed, factor);
  return next ^ (next >>> 16);
}

/** Where the search for a hash begins. */
export function placeOf(hash: number, slots: Int32Array): number {
  return (hash << 1) & (slots.length - 1);
}

export function putIn(slots: Int32Array, hash: number, node: number): void {
  let slot = placeOf(hash, slots);
  while (slots[slot + 1] !== 0) slot = (slot + 2) & (slots.length - 1);
  slots[slot] = hash;
  slots[slot + 1] = node;
}

/** Moves up what lies behind and was not to be found over the gap. */
export function takeOut(slots: Int32Array, hash: number, node: number): void {
  const mask = slots.length - 1;
  let gap = placeOf(hash, slots);
  while (slots[gap + 1] !== node) gap = (gap + 2) & mask;
  for (let at = (gap + 2) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
    const wanted = placeOf(slots[at] as number, slots);
    if (((at - wanted) & mask) < ((at - gap) & mask)) continue;
    slots[gap] = slots[at] as number;
    slots[gap + 1] = slots[at + 1] as number;
    gap = at;
  }
  slots[gap + 1] = 0;
}
