import { type FieldIssue, isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";

export interface ShadowPatch {
  /** A merge patch (RFC 7396), null to clear the section, undefined to leave it. */
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
}

/** A patch that was looked through, and its JSON: written once, it is what the history stores and what tells the size. */
export interface Edit {
  readonly patch: ShadowPatch;
  readonly desiredText: string | undefined;
  readonly reportedText: string | undefined;
  /** Of both texts. */
  readonly bytes: number;
}

/** Deeper than any thing model of ours, and shallow enough to walk by recursion. */
export const depthMax = 8;

/**
 * Makes an edit of a patch. Throws `invalidArgument` when it holds what no document may: too many levels, null in an array (null says that there
 * is nothing), a number that JSON cannot write, text that is not Unicode, or a member named `__proto__`.
 */
export function parseEdit(patch: ShadowPatch): Edit {
  for (const section of ["desired", "reported"] as const) {
    const value = patch[section];
    if (value === undefined || value === null) continue;
    const issue = findInMembers(value, 1, false);
    if (issue !== undefined) {
      const pointer = `/${section}${issue.pointer}`;
      throw new PlatformError("invalidArgument", `${pointer}: ${issue.message}`, { issues: [{ pointer, message: issue.message }] });
    }
  }
  return createEdit(patch);
}

/** An edit of a patch that was looked through before. */
export function createEdit(patch: ShadowPatch): Edit {
  const desiredText = patch.desired === undefined ? undefined : JSON.stringify(patch.desired);
  const reportedText = patch.reported === undefined ? undefined : JSON.stringify(patch.reported);
  return { patch, desiredText, reportedText, bytes: bytesOf(desiredText) + bytesOf(reportedText) };
}

function bytesOf(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text);
}

/** The first thing that cannot be kept; the pointer's text is made on the way back only. */
function find(value: JsonValue, depth: number, isInArray: boolean): FieldIssue | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : { pointer: "", message: "is a number beyond what a double holds" };
    case "string":
      return value.isWellFormed() ? undefined : { pointer: "", message: "holds half of a surrogate pair" };
    case "boolean":
      return undefined;
    case "object":
      if (value === null) return isInArray ? { pointer: "", message: "is null within an array; an array holds values only" } : undefined;
      return Array.isArray(value)
        ? findInItems(value as readonly JsonValue[], depth + 1)
        : findInMembers(value as JsonObject, depth + 1, isInArray);
    default:
      return { pointer: "", message: "is not JSON" };
  }
}

function findInItems(items: readonly JsonValue[], depth: number): FieldIssue | undefined {
  if (depth > depthMax) return tooDeep;
  for (let i = 0; i < items.length; i++) {
    const issue = find(items[i] as JsonValue, depth, true);
    if (issue !== undefined) return { ...issue, pointer: `/${i}${issue.pointer}` };
  }
  return undefined;
}

function findInMembers(object: JsonObject, depth: number, isInArray: boolean): FieldIssue | undefined {
  const keys = Object.keys(object);
  if (depth > depthMax && keys.length > 0) return tooDeep;
  for (const key of keys) {
    if (key === "__proto__") return { pointer: "", message: "has a member named __proto__, which is not allowed" };
    if (!key.isWellFormed()) return { pointer: "", message: "has a member whose name holds half of a surrogate pair" };
    const issue = find(object[key] as JsonValue, depth, isInArray);
    if (issue !== undefined) return { ...issue, pointer: `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}${issue.pointer}` };
  }
  return undefined;
}

const tooDeep: FieldIssue = { pointer: "", message: `is nested deeper than ${depthMax} levels` };

/** The section of a request: anything but an object or null is refused. */
export function isSection(value: JsonValue | undefined): value is JsonObject | null | undefined {
  return value === undefined || value === null || isJsonObject(value);
}
