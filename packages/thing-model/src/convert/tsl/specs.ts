import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { createMultipleCheck } from "../../decimal.ts";

/**
 * Specs are numbers in strings, spelled in many ways ("0", "0.50", 64, ""). The spelling is kept in `tsl:specs` where it is not the one
 * an export would write, and is used again as long as it means what the SDF quality says: whoever edits the quality changes the export.
 */

/** A number out of a spec; undefined for one that is not set; "wrong" for what is no number. */
export function specNumber(value: JsonValue | undefined): number | undefined | "wrong" {
  if (value === undefined || value === null || value === "") return undefined;
  const number = typeof value === "string" && value.trim() === value ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : "wrong";
}

/** A step as SDF's multipleOf, which counts from 0; a step that counts from elsewhere has no such quality. */
export function stepAsMultiple(step: number | undefined, minimum: number | undefined): number | undefined {
  if (step === undefined || step <= 0) return undefined;
  return minimum === undefined || createMultipleCheck(step)(minimum) ? step : undefined;
}

/** Unit texts that clearly are a unit of the SenML registry (RFC 8428 s12.1). Other texts stay texts. */
const units: Readonly<Record<string, string>> = {
  "°C": "Cel",
  "℃": "Cel",
  "%": "%",
  V: "V",
  A: "A",
  W: "W",
  Pa: "Pa",
  Hz: "Hz",
  lx: "lx",
  s: "s",
  kg: "kg",
  K: "K",
  J: "J",
  Ω: "Ohm",
  "m/s": "m/s",
  "%RH": "%RH",
};

export function unitOfText(text: JsonValue | undefined): string | undefined {
  return typeof text === "string" && Object.hasOwn(units, text) ? units[text] : undefined;
}

export function textOfUnit(unit: string): string {
  return Object.keys(units).find((text) => units[text] === unit) ?? unit;
}

/** What a spec's spelling means as an SDF quality, given the other specs it depends on. */
export function meaningOf(name: string, specs: JsonObject): JsonValue | undefined {
  if (name === "unit") return unitOfText(specs["unit"]);
  const number = specNumber(specs[name]);
  if (number === "wrong") return undefined;
  if (name !== "step") return number;
  const minimum = specNumber(specs["min"]);
  return stepAsMultiple(number, minimum === "wrong" ? undefined : minimum);
}

/** The spec's member for each quality; which of them apply depends on the type. */
export const specQualities: Readonly<Record<string, string>> = {
  min: "minimum",
  max: "maximum",
  step: "multipleOf",
  unit: "unit",
  length: "maxLength",
  size: "maxItems",
};

/** The specs an export writes for qualities, without what was kept. */
export function plainSpecs(qualities: JsonObject, names: readonly string[]): JsonObject {
  const specs: Record<string, JsonValue> = {};
  for (const name of names) {
    const value = qualities[specQualities[name] ?? ""];
    if (value === undefined) continue;
    specs[name] = name === "unit" ? textOfUnit(String(value)) : String(value);
  }
  return specs;
}

/** What must be kept of specs so that `mergeSpecs` gives them again. */
export function keptSpecs(specs: JsonObject, qualities: JsonObject, names: readonly string[]): JsonObject | undefined {
  const plain = plainSpecs(qualities, names);
  // A unit's name is its text in words: beside it the unit is kept, so that an edit of the quality is seen.
  const isNamed = Object.hasOwn(specs, "unitName");
  const kept = Object.entries(specs).filter(([name, value]) => plain[name] !== value || (isNamed && name === "unit"));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** The specs of qualities with the kept spellings that still mean the same. */
export function mergeSpecs(kept: JsonValue | undefined, qualities: JsonObject, names: readonly string[]): JsonObject {
  const plain = plainSpecs(qualities, names);
  if (!isJsonObject(kept)) return plain;
  const all = { ...plain, ...kept };
  const valid = Object.keys(kept).filter((name) => !names.includes(name) || meaningOf(name, all) === qualities[specQualities[name] ?? ""]);
  const isEdited = Object.hasOwn(kept, "unit") && !valid.includes("unit");
  const still = isEdited ? valid.filter((name) => name !== "unitName") : valid;
  return { ...plain, ...Object.fromEntries(still.map((name) => [name, kept[name] ?? null])) };
}
