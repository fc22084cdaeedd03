import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { formats } from "./formats.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import { checkAbout } from "./literals.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { PatternError } from "./pattern-automaton.ts";
import { checkRanges } from "./ranges.ts";
import { unitProblem } from "./units.ts";

export type DataType = "number" | "string" | "boolean" | "integer" | "array" | "object";

/** One of a sdfChoice's alternatives, with the qualities common to all written into it. */
export interface SchemaChoice {
  readonly name: string;
  readonly schema: DataSchema;
}

/**
 * What a value must be: the data qualities of RFC 9880 s4.7 with references and choices written out. Plain JSON data.
 * Without `type` a quality constrains only the values it is about, as in JSON Schema.
 */
export interface DataSchema {
  readonly type?: DataType;
  readonly label?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly sdfType?: string;
  readonly contentFormat?: string;
  /** Null is a value only where the model says `nullable: true`. */
  readonly nullable?: true;
  readonly const?: JsonValue;
  readonly default?: JsonValue;
  readonly enum?: readonly JsonValue[];
  readonly choices?: readonly SchemaChoice[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: true;
  readonly items?: DataSchema;
  /** Where present, the object is closed: other members are errors. */
  readonly properties?: Readonly<Record<string, DataSchema>>;
  readonly required?: readonly string[];
}

/** Qualities that say which values are allowed; parse.ts has checked their types. */
const LIMITING = [
  "type const enum minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format minItems maxItems required",
].flatMap((names) => names.split(" "));
/** Qualities taken over as they are. */
const PLAIN = [...LIMITING, "label", "description", "unit", "sdfType", "contentFormat", "default"];
const NESTED = ["items", "properties", "sdfChoice", "uniqueItems"];
/** Qualities common to the alternatives of a sdfChoice when they stand beside it. */
const COMMON = [...LIMITING, "items", "properties", "uniqueItems", "unit", "sdfType", "contentFormat", "nullable"];

interface SchemaBuilderOptions {
  readonly sizeMax?: number;
  /** See checkModel. */
  readonly isPublished?: boolean;
  /** An error finding where it is left out. */
  readonly onTooLarge?: (pointer: string, message: string) => void;
}

/** Turns resolved data qualities into schemas, with one budget for a whole model. */
export class SchemaBuilder {
  readonly #findings: Findings;
  readonly #onTooLarge: (pointer: string, message: string) => void;
  /** Every pattern of the model, compiled once. */
  readonly patterns = new Map<string, Pattern>();
  /** The definitions that schemas were made of. */
  readonly built = new Set<JsonObject>();
  readonly #isPublished: boolean;
  #sizeLeft: number;
  #patternStatesLeft: number = limits.patternStatesPerModelMax;

  constructor(findings: Findings, { sizeMax = limits.formSizeMax, isPublished = false, onTooLarge }: SchemaBuilderOptions = {}) {
    this.#findings = findings;
    this.#sizeLeft = sizeMax;
    this.#isPublished = isPublished;
    this.#onTooLarge = onTooLarge ?? ((pointer, message) => findings.error(pointer, message));
  }

  /** What is left of the budget; below 0 once it is used up and schemas are not whole. */
  get sizeLeft(): number {
    return Math.min(this.#sizeLeft, this.#patternStatesLeft < 0 ? -1 : this.#sizeLeft);
  }

  /** Past the budget the result is an empty schema and an error finding; the caller stops at findings, not at exceptions. */
  build(qualities: JsonObject, pointer: string): DataSchema {
    if (this.#spend(limits.schemaSize, pointer)) return {};
    this.built.add(qualities);
    const schema: Record<string, unknown> = {};
    for (const name of PLAIN) if (Object.hasOwn(qualities, name)) schema[name] = this.copy(qualities[name] ?? null, pointer);
    if (qualities["nullable"] === true) schema["nullable"] = true;
    if (qualities["uniqueItems"] === true) schema["uniqueItems"] = true;
    const { items, properties, sdfChoice } = qualities;
    if (isJsonObject(sdfChoice)) schema["choices"] = this.#choices(qualities, sdfChoice, pointer);
    else {
      if (isJsonObject(items)) schema["items"] = this.build(items, `${pointer}/items`);
      if (isJsonObject(properties)) schema["properties"] = this.#members(properties, pointer);
    }
    if (typeof schema["pattern"] === "string") schema["pattern"] = this.#addPattern(schema["pattern"], `${pointer}/pattern`);
    this.#checkTogether(schema as DataSchema, pointer);
    return schema as DataSchema;
  }

  /** A copy of a literal value, which counts towards the model's size: a reference costs nothing to write, but what it brings does. */
  copy(value: JsonValue, pointer: string): JsonValue {
    if (this.#spend(typeof value === "string" ? value.length + 1 : limits.literalSize, pointer)) return null;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item: JsonValue) => (this.#sizeLeft < 0 ? null : this.copy(item, pointer)));
    const members: Record<string, JsonValue> = {};
    for (const [name, member] of Object.entries(value)) {
      if (this.#spend(name.length, pointer)) break;
      members[name] = this.copy(member, pointer);
    }
    return members;
  }

  /** Takes from the budget; true, with an error finding the first time, when it is used up. */
  #spend(size: number, pointer: string): boolean {
    if (this.#sizeLeft < 0) return true;
    this.#sizeLeft -= size;
    if (this.#sizeLeft < 0) this.#onTooLarge(pointer, "The model is too large once its references and choices are written out.");
    return this.#sizeLeft < 0;
  }

  #members(properties: JsonObject, pointer: string): Record<string, DataSchema> {
    const members: Record<string, DataSchema> = {};
    for (const name of Object.keys(properties)) {
      const member = properties[name];
      if (this.#sizeLeft < 0) break;
      if (isJsonObject(member)) members[name] = this.build(member, `${pointer}/properties/${pointerToken(name)}`);
    }
    return members;
  }

  /** RFC 9880 s4.7.2: the qualities beside sdfChoice are common to all alternatives. */
  #choices(qualities: JsonObject, alternatives: JsonObject, pointer: string): SchemaChoice[] {
    const common = pick(qualities, COMMON);
    const choices: SchemaChoice[] = [];
    for (const name of Object.keys(alternatives)) {
      const alternative = alternatives[name];
      if (this.#sizeLeft < 0) break;
      if (!isJsonObject(alternative)) continue;
      const at = `${pointer}/sdfChoice/${pointerToken(name)}`;
      choices.push({ name, schema: this.build(withCommon(common, alternative, name), at) });
      if (saysNothing(alternative) && common["type"] !== undefined && common["type"] !== "string") {
        this.#findings.warning(at, "The choice has neither const nor range, so that every value of the type is allowed.");
      }
    }
    if (choices.length === 0) this.#findings.error(`${pointer}/sdfChoice`, "A choice must have at least one alternative.");
    return choices;
  }

  /** What each quality's own syntax does not show. */
  #checkTogether(schema: DataSchema, pointer: string): void {
    checkRanges(schema, pointer, this.#findings, this.#isPublished);
    for (const name of schema.required ?? []) {
      if (schema.properties !== undefined && !Object.hasOwn(schema.properties, name)) {
        this.#findings.error(
          `${pointer}/required`,
          `The required member ${JSON.stringify(name.slice(0, limits.nameLengthMax))} is not one of the properties.`,
        );
      }
    }
    if (schema.format !== undefined && !formats.has(schema.format)) {
      this.#findings.warning(`${pointer}/format`, "This format is not one of RFC 9880 and is not checked.");
    }
    const unit = schema.unit === undefined ? undefined : unitProblem(schema.unit);
    if (unit !== undefined) this.#findings.warning(`${pointer}/unit`, unit);
    checkAbout(schema, pointer, this.#findings);
  }

  /** The pattern in the notation of Unicode mode, which is what other readers of a converted model know. */
  #addPattern(written: string, pointer: string): string {
    if (this.patterns.has(written) || this.#patternStatesLeft < 0) return written;
    try {
      const pattern = compilePattern(written);
      if (pattern.source !== written)
        this.#findings.warning(pointer, `The pattern is not one of Unicode mode and was read as ${pattern.source.slice(0, 200)} there.`);
      if (this.patterns.has(pattern.source)) return pattern.source;
      this.patterns.set(pattern.source, pattern);
      this.#patternStatesLeft -= pattern.cost;
      if (this.#patternStatesLeft < 0) this.#onTooLarge(pointer, "The model's patterns are too large together.");
      return pattern.source;
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.#findings.error(pointer, error.message);
      return written;
    }
  }
}

/** An alternative with the common qualities; one that says nothing about values stands for its name as a string. */
function withCommon(common: JsonObject, alternative: JsonObject, name: string): JsonObject {
  const own = pick(alternative, [...PLAIN, ...NESTED, "nullable"]);
  const [shared, added] = [common["properties"], own["properties"]];
  const properties = isJsonObject(shared) && isJsonObject(added) ? { properties: { ...shared, ...added } } : {};
  const isNamed = saysNothing(alternative) && (common["type"] === undefined || common["type"] === "string");
  return { ...common, ...own, ...properties, ...(isNamed ? { type: "string", const: name } : {}) };
}

function saysNothing(alternative: JsonObject): boolean {
  return ![...LIMITING, ...NESTED].some((name) => Object.hasOwn(alternative, name));
}

function pick(qualities: JsonObject, names: readonly string[]): JsonObject {
  const picked: Record<string, JsonValue> = {};
  for (const name of names) if (Object.hasOwn(qualities, name)) picked[name] = qualities[name] ?? null;
  return picked;
}
