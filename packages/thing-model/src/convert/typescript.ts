import { isJsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "../json.ts";
import type { DataSchema } from "../schema.ts";
import { mayHaveValueMember } from "../validate.ts";
import { type Conversion, Losses } from "./conversion.ts";
import { lossTables } from "./losses.ts";
import type { ConversionSource } from "./source.ts";

type TypeScriptLosses = Losses<(typeof lossTables)["typescript"]>;

/**
 * Writes a model as TypeScript types, without code: `Properties` (the values), `PropertyReport` (values, each plain or with its time),
 * `Desired` (the writable ones, null to delete), `Events` and `Services`, each by name on the wire.
 */
export function exportTypeScript(source: ConversionSource): Conversion<string> {
  const losses = new Losses(lossTables.typescript);
  const { model } = source;
  losses.addDeclarations(model);
  const properties = model.properties.map((property) => ({
    name: property.name,
    type: typeOf(property.schema, property.pointer, losses),
    comment: commentOf(property),
    property,
  }));
  const member = (name: string, type: string, comment = "") => `${comment}  readonly ${JSON.stringify(name)}: ${type};\n`;
  const optional = (name: string, type: string, comment = "") => `${comment}  readonly ${JSON.stringify(name)}?: ${type};\n`;
  const value = (name: string) => `Properties[${JSON.stringify(name)}]`;
  const report = properties.map(({ name, property: { schema } }) =>
    optional(name, mayHaveValueMember(schema) ? value(name) : `${value(name)} | Timed<${value(name)}>`),
  );
  const desired = properties.filter(({ property }) => property.writable).map(({ name }) => optional(name, `${value(name)} | null`));
  const events = model.events.map((event) =>
    member(event.name, dataType(event.output, `${event.pointer}/sdfOutputData`, losses), commentOf(event)),
  );
  const services = model.services.map((service) => {
    const input = dataType(service.input, `${service.pointer}/sdfInputData`, losses);
    const output = dataType(service.output, `${service.pointer}/sdfOutputData`, losses);
    return member(service.name, `{ readonly input: ${input}; readonly output: ${output} }`, commentOf(service));
  });
  const document = [
    `// Types of the thing model ${oneLine(source.name)} ${oneLine(source.version)} (${model.contentHash.slice(0, 16)}). Made from the model; do not edit.\n`,
    "/** A value with the device's time in milliseconds since 1970. */\nexport interface Timed<Value> {\n  readonly value: Value;\n  readonly time?: number;\n}\n",
    block(
      "Properties",
      "The value of each property.",
      properties.map(({ name, type, comment }) => member(name, type, comment)),
    ),
    block("PropertyReport", "What a device reports.", report),
    block("Desired", "What is desired of a device; null deletes.", desired),
    block("Events", "The data of each event.", events),
    block("Services", "The input and output of each service.", services),
  ].join("\n");
  return { document, losses: losses.list };
}

function block(name: string, comment: string, members: readonly string[]): string {
  return `/** ${comment} */\nexport interface ${name} {\n${members.join("")}}\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
}

function commentOf({ label, description }: { readonly label?: string; readonly description?: string }): string {
  const text = [label, description].filter((part) => part !== undefined && part !== "").join(": ");
  // `*/` would end the comment.
  return text === "" ? "" : `  /** ${oneLine(text).replaceAll("*/", "*\\/")} */\n`;
}

/** Events and services without data take nothing, null or `{}`. */
function dataType(schema: DataSchema | undefined, pointer: string, losses: TypeScriptLosses): string {
  if (schema !== undefined) losses.addTexts(schema, pointer);
  return schema === undefined ? "null | Readonly<Record<string, never>> | undefined" : typeOf(schema, pointer, losses);
}

function typeOf(schema: DataSchema, pointer: string, losses: TypeScriptLosses): string {
  losses.addQualities(schema, pointer);
  const type = bareType(schema, pointer, losses);
  return schema.nullable === true ? `${type} | null` : type;
}

function bareType(schema: DataSchema, pointer: string, losses: TypeScriptLosses): string {
  if (schema.const !== undefined) return literalType(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(literalType).join(" | ");
  if (schema.choices !== undefined) {
    const types = schema.choices.map((choice) => typeOf(choice.schema, `${pointer}/sdfChoice/${pointerToken(choice.name)}`, losses));
    return [...new Set(types)].join(" | ");
  }
  switch (schema.type) {
    case "integer":
      losses.add("integer", pointer);
      return "number";
    case "number":
    case "string":
    case "boolean":
      return schema.type;
    case "array":
      if (schema.items !== undefined) losses.addTexts(schema.items, `${pointer}/items`);
      return `readonly (${schema.items === undefined ? "unknown" : typeOf(schema.items, `${pointer}/items`, losses)})[]`;
    case "object":
      return objectType(schema, pointer, losses);
    default:
      return "unknown";
  }
}

function objectType({ properties, required = [] }: DataSchema, pointer: string, losses: TypeScriptLosses): string {
  if (properties === undefined) return "{ readonly [name: string]: unknown }";
  losses.add("closed", pointer);
  const members = Object.entries(properties).map(([name, member]) => {
    const type = typeOf(member, `${pointer}/properties/${pointerToken(name)}`, losses);
    return `${commentOf(member).trim()} readonly ${JSON.stringify(name)}${required.includes(name) ? "" : "?"}: ${type}`;
  });
  return members.length === 0 ? "Readonly<Record<string, never>>" : `{ ${members.join("; ")} }`;
}

function literalType(value: JsonValue): string {
  if (Array.isArray(value)) return `readonly [${value.map(literalType).join(", ")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `readonly ${JSON.stringify(name)}: ${literalType(member)}`);
  return members.length === 0 ? "Readonly<Record<string, never>>" : `{ ${members.join("; ")} }`;
}
