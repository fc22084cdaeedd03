import { amqpLimits as limits } from "./limits.ts";

/** Bytes that are no AMQP: the connection cannot go on. */
export class MalformedFrame extends Error {
  override readonly name = "MalformedFrame";
}

/**
 * Checks that one encoded value (AMQP 1.0 part 1, §1.2) begins at `start`: sizes and counts fit into the bytes that are there, and nothing is
 * nested deeply. rhea's reader believes counts before it has seen the elements: an array of four billion values without bytes would stop this
 * process. Returns where the value ends; throws MalformedFrame.
 */
export function checkValue(bytes: Buffer, start: number, depth = 0): number {
  const { code, next } = readConstructor(bytes, start, depth);
  return skipValue(bytes, next, code, depth);
}

/** Past descriptors, to the code of the type. */
function readConstructor(bytes: Buffer, start: number, depth: number): { readonly code: number; readonly next: number } {
  let at = start;
  for (let described = 0; byteAt(bytes, at) === 0; described++) {
    if (depth + described >= limits.nestingMax) throw new MalformedFrame("values are nested too deeply");
    at = checkValue(bytes, at + 1, depth + described + 1);
  }
  return { code: byteAt(bytes, at), next: at + 1 };
}

function skipValue(bytes: Buffer, at: number, code: number, depth: number): number {
  switch (code >>> 4) {
    case 0x4:
      return at;
    case 0x5:
      return within(bytes, at + 1);
    case 0x6:
      return within(bytes, at + 2);
    case 0x7:
      return within(bytes, at + 4);
    case 0x8:
      return within(bytes, at + 8);
    case 0x9:
      return within(bytes, at + 16);
    case 0xa:
      return within(bytes, at + 1 + byteAt(bytes, at));
    case 0xb:
      return within(bytes, at + 4 + uintAt(bytes, at));
    case 0xc:
    case 0xd:
      return skipCompound(bytes, at, code, depth);
    case 0xe:
    case 0xf:
      return skipArray(bytes, at, code, depth);
    default:
      throw new MalformedFrame(`0x${code.toString(16)} is no type`);
  }
}

interface Bounds {
  readonly end: number;
  readonly count: number;
  readonly first: number;
}

/** Size and count, one byte each or four; the size counts the bytes of the count. */
function readBounds(bytes: Buffer, at: number, code: number, depth: number): Bounds {
  if (depth >= limits.nestingMax) throw new MalformedFrame("values are nested too deeply");
  const wide = (code & 0x10) !== 0;
  const width = wide ? 4 : 1;
  const size = wide ? uintAt(bytes, at) : byteAt(bytes, at);
  const count = wide ? uintAt(bytes, at + 4) : byteAt(bytes, at + 1);
  return { end: within(bytes, at + width + size), count, first: at + 2 * width };
}

function skipCompound(bytes: Buffer, start: number, code: number, depth: number): number {
  const { end, count, first } = readBounds(bytes, start, code, depth);
  if (count > end - first) throw new MalformedFrame("a list has more elements than bytes");
  let at = first;
  for (let i = 0; i < count; i++) at = checkValue(bytes, at, depth + 1);
  if (at !== end) throw new MalformedFrame("a list does not have the size it says");
  return end;
}

function skipArray(bytes: Buffer, start: number, code: number, depth: number): number {
  const { end, count, first } = readBounds(bytes, start, code, depth);
  const element = readConstructor(bytes, first, depth + 1);
  const empty = element.code >>> 4 === 0x4;
  if (count > (empty ? limits.emptyElementsMax : end - element.next)) throw new MalformedFrame("an array has more elements than bytes");
  let at = element.next;
  for (let i = 0; i < count; i++) at = skipValue(bytes, at, element.code, depth + 1);
  if (at !== end) throw new MalformedFrame("an array does not have the size it says");
  return end;
}

function within(bytes: Buffer, end: number): number {
  if (end > bytes.length) throw new MalformedFrame("a value is longer than its frame");
  return end;
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[within(bytes, at + 1) - 1] ?? 0;
}

function uintAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(within(bytes, at + 4) - 4);
}
