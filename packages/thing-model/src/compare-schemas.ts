import type { JsonValue } from "@mooring/contracts";
import { canonicalJson, jsonEquals } from "./canonical.ts";
import { type Decimal, decimalOf, isMultipleOf, leastCommonMultiple } from "./decimal.ts";
import type { Fitness } from "./fitness.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { DataSchema } from "./schema.ts";

/** How the values of one schema relate to another's: part of them, all and more, or neither. */
export interface SchemaDifference {
  readonly pointer: string;
  readonly kind: "narrower" | "wider" | "different";
  /** What is otherwise, after the member's name: `has the minimum 2 instead of 1`. */
  readonly text: string;
}

/**
 * Every quality in which two schemas allow other values, or mean others; inner ones included. `pointer` is the newer one's. All of them:
 * one that breaks a promise may stand behind a thousand that do not. Their number is bounded by `limits.formSizeMax`.
 */
export function compareSchemas(before: DataSchema, after: DataSchema, pointer: string, fitness: Fitness): readonly SchemaDifference[] {
  const differences: SchemaDifference[] = [];
  compare(before, after, { pointer, name: "", differences, fitness, isMeaningOnly: false });
  return differences;
}

interface Place {
  readonly pointer: string;
  /** Of the inner value, for messages; empty for the whole. */
  readonly name: string;
  readonly differences: SchemaDifference[];
  readonly fitness: Fitness;
  /** Where lists of values have been compared, which say all there is to say about values. */
  readonly isMeaningOnly: boolean;
}

function compare(before: DataSchema, after: DataSchema, outer: Place): void {
  compareMeaning(before, after, outer);
  compareNullable(before, after, outer);
  const place = { ...outer, isMeaningOnly: outer.isMeaningOnly || compareChoices(before, after, outer) };
  compareType(before, after, place);
  for (const [quality, lower] of BOUNDS) compareBound(before, after, { ...place, quality, lower });
  compareStep(before, after, place);
  for (const quality of ["pattern", "format"] as const) compareText(before, after, quality, place);
  compareUnique(before, after, place);
  compareInner(before.items, after.items, { ...place, pointer: `${place.pointer}/items`, name: `${place.name}[]` });
  compareMembers(before, after, place);
}

const MEANING = ["unit", "sdfType", "contentFormat"] as const;

function add({ pointer, name, differences, isMeaningOnly }: Place, quality: string, kind: SchemaDifference["kind"], text: string): void {
  if (isMeaningOnly && !MEANING.some((one) => one === quality)) return;
  differences.push({ pointer: quality === "" ? pointer : `${pointer}/${quality}`, kind, text: name === "" ? text : `${text} at ${name}` });
}

function compareType(before: DataSchema, after: DataSchema, place: Place): void {
  if (before.type === after.type) return;
  const text = `has the type ${after.type ?? "any"} instead of ${before.type ?? "any"}`;
  if (isNumeric(before.type) && isNumeric(after.type)) {
    const kind = stepRelation(stepOf(before), stepOf(after));
    if (kind !== "same") add(place, "type", kind, text);
  } else add(place, "type", before.type === undefined ? "narrower" : after.type === undefined ? "wider" : "different", text);
}

/** The same number in another unit is another value. */
function compareMeaning(before: DataSchema, after: DataSchema, place: Place): void {
  for (const quality of MEANING) {
    if (before[quality] !== after[quality]) {
      add(place, quality, "different", `has the ${quality} ${after[quality] ?? "none"} instead of ${before[quality] ?? "none"}`);
    }
  }
}

function compareNullable(before: DataSchema, after: DataSchema, place: Place): void {
  if (before.nullable === after.nullable) return;
  if (after.nullable === true) add(place, "nullable", "wider", "may be null now");
  else add(place, "nullable", "narrower", "may not be null any more");
}

type Bound = "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength" | "maxLength" | "minItems" | "maxItems";

/** Each with whether it is a lower bound. */
const BOUNDS: readonly (readonly [quality: Bound, lower: boolean])[] = [
  ["minimum", true],
  ["maximum", false],
  ["exclusiveMinimum", true],
  ["exclusiveMaximum", false],
  ["minLength", true],
  ["maxLength", false],
  ["minItems", true],
  ["maxItems", false],
];

function compareBound(before: DataSchema, after: DataSchema, place: Place & { readonly quality: Bound; readonly lower: boolean }): void {
  const { quality, lower } = place;
  const none = lower ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [from = none, to = none] = [before[quality], after[quality]];
  if (from === to) return;
  // A bound given in the other form is one change, not two.
  if (quality.startsWith("exclusive") && other(before, quality) !== other(after, quality)) return;
  const [low, high] = lower ? [from, to] : [to, from];
  const isNarrower =
    quality.startsWith("exclusive") || !isSwapped(before, after, quality) ? low < high : isNarrowerSwap(before, after, lower);
  const say = (value: number) => (Number.isFinite(value) ? String(value) : "none");
  add(place, quality, isNarrower ? "narrower" : "wider", `has the ${quality} ${say(to)} instead of ${say(from)}`);
}

function other(schema: DataSchema, quality: Bound): number | undefined {
  return quality === "exclusiveMinimum" ? schema.minimum : quality === "exclusiveMaximum" ? schema.maximum : undefined;
}

/** Whether an inclusive bound took the place of an exclusive one or the other way round. */
function isSwapped(before: DataSchema, after: DataSchema, quality: Bound): boolean {
  const exclusive = quality === "minimum" ? "exclusiveMinimum" : quality === "maximum" ? "exclusiveMaximum" : undefined;
  return exclusive !== undefined && before[exclusive] !== after[exclusive];
}

function isNarrowerSwap(before: DataSchema, after: DataSchema, lower: boolean): boolean {
  const limitOf = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: DataSchema): readonly [number, boolean] => {
    const [inclusive, exclusive] = lower ? [minimum, exclusiveMinimum] : [maximum, exclusiveMaximum];
    const sign = lower ? 1 : -1;
    const [a, b] = [inclusive === undefined ? -Infinity : inclusive * sign, exclusive === undefined ? -Infinity : exclusive * sign];
    return b >= a ? [b, true] : [a, false];
  };
  const [[from, wasOpen], [to, isOpen]] = [limitOf(before), limitOf(after)];
  return to > from || (to === from && isOpen && !wasOpen);
}

function compareStep(before: DataSchema, after: DataSchema, place: Place): void {
  // Between number and integer the step is what the types differ in.
  if (before.type !== after.type && isNumeric(before.type) && isNumeric(after.type)) return;
  if (before.multipleOf === after.multipleOf) return;
  const kind = stepRelation(stepOf(before), stepOf(after));
  if (kind !== "same")
    add(place, "multipleOf", kind, `has the step ${after.multipleOf ?? "none"} instead of ${before.multipleOf ?? "none"}`);
}

function isNumeric(type: DataSchema["type"]): boolean {
  return type === "number" || type === "integer";
}

/** What all numbers of the schema are multiples of; an integer is one of 1. */
function stepOf({ type, multipleOf }: DataSchema): Decimal | undefined {
  const step = multipleOf === undefined ? undefined : decimalOf(multipleOf);
  if (type !== "integer") return step;
  return step === undefined ? decimalOf(1) : leastCommonMultiple(step, decimalOf(1));
}

function stepRelation(before: Decimal | undefined, after: Decimal | undefined): SchemaDifference["kind"] | "same" {
  const isWithin = (inner: Decimal | undefined, outer: Decimal | undefined) =>
    outer === undefined || (inner !== undefined && isMultipleOf(inner, outer));
  const [isNarrower, isWider] = [isWithin(after, before), isWithin(before, after)];
  if (isNarrower && isWider) return "same";
  return isNarrower ? "narrower" : isWider ? "wider" : "different";
}

function compareText(before: DataSchema, after: DataSchema, quality: "pattern" | "format", place: Place): void {
  const [from, to] = [before[quality], after[quality]];
  if (from === to) return;
  if (from === undefined) add(place, quality, "narrower", `has a ${quality} now`);
  else if (to === undefined) add(place, quality, "wider", `has no ${quality} any more`);
  else add(place, quality, "different", `has another ${quality}`);
}

function compareUnique(before: DataSchema, after: DataSchema, place: Place): void {
  if (before.uniqueItems === after.uniqueItems) return;
  if (after.uniqueItems === true) add(place, "uniqueItems", "narrower", "must have different items now");
  else add(place, "uniqueItems", "wider", "may have equal items now");
}

/** The values allowed by name; undefined where there are others too. */
function constants(schema: DataSchema): readonly JsonValue[] | undefined {
  const values = schema.const !== undefined ? [schema.const] : (schema.enum ?? schema.choices?.map((choice) => choice.schema.const));
  return values?.every((value) => value !== undefined) === true ? (values as readonly JsonValue[]) : undefined;
}

/** Whole numbers of a range that are compared with a list one by one. */
const RANGE_VALUES_MAX = 1_000;

/** The values of a range of few whole numbers, and of a boolean; undefined for what has many. */
function fewValues({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: DataSchema): readonly JsonValue[] | undefined {
  if (type === "boolean") return [false, true];
  if (type !== "integer") return undefined;
  const low = Math.ceil(Math.max(minimum ?? -Infinity, exclusiveMinimum ?? -Infinity));
  const high = Math.floor(Math.min(maximum ?? Infinity, exclusiveMaximum ?? Infinity));
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || high - low >= RANGE_VALUES_MAX) return undefined;
  return Array.from({ length: Math.max(0, high - low + 1) }, (_, index) => low + index);
}

/** Values by their canonical JSON: those of a list that the schema's other qualities allow as well. */
function byText(values: readonly JsonValue[], schema: DataSchema, { fitness }: Place): ReadonlyMap<string, JsonValue> | undefined {
  const fitting = fitness.fitting(values, schema);
  return fitting && new Map(fitting.map((value) => [canonicalJson(value, limits.depthMax) ?? "", value]));
}

/** Compares what is listed by name, or has alternatives; true when that says all there is to say about the values. */
function compareChoices(before: DataSchema, after: DataSchema, place: Place): boolean {
  const [from, to] = [constants(before), constants(after)];
  if (from === undefined && to === undefined && before.choices === undefined && after.choices === undefined) return false;
  const quality = after.choices !== undefined ? "sdfChoice" : after.const !== undefined ? "const" : after.enum !== undefined ? "enum" : "";
  const moved = movedNames(before, after);
  if (from !== undefined && to !== undefined && moved.length > 0) add(place, quality, "different", `has other values for ${list(moved)}`);
  if (from !== undefined || to !== undefined) return compareValues(from, to, { ...place, before, after, quality });
  if (before.choices !== undefined && after.choices !== undefined) compareAlternatives(before, after, place);
  else add(place, quality, "different", "has other alternatives");
  return false;
}

interface Lists extends Place {
  readonly before: DataSchema;
  readonly after: DataSchema;
  readonly quality: string;
}

function compareValues(from: readonly JsonValue[] | undefined, to: readonly JsonValue[] | undefined, place: Lists): boolean {
  const { before, after, quality, fitness } = place;
  const [older, newer] = [from ?? fewValues(before), to ?? fewValues(after)];
  const [was, is] = [older && byText(older, before, place), newer && byText(newer, after, place)];
  if (was !== undefined && is !== undefined) {
    const [gone, added] = [[...was.keys()].filter((key) => !is.has(key)), [...is.keys()].filter((key) => !was.has(key))];
    const text = [
      ...(gone.length > 0 ? [`has ${list(gone)} no more`] : []),
      ...(added.length > 0 ? [`has ${list(added)} in addition`] : []),
    ].join(" and ");
    if (text !== "") add(place, quality, gone.length > 0 && added.length > 0 ? "different" : gone.length > 0 ? "narrower" : "wider", text);
    return true;
  }
  const [values, other] = to === undefined ? [was, after] : [is, before];
  const isWithin = values !== undefined && fitness.fitting([...values.values()], other)?.length === values.size;
  const text = to === undefined ? "has no list of values any more" : "has a list of values now";
  add(place, quality, !isWithin ? "different" : to === undefined ? "wider" : "narrower", text);
  return isWithin;
}

/** Names of constants that stand for another value now: who sends or hears the old one means something else by it. */
function movedNames(before: DataSchema, after: DataSchema): string[] {
  const newer = new Map(after.choices?.map(({ name, schema }) => [name, schema.const]));
  const moved = (before.choices ?? []).filter(({ name, schema }) => newer.has(name) && !jsonEquals(newer.get(name), schema.const));
  return moved.map(({ name }) => name);
}

/** Alternatives that are more than constants are told apart by their names. */
function compareAlternatives(before: DataSchema, after: DataSchema, place: Place): void {
  const older = new Map(before.choices?.map((choice) => [choice.name, choice.schema]));
  const newer = new Map(after.choices?.map((choice) => [choice.name, choice.schema]));
  for (const [name, schema] of older) {
    const at = { ...place, pointer: `${place.pointer}/sdfChoice/${pointerToken(name)}` };
    const match = newer.get(name);
    if (match === undefined) add(at, "", "narrower", `has the alternative ${name} no more`);
    else compare(schema, match, { ...at, name: `${place.name}(${name})` });
  }
  for (const name of newer.keys()) {
    if (!older.has(name))
      add(
        { ...place, pointer: `${place.pointer}/sdfChoice/${pointerToken(name)}` },
        "",
        "wider",
        `has the alternative ${name} in addition`,
      );
  }
}

function compareInner(before: DataSchema | undefined, after: DataSchema | undefined, place: Place): void {
  if (before !== undefined && after !== undefined) compare(before, after, place);
  else if (before === undefined && after !== undefined) add(place, "", "narrower", "has a type of items now");
  else if (before !== undefined) add(place, "", "wider", "has items of any type now");
}

function compareMembers(before: DataSchema, after: DataSchema, place: Place): void {
  const [from, to] = [before.properties, after.properties];
  if (from === undefined && to !== undefined) add(place, "properties", "narrower", "has a list of members now");
  else if (from !== undefined && to === undefined) add(place, "properties", "wider", "may have any members now");
  else if (from !== undefined && to !== undefined) {
    const at = (name: string): Place => ({
      ...place,
      pointer: `${place.pointer}/properties/${pointerToken(name)}`,
      name: place.name === "" ? name : `${place.name}.${name}`,
    });
    for (const [name, schema] of Object.entries(from)) {
      const match = Object.hasOwn(to, name) ? to[name] : undefined;
      if (match === undefined) add(at(name), "", "narrower", "is gone");
      else compare(schema, match, at(name));
    }
    for (const name of Object.keys(to)) if (!Object.hasOwn(from, name)) add(at(name), "", "wider", "has a new member");
  }
  const [was, is] = [new Set(before.required), new Set(after.required)];
  for (const name of is) if (!was.has(name)) add(place, "required", "narrower", `must have the member ${name} now`);
  for (const name of was) if (!is.has(name)) add(place, "required", "wider", `need not have the member ${name} any more`);
}

function list(values: readonly string[]): string {
  const shown = values.slice(0, 5).map((value) => (value.length > 40 ? `${value.slice(0, 40)}…` : value));
  return `${shown.join(", ")}${values.length > 5 ? ` and ${values.length - 5} more` : ""}`;
}
