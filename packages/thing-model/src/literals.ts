import type { JsonValue } from "@mooring/contracts";
import { createChecker } from "./check.ts";
import type { Findings } from "./findings.ts";
import type { DataSchema, DataType } from "./schema.ts";

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

const NO_PATTERNS = new Map<string, never>();

/**
 * Whether const and enum are values of the type and range beside them, and whether that type is one the other qualities are about. A
 * const or a whole enum that no value can be is an error. Patterns and the inside of arrays and objects are left out: the time of those
 * is not bounded by the size of the literal.
 */
export function checkLiterals(schema: DataSchema, pointer: string, findings: Findings): void {
  const { type } = schema;
  const fits = schema.const === undefined && schema.enum === undefined ? undefined : createFit(schema);
  if (schema.const !== undefined && fits?.(schema.const) === false) {
    findings.error(`${pointer}/const`, "The const is not a value the other qualities allow.");
  }
  const wrong = (schema.enum ?? []).flatMap((entry, index) => (fits?.(entry) === false ? [index] : []));
  if (wrong.length > 0 && wrong.length === schema.enum?.length) {
    findings.error(`${pointer}/enum`, "No entry of the enum is a value the other qualities allow.");
  } else for (const index of wrong) findings.warning(`${pointer}/enum/${index}`, "This entry is not a value the other qualities allow.");
  if (type === undefined) return;
  for (const [quality, types] of ABOUT) {
    if (schema[quality] !== undefined && !types.includes(type)) {
      findings.warning(`${pointer}/${quality}`, `The ${quality} says nothing about values of type ${type}.`);
    }
  }
}

function createFit(schema: DataSchema): (value: JsonValue) => boolean {
  const { type, nullable, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength } = schema;
  const qualities = { type, nullable, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength };
  const given = Object.entries(qualities).filter(([, quality]) => quality !== undefined);
  return createChecker(Object.fromEntries(given) as DataSchema, NO_PATTERNS).check;
}
