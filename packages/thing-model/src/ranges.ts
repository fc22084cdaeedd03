import { decimalOf, onOneScale } from "./decimal.ts";
import type { Findings } from "./findings.ts";
import type { DataSchema } from "./schema.ts";

/** Whether bounds leave a value: of numbers, of lengths and of counts; of whole numbers and multiples too where it is not published yet. */
export function checkRanges(schema: DataSchema, pointer: string, findings: Findings, isPublished: boolean): void {
  const problem = numberProblem(schema, isPublished);
  if (problem !== undefined) findings.error(pointer, problem);
  if ((schema.minLength ?? 0) > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    findings.error(pointer, "The minLength is greater than the maxLength.");
  }
  if ((schema.minItems ?? 0) > (schema.maxItems ?? Number.POSITIVE_INFINITY)) {
    findings.error(pointer, "The minItems is greater than the maxItems.");
  }
}

function numberProblem(schema: DataSchema, isPublished: boolean): string | undefined {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  const { exclusiveMinimum = Number.NEGATIVE_INFINITY, exclusiveMaximum = Number.POSITIVE_INFINITY, type, multipleOf } = schema;
  const [low, high] = [Math.max(minimum, exclusiveMinimum), Math.min(maximum, exclusiveMaximum)];
  const isLowOpen = low === schema.exclusiveMinimum;
  const isHighOpen = high === schema.exclusiveMaximum;
  if (low > high || (low === high && (isLowOpen || isHighOpen))) return "No number is both above the minimum and below the maximum.";
  if (isPublished || !Number.isFinite(low) || !Number.isFinite(high)) return undefined;
  if (type === "integer" && !hasMultiple(1)) return "No whole number is both above the minimum and below the maximum.";
  if (multipleOf !== undefined && !hasMultiple(multipleOf))
    return "No multiple of the multipleOf is both above the minimum and below the maximum.";
  return undefined;

  /** Whether a multiple of the step is in range, all three as written in decimal, as validation has it. */
  function hasMultiple(step: number): boolean {
    if ((high - low) / step >= 2) return true;
    const [from, to, by] = onOneScale([decimalOf(low), decimalOf(high), decimalOf(step)]);
    const rest = ((from % by) + by) % by;
    const isOn = rest === 0n && !isLowOpen;
    const first = isOn ? from : from - rest + by;
    return isHighOpen ? first < to : first <= to;
  }
}
