// Hot: `check` runs for every value a device sends. No allocation where the value is fine.
import { canonicalJson, jsonEquals } from "./canonical.ts";
import { createMultipleCheck } from "./decimal.ts";
import { formats } from "./formats.ts";
import { limits } from "./limits.ts";
import type { Pattern } from "./pattern.ts";
import type { DataSchema } from "./schema.ts";
import { countMembers, listingCost, spend } from "./work.ts";

/** A schema made ready to check values. `check` says whether; explain.ts says why not, from the other members. */
export interface Checker {
  readonly schema: DataSchema;
  readonly check: (value: unknown) => boolean;
  readonly items: Checker | undefined;
  readonly members: ReadonlyMap<string, Checker> | undefined;
  readonly choices: readonly Checker[] | undefined;
  readonly pattern: Pattern | undefined;
  readonly format: ((text: string) => boolean) | undefined;
}

type Check = (value: unknown) => boolean;

/** Checkers by their schemas, which are made once. */
export type Checkers = Map<DataSchema, Checker>;

/** `patterns` holds every pattern of the schema, compiled (SchemaBuilder.patterns). */
export function createChecker(schema: DataSchema, patterns: ReadonlyMap<string, Pattern>, known?: Checkers): Checker {
  const made = known?.get(schema);
  if (made !== undefined) return made;
  const inner = (part: DataSchema) => createChecker(part, patterns, known);
  const parts = {
    schema,
    items: schema.items === undefined ? undefined : inner(schema.items),
    members:
      schema.properties === undefined ? undefined : new Map(Object.entries(schema.properties).map(([name, part]) => [name, inner(part)])),
    choices: schema.choices?.map((choice) => inner(choice.schema)),
    pattern: schema.pattern === undefined ? undefined : patterns.get(schema.pattern),
    format: schema.format === undefined ? undefined : formats.get(schema.format),
  };
  const checker = { ...parts, check: createCheck(parts) };
  known?.set(schema, checker);
  return checker;
}

/** Whether a value is one that all qualities but const, enum and sdfChoice allow: what those list must be. */
export function createFit(checker: Checker): Check {
  const check = createTypeCheck(checker);
  return checker.schema.nullable === true ? (value) => value === null || check(value) : check;
}

function createCheck(checker: Omit<Checker, "check">): Check {
  const { schema, choices } = checker;
  const constants = constantsOf(checker);
  let check = createTypeCheck(checker);
  if (constants !== undefined) {
    const [allowed, inner] = [constants, check];
    check = (value) => allowed.has(value) && inner(value);
  } else {
    if (schema.enum !== undefined) check = both(check, (value) => schema.enum?.some((entry) => isTried(jsonEquals(entry, value))) === true);
    if (schema.const !== undefined) check = both(check, (value) => jsonEquals(schema.const, value));
    if (choices !== undefined) check = both(check, (value) => choices.some((choice) => isTried(choice.check(value))));
  }
  if (schema.nullable !== true) return check;
  const inner = check;
  return (value) => value === null || inner(value);
}

/** One of many alternatives was tried. */
function isTried(fits: boolean): boolean {
  spend(1);
  return fits;
}

function both(first: Check, second: Check): Check {
  return (value) => first(value) && second(value);
}

/** The values allowed by name, where they are all scalars: one look-up then replaces comparing with each. */
function constantsOf(checker: Omit<Checker, "check">): ReadonlySet<unknown> | undefined {
  const { schema, choices } = checker;
  const isScalar = (value: unknown) => value !== undefined && (typeof value !== "object" || value === null);
  if (choices !== undefined) {
    if (schema.enum !== undefined || schema.const !== undefined || !choices.every((choice) => isScalar(choice.schema.const)))
      return undefined;
    return new Set(choices.filter((choice) => choice.check(choice.schema.const)).map((choice) => choice.schema.const));
  }
  if (schema.const !== undefined) return isScalar(schema.const) && schema.enum === undefined ? new Set([schema.const]) : undefined;
  return schema.enum?.every(isScalar) === true ? new Set(schema.enum) : undefined;
}

function createTypeCheck(checker: Omit<Checker, "check">): Check {
  switch (checker.schema.type) {
    case "number":
      return createNumberCheck(checker.schema);
    case "integer": {
      const inRange = createNumberCheck(checker.schema);
      return (value) => Number.isInteger(value) && inRange(value);
    }
    case "boolean":
      return (value) => typeof value === "boolean";
    case "string":
      return createStringCheck(checker);
    case "array":
      return createArrayCheck(checker);
    case "object":
      return createObjectCheck(checker);
    default:
      return createUntypedCheck(checker);
  }
}

function createUntypedCheck(checker: Omit<Checker, "check">): Check {
  const number = createNumberCheck(checker.schema);
  const text = createStringCheck(checker);
  const array = createArrayCheck(checker);
  const object = createObjectCheck(checker);
  return (value) => {
    switch (typeof value) {
      case "number":
        return number(value);
      case "string":
        return text(value);
      case "boolean":
        return true;
      default:
        return Array.isArray(value) ? array(value) : object(value);
    }
  };
}

function createNumberCheck(schema: DataSchema): Check {
  // The defaults refuse what JSON has no notation for: NaN fails every comparison, infinities fail these.
  const { minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const check: Check = (value) => typeof value === "number" && value >= minimum && value <= maximum;
  if (exclusiveMinimum === undefined && exclusiveMaximum === undefined && multipleOf === undefined) return check;
  const above = exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const below = exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  const isMultiple = multipleOf === undefined ? () => true : createMultipleCheck(multipleOf);
  return (value) => check(value) && Number(value) > above && Number(value) < below && isMultiple(Number(value));
}

function createStringCheck(checker: Omit<Checker, "check">): Check {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = checker.schema;
  const { pattern, format } = checker;
  const checkLength: Check = (value) => typeof value === "string" && hasLength(value, minLength, maxLength);
  const hasNoLength = checker.schema.minLength === undefined && checker.schema.maxLength === undefined;
  let check: Check = hasNoLength ? (value) => typeof value === "string" : checkLength;
  // The length comes first, because it is the cheapest and bounds the work of the others.
  if (format !== undefined) check = both(check, (value) => hasFormat(format, value as string));
  if (pattern !== undefined) check = both(check, (value) => pattern.matches(value as string));
  return check;
}

function hasFormat(format: (text: string) => boolean, text: string): boolean {
  spend(text.length >> 1);
  return format(text);
}

/** Lengths count Unicode code points (RFC 9880 appendix C.2): between half the UTF-16 length and all of it. */
function hasLength(text: string, min: number, max: number): boolean {
  if (text.length <= max && text.length >= 2 * min) return true;
  if (text.length < min || text.length > 2 * max) return false;
  spend(text.length >> 1);
  const length = countCodePoints(text);
  return length >= min && length <= max;
}

/** Number of Unicode code points; half a surrogate pair counts as one. */
export function countCodePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    if ((text.codePointAt(at) ?? 0) > 0xffff) at += 1;
    count += 1;
  }
  return count;
}

function createArrayCheck(checker: Omit<Checker, "check">): Check {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = checker.schema;
  const item = checker.items?.check;
  return (value) => {
    if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return false;
    if (item !== undefined && !haveFit(value, item)) return false;
    return uniqueItems !== true || areDifferent(value);
  };
}

function haveFit(items: readonly unknown[], item: Check): boolean {
  let index = 0;
  while (index < items.length && item(items[index])) index += 1;
  spend(index);
  return index === items.length;
}

/** True when no two items are equal as JSON; in one pass. Items nested beyond `limits.uniqueDepthMax` count as equal. */
export function areDifferent(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>();
  for (const item of items) {
    const isScalar = typeof item !== "object" || item === null;
    const text = isScalar ? undefined : canonicalJson(item, limits.uniqueDepthMax);
    if (!isScalar && text === undefined) return false;
    spend(typeof item === "string" ? 8 + (item.length >> 2) : text === undefined ? 8 : text.length >> 2);
    // A string item cannot be taken for a canonical text, which is kept apart by its first character.
    const key = text === undefined ? (typeof item === "string" ? `"${item}` : item) : text;
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}

function createObjectCheck(checker: Omit<Checker, "check">): Check {
  const { members } = checker;
  const required = checker.schema.required ?? [];
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    if (!hasMembers(value, required)) return false;
    return members === undefined || haveMembersFit(value as Readonly<Record<string, unknown>>, members);
  };
}

/** Looking for a name among many costs about two units. */
function hasMembers(value: object, required: readonly string[]): boolean {
  for (let index = 0; index < required.length; index += 1) {
    if (Object.hasOwn(value, required[index] ?? "")) continue;
    spend(2 * index);
    return false;
  }
  spend(2 * required.length);
  return true;
}

function haveMembersFit(value: Readonly<Record<string, unknown>>, members: ReadonlyMap<string, Checker>): boolean {
  let count = 0;
  for (const name in value) {
    const member = members.get(name);
    if (member === undefined || !member.check(value[name])) {
      // All names were listed for the first of them.
      countMembers(value);
      return false;
    }
    count += 1;
  }
  spend(listingCost(count));
  return true;
}
