import type { JsonValue } from "@mooring/contracts";
import { type Checker, type Checkers, createChecker, createFit } from "./check.ts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { Pattern } from "./pattern.ts";
import type { DataSchema, DataType } from "./schema.ts";
import { beginPayload, endPayload, TooMuchWork } from "./work.ts";

/** Qualities that say something about values of some types only (RFC 9880 appendix C.2). */
const ABOUT: readonly (readonly [quality: keyof DataSchema, types: readonly DataType[]])[] = [
  ["minimum", ["number", "integer"]],
  ["maximum", ["number", "integer"]],
  ["exclusiveMinimum", ["number", "integer"]],
  ["exclusiveMaximum", ["number", "integer"]],
  ["multipleOf", ["number", "integer"]],
  ["minLength", ["string"]],
  ["maxLength", ["string"]],
  ["pattern", ["string"]],
  ["format", ["string"]],
  ["minItems", ["array"]],
  ["maxItems", ["array"]],
  ["uniqueItems", ["array"]],
  ["items", ["array"]],
  ["properties", ["object"]],
  ["required", ["object"]],
];

/** Whether the type is one the other qualities are about. */
export function checkAbout(schema: DataSchema, pointer: string, findings: Findings): void {
  const { type } = schema;
  if (type === undefined) return;
  for (const [quality, types] of ABOUT) {
    if (schema[quality] !== undefined && !types.includes(type)) {
      findings.warning(`${pointer}/${quality}`, `The ${quality} says nothing about values of type ${type}.`);
    }
  }
}

/** A schema and the pointer of its definition. */
export type PlacedSchema = readonly [schema: DataSchema, pointer: string];

/**
 * Whether const, enum and default, at whatever depth, are values of what stands beside them. A const or a whole enum that is not of the type, range
 * or length is an error; what a pattern, a format or an inner schema refuses is a warning, since models of others have such. Literals that need more work than `limits.literalWorkMax` (large texts under large patterns) are not checked, with a warning.
 */
export function checkLiterals(
  schemas: readonly PlacedSchema[],
  patterns: ReadonlyMap<string, Pattern>,
  known: Checkers,
  findings: Findings,
): void {
  beginPayload(limits.literalWorkMax);
  try {
    for (const [schema, pointer] of schemas) checkWithin(schema, pointer);
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    findings.warning("", "Not every const, enum and default was compared with what stands beside it: that needs too much work.");
  } finally {
    endPayload();
  }

  function checkWithin(schema: DataSchema, pointer: string): void {
    if (findings.isFull) return;
    if (schema.const !== undefined || schema.enum !== undefined || schema.default !== undefined)
      checkOwn(createChecker(schema, patterns, known), pointer, findings);
    if (schema.items !== undefined) checkWithin(schema.items, `${pointer}/items`);
    for (const name in schema.properties) {
      const member = schema.properties[name];
      if (member !== undefined) checkWithin(member, `${pointer}/properties/${pointerToken(name)}`);
    }
    for (const choice of schema.choices ?? []) checkWithin(choice.schema, `${pointer}/sdfChoice/${pointerToken(choice.name)}`);
  }
}

function checkOwn(checker: Checker, pointer: string, findings: Findings): void {
  const { schema } = checker;
  const literals = schema.const === undefined ? (schema.enum ?? []) : [schema.const, ...(schema.enum ?? [])];
  const [fitsType, fits] = literals.length === 0 ? [() => true, () => true] : [createTypeFit(schema), createFit(checker)];
  if (schema.const !== undefined && !fits(schema.const)) {
    const severity = fitsType(schema.const) ? "warning" : "error";
    findings.append([{ severity, pointer: `${pointer}/const`, message: "The const is not a value the other qualities allow." }]);
  }
  if (schema.enum?.every((entry: JsonValue) => !fitsType(entry)) === true) {
    findings.error(`${pointer}/enum`, "No entry of the enum is a value the other qualities allow.");
  } else {
    for (const [index, entry] of (schema.enum ?? []).entries())
      if (!fits(entry)) findings.warning(`${pointer}/enum/${index}`, "This entry is not a value the other qualities allow.");
  }
  // A default that its own schema refuses is legal but surely a mistake.
  if (schema.default !== undefined && !checker.check(schema.default)) {
    findings.warning(`${pointer}/default`, "The default is not a value the other qualities allow.");
  }
}

const NO_PATTERNS = new Map<string, never>();

/** Whether type, range and length allow a value: what is refused here is a mistake beyond doubt. */
function createTypeFit(schema: DataSchema): (value: JsonValue) => boolean {
  const { type, nullable, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength } = schema;
  const named = { type, nullable, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength };
  const given = Object.entries(named).filter(([, quality]) => quality !== undefined);
  return createChecker(Object.fromEntries(given) as DataSchema, NO_PATTERNS).check;
}
