import type { JsonValue } from "@mooring/contracts";
import { canonicalJson, jsonEquals } from "./canonical.ts";
import { createChecker } from "./check.ts";
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
export function compareSchemas(before: DataSchema, after: DataSchema, pointer: string): readonly SchemaDifference[] {
  const differences: SchemaDifference[] = [];
  compare(before, after, { pointer, name: "", differences });
  return differences;
}

interface Place {
  readonly pointer: string;
  /** Of the inner value, for messages; empty for the whole. */
  readonly name: string;
  readonly differences: SchemaDifference[];
}

function compare(before: DataSchema, after: DataSchema, place: Place): void {
  compareType(before, after, place);
  compareMeaning(before, after, place);
  compareNullable(before, after, place);
  for (const [quality, lower] of BOUNDS) compareBound(before, after, { ...place, quality, lower });
  compareStep(before, after, place);
  for (const quality of ["pattern", "format"] as const) compareText(before, after, quality, place);
  compareUnique(before, after, place);
  if (before.choices !== undefined || after.choices !== undefined || constants(before) !== undefined || constants(after) !== undefined) {
    compareChoices(before, after, place);
  }
  compareInner(before.items, after.items, { ...place, pointer: `${place.pointer}/items`, name: `${place.name}[]` });
  compareMembers(before, after, place);
}

function add({ pointer, name, differences }: Place, quality: string, kind: SchemaDifference["kind"], text: string): void {
  differences.push({ pointer: quality === "" ? pointer : `${pointer}/${quality}`, kind, text: name === "" ? text : `${text} at ${name}` });
}

function compareType({ type: before }: DataSchema, { type: after }: DataSchema, place: Place): void {
  if (before === after) return;
  const isNarrower = before === undefined || (before === "number" && after === "integer");
  const isWider = after === undefined || (before === "integer" && after === "number");
  const kind = isNarrower ? "narrower" : isWider ? "wider" : "different";
  add(place, "type", kind, `has the type ${after ?? "any"} instead of ${before ?? "any"}`);
}

/** The same number in another unit is another value. */
function compareMeaning(before: DataSchema, after: DataSchema, place: Place): void {
  for (const quality of ["unit", "sdfType", "contentFormat"] as const) {
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

function compareStep({ multipleOf: before }: DataSchema, { multipleOf: after }: DataSchema, place: Place): void {
  if (before === after) return;
  const divides = (step: number, by: number) => Math.abs(step / by - Math.round(step / by)) < 1e-9;
  const isNarrower = before === undefined || (after !== undefined && divides(after, before));
  const isWider = after === undefined || (before !== undefined && divides(before, after));
  add(
    place,
    "multipleOf",
    isNarrower ? "narrower" : isWider ? "wider" : "different",
    `has the step ${after ?? "none"} instead of ${before ?? "none"}`,
  );
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

/** The values allowed by name, as canonical JSON with their values; undefined where there are others too. */
function constants(schema: DataSchema): ReadonlyMap<string, JsonValue> | undefined {
  const values = schema.const !== undefined ? [schema.const] : (schema.enum ?? schema.choices?.map((choice) => choice.schema.const));
  if (values === undefined || values.some((value) => value === undefined)) return undefined;
  return new Map((values as readonly JsonValue[]).map((value) => [canonicalJson(value, limits.depthMax) ?? "", value]));
}

function compareChoices(before: DataSchema, after: DataSchema, place: Place): void {
  const quality = after.choices !== undefined ? "sdfChoice" : after.const !== undefined ? "const" : after.enum !== undefined ? "enum" : "";
  const [from, to] = [constants(before), constants(after)];
  if (from !== undefined && to !== undefined) {
    const [gone, added] = [[...from.keys()].filter((key) => !to.has(key)), [...to.keys()].filter((key) => !from.has(key))];
    const text = [
      ...(gone.length > 0 ? [`has ${list(gone)} no more`] : []),
      ...(added.length > 0 ? [`has ${list(added)} in addition`] : []),
    ].join(" and ");
    const moved = movedNames(before, after);
    if (moved.length > 0) add(place, quality, "different", `has other values for ${list(moved)}`);
    if (text !== "") add(place, quality, gone.length > 0 && added.length > 0 ? "different" : gone.length > 0 ? "narrower" : "wider", text);
  } else if (from === undefined && to === undefined && before.choices !== undefined && after.choices !== undefined) {
    compareAlternatives(before, after, place);
  } else if (to !== undefined && before.choices === undefined) {
    const fits = createChecker(before, new Map()).check;
    add(place, quality, [...to.values()].every(fits) ? "narrower" : "different", "has a list of values now");
  } else if (from !== undefined && after.choices === undefined) {
    const fits = createChecker(after, new Map()).check;
    add(place, quality, [...from.values()].every(fits) ? "wider" : "different", "has no list of values any more");
  } else add(place, quality, "different", "has other alternatives");
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
