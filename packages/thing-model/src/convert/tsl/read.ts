import { type FieldIssue, isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { limits } from "../../limits.ts";

/** What is wrong with a TSL, by member; up to `limits.findingsMax`. */
export class TslIssues {
  readonly #issues: FieldIssue[] = [];

  add(pointer: string, message: string): void {
    if (this.#issues.length < limits.findingsMax) this.#issues.push({ pointer, message });
  }

  /** Throws `invalidArgument` when there is an issue. */
  assertNone(): void {
    const [first] = this.#issues;
    if (first === undefined) return;
    const more = this.#issues.length > 1 ? ` (and ${this.#issues.length - 1} more)` : "";
    throw new PlatformError("invalidArgument", `the TSL is not valid: ${first.pointer || "/"}: ${first.message}${more}`, {
      issues: this.#issues,
    });
  }
}

/** Where a member stands and whom to tell. */
export interface TslPlace {
  readonly pointer: string;
  readonly issues: TslIssues;
}

export function inside({ pointer, issues }: TslPlace, name: string | number): TslPlace {
  return { pointer: `${pointer}/${String(name).slice(0, limits.nameLengthMax).replaceAll("~", "~0").replaceAll("/", "~1")}`, issues };
}

export function readObject(value: JsonValue | undefined, { pointer, issues }: TslPlace): JsonObject | undefined {
  if (isJsonObject(value)) return value;
  issues.add(pointer, "must be an object");
  return undefined;
}

/** A list that may be left out. */
export function readList(value: JsonValue | undefined, { pointer, issues }: TslPlace): readonly JsonValue[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  issues.add(pointer, "must be a list");
  return [];
}

/** A text that may be left out. */
export function readText(value: JsonValue | undefined, { pointer, issues }: TslPlace): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  issues.add(pointer, "must be a text");
  return undefined;
}

export function readFlag(value: JsonValue | undefined, { pointer, issues }: TslPlace): boolean {
  if (value === undefined || typeof value === "boolean") return value === true;
  issues.add(pointer, "must be true or false");
  return false;
}

export function readOneOf<T extends string>(value: JsonValue | undefined, known: readonly T[], place: TslPlace): T | undefined {
  const found = known.find((entry) => entry === value);
  if (found === undefined && value !== undefined) place.issues.add(place.pointer, `must be one of ${known.join(", ")}`);
  return found;
}

const UNPRINTABLE = /\p{Cc}/u;
/** Names that mean something else to JavaScript objects. */
const REFUSED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Alibaba writes identifiers in letters, digits and _; others write more, and devices use them as they are. */
export function readIdentifier(value: JsonValue | undefined, { pointer, issues }: TslPlace): string | undefined {
  if (typeof value !== "string" || value === "") issues.add(pointer, "must be a name");
  else if (value.length > limits.nameLengthMax) issues.add(pointer, `may be at most ${limits.nameLengthMax} characters long`);
  else if (UNPRINTABLE.test(value) || REFUSED.has(value)) issues.add(pointer, "is not a name a device can use");
  else return value;
  return undefined;
}

/** The members of an object that are not in the list, or undefined when there are none. */
export function otherMembers(value: JsonObject, known: readonly string[]): JsonObject | undefined {
  const names = Object.keys(value).filter((name) => !known.includes(name));
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, value[name] ?? null]));
}

/** Those of `names` that the object does not have: what an export writes by itself and the original left out. */
export function absentMembers(value: JsonObject, names: readonly string[]): readonly string[] | undefined {
  const absent = names.filter((name) => !Object.hasOwn(value, name));
  return absent.length === 0 ? undefined : absent;
}

/** The object without the members that are undefined. */
export function defined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}
