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
 * Whether const, enum and default, at whatever depth, are values of what stands beside them. A const or a whole enum that no value can be
 * is an error. Literals that need more work than `limits.literalWorkMax` (large texts under large patterns) are not checked, with a warning.
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
  const fits = schema.const === undefined && schema.enum === undefined ? undefined : createFit(checker);
  if (schema.const !== undefined && fits?.(schema.const) === false) {
    findings.error(`${pointer}/const`, "The const is not a value the other qualities allow.");
  }
  const wrong = (schema.enum ?? []).flatMap((entry: JsonValue, index) => (fits?.(entry) === false ? [index] : []));
  if (wrong.length > 0 && wrong.length === schema.enum?.length) {
    findings.error(`${pointer}/enum`, "No entry of the enum is a value the other qualities allow.");
  } else for (const index of wrong) findings.warning(`${pointer}/enum/${index}`, "This entry is not a value the other qualities allow.");
  // A default that its own schema refuses is legal but surely a mistake.
  if (schema.default !== undefined && !checker.check(schema.default)) {
    findings.warning(`${pointer}/default`, "The default is not a value the other qualities allow.");
  }
}
