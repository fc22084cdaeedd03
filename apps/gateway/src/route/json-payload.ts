// Hot: JSON from devices. Hostile input costs no more than reading it once, and what the platform could not keep is refused by name.
import { isUtf8 } from "node:buffer";
import type { FieldIssue, JsonValue } from "@mooring/contracts";

/** Of any message from a device. The published limit: 256 KB. */
export const payloadBytesMax = 256 * 1024;
/** Nesting of `desired` and of `reported`, each. */
export const stateDepthMax = 8;
/** Nesting of a payload: what a shadow's levels leave to a message around them (`state`, a section; `params`, a wrapped value). */
export const shadowDepthMax = stateDepthMax + 2;
export const reportDepthMax = 9;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;

/** Either `issue` is set, or `value` is good. */
export interface ParsedPayload {
  readonly value: JsonValue;
  readonly issue: FieldIssue | undefined;
  /** What the issue is about, for dialects that have a sentence of their own for it. */
  readonly isTooDeep?: true;
}

/** Parses JSON (RFC 8259) that must be storable: UTF-8, at most `depthMax` deep, finite numbers, no `__proto__`, no U+0000, no lone surrogate. */
export function parsePayload(payload: Uint8Array, depthMax: number): ParsedPayload {
  if (payload.length > payloadBytesMax) return refuse("", `has ${payload.length} bytes, more than ${payloadBytesMax}`);
  if (!isUtf8(payload)) return refuse("", "is not UTF-8");
  const shape = scan(payload, depthMax);
  if (shape === tooDeep) return { ...refuse("", `is nested more than ${depthMax} deep`), isTooDeep: true };
  let value: JsonValue;
  try {
    value = JSON.parse(textOf(payload)) as JsonValue;
  } catch {
    return refuse("", "is not JSON");
  }
  const issue = inspect(value, "", shape === escaped);
  return issue === undefined ? { value, issue } : { value: null, issue };
}

function refuse(pointer: string, message: string): ParsedPayload {
  return { value: null, issue: { pointer, message: pointer === "" ? `the payload ${message}` : `${pointer} ${message}` } };
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8");
}

const plain = 0;
/** Has a backslash: only then can a string hold U+0000 or a lone surrogate, since raw ones are not JSON or not UTF-8. */
const escaped = 1;
const tooDeep = 2;

/** Counts brackets outside strings before the parser recurses into them. */
function scan(payload: Uint8Array, depthMax: number): number {
  let depth = 0;
  let result = plain;
  let inString = false;
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i];
    if (byte === quote) inString = !inString;
    else if (inString) {
      if (byte !== backslash) continue;
      result = escaped;
      i++;
    } else if (byte === openBrace || byte === openBracket) {
      if (++depth > depthMax) return tooDeep;
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return result;
}

/** The first thing that could not be kept, or undefined. The depth was bounded by `scan`. */
function inspect(value: JsonValue, pointer: string, hasEscapes: boolean): FieldIssue | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : { pointer, message: `${pointer} is a number beyond what a double holds` };
    case "string":
      return hasEscapes && !isStorable(value) ? { pointer, message: `${pointer} holds U+0000 or half a surrogate pair` } : undefined;
    case "object":
      return value === null ? undefined : inspectMembers(value, pointer, hasEscapes);
    default:
      return undefined;
  }
}

function inspectMembers(value: object, pointer: string, hasEscapes: boolean): FieldIssue | undefined {
  for (const key in value) {
    if (key === "__proto__") return { pointer: `${pointer}/__proto__`, message: `${pointer}/__proto__ is not a name that may be used` };
    if (hasEscapes && !isStorable(key))
      return { pointer, message: `a name in ${pointer === "" ? "the payload" : pointer} holds U+0000 or half a surrogate pair` };
    const member = (value as Record<string, JsonValue>)[key] as JsonValue;
    // Most members are plain numbers and flags: the pointer's text is made only for what is looked into.
    if (typeof member === "boolean" || member === null || (typeof member === "number" && Number.isFinite(member))) continue;
    if (typeof member === "string" && !hasEscapes) continue;
    const issue = inspect(member, `${pointer}/${pointerToken(key)}`, hasEscapes);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** A name as one step of a JSON pointer (RFC 6901 §3). */
export function pointerToken(name: string): string {
  return name.includes("~") || name.includes("/") ? name.replaceAll("~", "~0").replaceAll("/", "~1") : name;
}
