import { isJsonObject } from "@mooring/contracts";
import { type Checker, countCodePoints } from "./check.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { DataSchema } from "./schema.ts";
import { countMembers, spend } from "./work.ts";

/** One thing wrong with a payload. */
export interface FieldError {
  /** JSON pointer (RFC 6901) into the payload; a member that is missing is named too. */
  readonly pointer: string;
  /** What the model allows there, such as `number >= 5, <= 35, multiple of 0.5`. */
  readonly expected: string;
  /** What was found, such as `string "abc"`; long texts are cut. */
  readonly got: string;
  /** Both as one sentence. */
  readonly message: string;
}

/** `complete`: a whole value. `patch`: a merge patch (RFC 7396) of one, where members may be missing, and null removes. */
export type ExplainMode = "complete" | "patch";

/** Collects up to `limits.fieldErrorsMax` errors. */
export class FieldErrors {
  readonly list: FieldError[] = [];

  get isFull(): boolean {
    return this.list.length >= limits.fieldErrorsMax;
  }

  add(pointer: string, expected: string, got: string): void {
    if (this.isFull) return;
    // Under alternatives this may be said and dropped thousands of times.
    spend(100);
    const place = pointer === "" ? "The value" : pointer;
    this.list.push({ pointer, expected, got, message: `${place} must be ${expected}, not ${got}.` });
  }
}

/** Adds what is wrong with `value`; in `complete` mode nothing exactly when `checker.check(value)` is true. */
export function explain(checker: Checker, value: unknown, pointer: string, mode: ExplainMode, errors: FieldErrors): void {
  if (errors.isFull) return;
  if (mode === "complete" ? checker.check(value) : value === null) return;
  const { schema } = checker;
  if (schema.choices === undefined && isJsonObject(value) && allowsType(schema, "object") && !hasConstants(schema)) {
    explainObject(checker, value, pointer, mode, errors);
    return;
  }
  if (mode === "patch" && fitsAsPatch(checker, value)) return;
  if (schema.choices === undefined && Array.isArray(value) && allowsType(schema, "array")) {
    const before = errors.list.length;
    explainItems(checker, value, pointer, errors);
    if (errors.list.length > before) return;
  }
  errors.add(pointer, describeSchema(schema), describeValue(value));
}

function explainObject(
  checker: Checker,
  value: Readonly<Record<string, unknown>>,
  pointer: string,
  mode: ExplainMode,
  errors: FieldErrors,
): void {
  if (mode === "complete") {
    for (const name of checker.schema.required ?? []) {
      if (Object.hasOwn(value, name)) continue;
      const member = checker.members?.get(name);
      errors.add(`${pointer}/${pointerToken(name)}`, member === undefined ? "present" : describeSchema(member.schema), "missing");
    }
  }
  if (checker.members === undefined) return;
  countMembers(value);
  for (const name in value) {
    if (errors.isFull) return;
    const at = `${pointer}/${pointerToken(name)}`;
    const member = checker.members.get(name);
    if (member === undefined) errors.add(at, "absent, since the model does not have it", describeValue(value[name]));
    else explain(member, value[name], at, mode, errors);
  }
}

function explainItems(checker: Checker, items: readonly unknown[], pointer: string, errors: FieldErrors): void {
  if (checker.items === undefined) return;
  for (const [index, item] of items.entries()) {
    if (errors.isFull) return;
    explain(checker.items, item, `${pointer}/${index}`, "complete", errors);
  }
}

/** A patch of an object with alternatives fits when it fits one of them; anything but an object replaces and must be complete. */
function fitsAsPatch(checker: Checker, value: unknown): boolean {
  if (!isJsonObject(value)) return checker.check(value);
  return (
    checker.choices?.some((choice) => {
      const errors = new FieldErrors();
      explain(choice, value, "", "patch", errors);
      return errors.list.length === 0;
    }) === true
  );
}

function allowsType(schema: DataSchema, type: DataSchema["type"]): boolean {
  return schema.type === undefined || schema.type === type;
}

function hasConstants(schema: DataSchema): boolean {
  return schema.const !== undefined || schema.enum !== undefined;
}

/** What a schema allows, in words; at most a few hundred characters. */
export function describeSchema(schema: DataSchema): string {
  const constants = listConstants(schema);
  const words =
    constants ?? [schema.type ?? "value", ...describeNumber(schema), ...describeText(schema), ...describeList(schema)].join(" ");
  return schema.nullable === true ? `${words}, or null` : words;
}

function listConstants(schema: DataSchema): string | undefined {
  if (schema.const !== undefined) return show(schema.const);
  const values = schema.enum ?? schema.choices?.map((choice) => choice.schema.const);
  if (values === undefined) return undefined;
  const shown = values.includes(undefined as never) ? schema.choices?.map((choice) => choice.name) : values.map(show);
  const list = shown?.slice(0, 10).join(", ") ?? "";
  return `one of ${list}${values.length > 10 ? ` and ${values.length - 10} more` : ""}`;
}

function describeNumber(schema: DataSchema): string[] {
  const bounds = [
    ...(schema.minimum === undefined ? [] : [`>= ${schema.minimum}`]),
    ...(schema.exclusiveMinimum === undefined ? [] : [`> ${schema.exclusiveMinimum}`]),
    ...(schema.maximum === undefined ? [] : [`<= ${schema.maximum}`]),
    ...(schema.exclusiveMaximum === undefined ? [] : [`< ${schema.exclusiveMaximum}`]),
    ...(schema.multipleOf === undefined ? [] : [`multiple of ${schema.multipleOf}`]),
  ];
  return bounds.length === 0 ? [] : [bounds.join(", ")];
}

function describeText(schema: DataSchema): string[] {
  return [
    ...describeCount(schema.minLength, schema.maxLength, "characters"),
    ...(schema.format === undefined ? [] : [`in the format ${schema.format}`]),
    ...(schema.pattern === undefined ? [] : [`matching ${cut(schema.pattern, 60)}`]),
  ];
}

function describeList(schema: DataSchema): string[] {
  return [...describeCount(schema.minItems, schema.maxItems, "items"), ...(schema.uniqueItems === true ? ["all different"] : [])];
}

function describeCount(min: number | undefined, max: number | undefined, unit: string): string[] {
  if (min !== undefined && max !== undefined) return [min === max ? `of ${min} ${unit}` : `of ${min} to ${max} ${unit}`];
  if (min !== undefined) return [`of at least ${min} ${unit}`];
  return max === undefined ? [] : [`of at most ${max} ${unit}`];
}

/** A value in words: its type, and a scalar's text cut to 40 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `array of ${value.length} items`;
  if (typeof value === "object") return "object";
  return typeof value === "string" && value.length > 40
    ? `string ${show(value)} of ${countCodePoints(value)} characters`
    : `${typeof value} ${show(value)}`;
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value, 40));
  return typeof value === "object" && value !== null ? "a given value" : String(value);
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
}
