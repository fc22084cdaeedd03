import { type FieldIssue, PlatformError } from "@mooring/contracts";
import { limits } from "./limits.ts";
import { invalidFields, pointerSegment, shorten } from "./problem.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text, byte for byte. Throws invalidArgument for what is not UTF-8, rather than replacing it. */
export function parseText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new PlatformError("invalidArgument", "the body is not valid UTF-8", { cause });
  }
}

/**
 * The JSON of a body (RFC 8259), undefined when there is none. Throws invalidArgument for malformed JSON and for values that would not
 * survive the way to a device and back. Of a name given twice the last one counts, as ECMAScript has it.
 */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = parseText(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PlatformError("invalidArgument", `the body is not valid JSON: ${shorten((cause as Error).message)}`, { cause });
  }
  const issue = findUnportable(value);
  if (issue !== undefined) throw invalidFields("body", [issue]);
  return value;
}

/**
 * The first thing in a parsed value that another reader would lose, refuse or be fooled by: nesting without end, numbers beyond a double,
 * half surrogate pairs (they have no UTF-8), and names that reach an object's prototype when someone merges it carelessly.
 */
export function findUnportable(value: unknown): FieldIssue | undefined {
  return visit(value, []);
}

// Recursion is bounded by jsonDepthMax.
function visit(value: unknown, path: string[]): FieldIssue | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : issueAt(path, "holds half of a surrogate pair");
  if (typeof value === "number") return Number.isFinite(value) ? undefined : issueAt(path, "is too large for a number");
  if (typeof value !== "object" || value === null) return undefined;
  if (path.length >= limits.jsonDepthMax) return issueAt(path, `is nested deeper than ${limits.jsonDepthMax} levels`);
  return Array.isArray(value) ? visitItems(value, path) : visitMembers(value as Record<string, unknown>, path);
}

function visitItems(items: readonly unknown[], path: string[]): FieldIssue | undefined {
  for (let i = 0; i < items.length; i++) {
    path.push(String(i));
    const issue = visit(items[i], path);
    if (issue !== undefined) return issue;
    path.pop();
  }
  return undefined;
}

function visitMembers(object: Readonly<Record<string, unknown>>, path: string[]): FieldIssue | undefined {
  for (const name of Object.keys(object)) {
    path.push(name);
    if (!name.isWellFormed()) return issueAt(path.with(-1, name.toWellFormed()), "its name holds half of a surrogate pair");
    if (name === "__proto__" || (name === "constructor" && hasPrototypeMember(object[name])))
      return issueAt(path, "this name is not allowed");
    const issue = visit(object[name], path);
    if (issue !== undefined) return issue;
    path.pop();
  }
  return undefined;
}

function hasPrototypeMember(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "prototype");
}

function issueAt(path: readonly string[], message: string): FieldIssue {
  return { pointer: path.map((name) => `/${pointerSegment(name)}`).join(""), message };
}
