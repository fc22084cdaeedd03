import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "../../json.ts";
import type { DataSchema } from "../../schema.ts";
import type { Losses } from "../conversion.ts";
import type { lossTables } from "../losses.ts";
import { partOf } from "../source.ts";
import { inOrder, type TslType, typeSpecs } from "./import-type.ts";
import { defined } from "./read.ts";
import { mergeSpecs } from "./specs.ts";

export type TslLosses = Losses<(typeof lossTables)["tsl"]>;

/** Where a schema comes from: its compiled form, the definition that may have `tsl:` qualities, its pointer. */
export interface TslNode {
  readonly schema: DataSchema;
  readonly definition: JsonObject;
  readonly pointer: string;
}

/** More than an import notes; a longer list was written by hand, and asking it for each member of a model would take long. */
const absentMax = 20;

/** What the export does not write, because the TSL that was imported did not have it. */
export function isAbsent(definition: JsonObject, name: string): boolean {
  const absent = definition["tsl:absent"];
  return Array.isArray(absent) && absent.length <= absentMax && absent.includes(name);
}

export function writeDataType(node: TslNode, losses: TslLosses): JsonObject {
  const { definition, schema, pointer } = node;
  const type = typeOf(node);
  if (definition["tsl:type"] !== "date") losses.addQualities(schema, pointer);
  const specs = writeSpecs(type, node, losses);
  const kept = definition["tsl:dataType"];
  return { type, ...(specs === undefined ? {} : { specs }), ...(isJsonObject(kept) ? kept : {}) };
}

/** The type an import noted, as long as the schema still is one of that type; else the nearest. */
function typeOf({ schema, definition }: TslNode): TslType {
  const noted = definition["tsl:type"];
  const named = namedValues(schema);
  if (named !== undefined) {
    if (noted === "enum" || (noted === "bool" && named.every(({ value }) => value === 0 || value === 1))) return noted;
    return named.every(({ value }) => typeof value === "number") ? "enum" : "text";
  }
  switch (schema.type ?? commonType(schema)) {
    case "integer":
      return noted === "enum" ? noted : "int";
    case "number":
      return noted === "float" ? noted : "double";
    case "boolean":
      return "bool";
    case "array":
      return "array";
    case "object":
      return "struct";
    default:
      return noted === "date" ? noted : "text";
  }
}

/** The type of the values without `type` being written, where they all have one. */
function commonType(schema: DataSchema): DataSchema["type"] {
  const types = (schema.choices ?? []).map((choice) => choice.schema.type ?? commonType(choice.schema));
  return types.length > 0 && types.every((type) => type === types[0]) ? types[0] : undefined;
}

interface NamedValue {
  readonly value: string | number;
  readonly label: string;
}

/** The values of an enum, or of a choice between constants, with their texts; undefined for anything else. */
function namedValues(schema: DataSchema): readonly NamedValue[] | undefined {
  const values =
    schema.choices?.map(({ name, schema: choice }) => ({ value: choice.const, label: choice.label ?? name })) ??
    schema.enum?.map((value) => ({ value, label: String(value) }));
  const isNamed = (entry: { value: JsonValue | undefined }): entry is NamedValue =>
    typeof entry.value === "string" || Number.isSafeInteger(entry.value);
  return values?.every(isNamed) ? values : undefined;
}

function writeSpecs(type: TslType, node: TslNode, losses: TslLosses): JsonValue | undefined {
  const { schema, definition, pointer } = node;
  const specs = specsOf(type, node, losses);
  const isEmpty = Object.keys(specs).length === 0;
  if (isEmpty && isAbsent(definition, "specs")) return undefined;
  if (isEmpty && definition["tsl:specs"] === null) return null;
  if (schema.type === undefined && schema.choices === undefined && schema.enum === undefined) losses.add("untyped", pointer);
  return specs;
}

function specsOf(type: TslType, node: TslNode, losses: TslLosses): JsonObject | readonly JsonValue[] {
  const { schema, definition, pointer } = node;
  switch (type) {
    case "bool":
    case "enum":
      return writeChoices(type, node, losses);
    case "struct":
      if (schema.properties === undefined && !isAbsent(definition, "specs")) losses.add("open", pointer);
      return writeMembers(node, losses);
    case "array": {
      const specs = mergeSpecs(definition["tsl:specs"], qualitiesOf(schema), typeSpecs.array);
      if (schema.items === undefined) return specs;
      losses.addTexts(schema.items, `${pointer}/items`);
      const item = { schema: schema.items, definition: partOf(definition, "items"), pointer: `${pointer}/items` };
      return { ...specs, item: writeDataType(item, losses) };
    }
    default:
      if (schema.choices !== undefined || schema.enum !== undefined) losses.add("choices", pointer);
      return mergeSpecs(definition["tsl:specs"], qualitiesOf(schema), typeSpecs[type]);
  }
}

function qualitiesOf({ minimum, maximum, multipleOf, unit, maxLength, maxItems }: DataSchema): JsonObject {
  return defined({ minimum, maximum, multipleOf, unit, maxLength, maxItems });
}

function writeChoices(type: "bool" | "enum", { schema, definition, pointer }: TslNode, losses: TslLosses): JsonObject {
  if (schema.type === "boolean") {
    losses.add("boolean", pointer);
    return { 0: "false", 1: "true" };
  }
  const bare = definition["tsl:type"] === "bool" && type === "bool" && schema.choices === undefined;
  if (bare) return {};
  return Object.fromEntries((namedValues(schema) ?? []).map(({ value, label }) => [String(value), label]));
}

/** The members of an object as a list, in the order they were imported in. */
export function writeMembers({ schema, definition, pointer }: TslNode, losses: TslLosses): readonly JsonObject[] {
  const properties = schema.properties ?? {};
  return inOrder(properties as unknown as JsonObject, definition["tsl:order"]).map((identifier) => {
    const inner = partOf(definition, "properties", identifier);
    const node = { schema: properties[identifier] ?? {}, definition: inner, pointer: `${pointer}/properties/${pointerToken(identifier)}` };
    const more = inner["tsl:more"];
    return {
      identifier,
      ...writeNaming(identifier, node.schema, inner),
      dataType: writeDataType(node, losses),
      ...(isJsonObject(more) ? more : {}),
    };
  });
}

export function writeNaming(
  identifier: string,
  { label, description }: { readonly label?: string; readonly description?: string },
  definition: JsonObject,
): JsonObject {
  const name = label ?? (isAbsent(definition, "name") ? undefined : identifier);
  return defined({ name, desc: description });
}
