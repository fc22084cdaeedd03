import { deviceTimeMsMax, type JsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "../json.ts";
import type { EventModel, PropertyModel, ServiceModel } from "../model.ts";
import type { DataSchema } from "../schema.ts";
import { mayHaveValueMember } from "../validate.ts";
import { type Conversion, Losses } from "./conversion.ts";
import { lossTables } from "./losses.ts";
import { type ConversionSource, infoText } from "./source.ts";

/** OpenAPI 3.1 takes JSON Schema as it is, and loses what it loses. */
export type JsonSchemaLosses = Losses<(typeof lossTables)["json-schema"] | (typeof lossTables)["openapi"]>;

const dialect = "https://json-schema.org/draft/2020-12/schema";

/**
 * Writes a model as JSON Schema 2020-12. The schema itself is that of a whole property report, as `validateProperties` takes it; under
 * `$defs`, by `property:name`, `event:name`, `input:name` and `output:name`, is that of each value. A service or an event without data
 * takes null or `{}`.
 */
export function exportJsonSchema(source: ConversionSource): Conversion<JsonObject> {
  const losses = new Losses(lossTables["json-schema"]);
  const description = infoText(source.document, "description");
  const report = reportSchema(source, (name) => ({ $ref: `#/$defs/${referenceToken(`property:${name}`)}` }));
  const document = {
    $schema: dialect,
    $id: `urn:mooring:thing-model:${encodeURIComponent(source.name)}:${encodeURIComponent(source.version)}`,
    title: infoText(source.document, "title") ?? source.name,
    ...(description === undefined ? {} : { description }),
    ...report,
    $defs: valueSchemas(source, losses),
  };
  return { document, losses: losses.list };
}

/** A name as a token of a JSON pointer in a URI fragment (RFC 6901 s6). */
function referenceToken(name: string): string {
  return encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** The schema of each value of the model, by kind and name. */
export function valueSchemas({ model }: ConversionSource, losses: JsonSchemaLosses): Readonly<Record<string, JsonObject>> {
  losses.addDeclarations(model);
  const schemas: Record<string, JsonObject> = {};
  for (const property of model.properties) schemas[`property:${property.name}`] = propertySchema(property, losses);
  for (const event of model.events) schemas[`event:${event.name}`] = dataSchema(event, "output", losses);
  for (const service of model.services) {
    schemas[`input:${service.name}`] = dataSchema(service, "input", losses);
    schemas[`output:${service.name}`] = dataSchema(service, "output", losses);
  }
  return schemas;
}

/** The schema of a property report; `reference` says how a property's value schema is referred to. */
export function reportSchema({ model }: ConversionSource, reference: (name: string) => JsonObject): JsonObject {
  const properties: Record<string, JsonObject> = {};
  for (const { name, schema } of model.properties) {
    properties[name] = mayHaveValueMember(schema) ? reference(name) : { anyOf: [reference(name), wrappedSchema(reference(name))] };
  }
  return { type: "object", properties, additionalProperties: false };
}

function wrappedSchema(value: JsonObject): JsonObject {
  const time = { type: "integer", minimum: 0, maximum: deviceTimeMsMax };
  return { type: "object", properties: { value, time }, required: ["value"], additionalProperties: false };
}

function propertySchema(property: PropertyModel, losses: JsonSchemaLosses): JsonObject {
  return {
    ...toJsonSchema(property.schema, property.pointer, losses),
    ...(property.writable ? {} : { readOnly: true }),
    ...(property.readable ? {} : { writeOnly: true }),
  };
}

const noData: JsonObject = { anyOf: [{ type: "null" }, { type: "object", maxProperties: 0 }] };

function dataSchema(entry: EventModel | ServiceModel, member: "input" | "output", losses: JsonSchemaLosses): JsonObject {
  const schema = (entry as ServiceModel)[member];
  const { label, description } = entry;
  const texts = { ...(label === undefined ? {} : { title: label }), ...(description === undefined ? {} : { description }) };
  if (schema === undefined) return { ...texts, ...noData };
  const written = toJsonSchema(schema, `${entry.pointer}/${member === "input" ? "sdfInputData" : "sdfOutputData"}`, losses);
  return { ...texts, ...written };
}

/** Qualities JSON Schema has under the same name. */
const same = [
  "const",
  "enum",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minItems",
  "maxItems",
  "uniqueItems",
  "required",
  "default",
  "description",
  "unit",
] as const satisfies readonly (keyof DataSchema)[];

/** Everything but null, which is a value only where the model says so. */
const anyType: readonly string[] = ["boolean", "number", "string", "array", "object"];

/** A value's schema; standing alone it has no references. */
export function toJsonSchema(schema: DataSchema, pointer: string, losses: JsonSchemaLosses): JsonObject {
  losses.addQualities(schema, pointer);
  const result: Record<string, JsonValue> = { type: schema.type ?? anyType };
  if (schema.label !== undefined) result["title"] = schema.label;
  for (const name of same) if (schema[name] !== undefined) result[name] = schema[name] as JsonValue;
  if (schema.contentFormat !== undefined) result["contentMediaType"] = schema.contentFormat;
  if (schema.items !== undefined) result["items"] = toJsonSchema(schema.items, `${pointer}/items`, losses);
  if (schema.choices !== undefined) {
    result["anyOf"] = schema.choices.map(({ name, schema: choice }) => ({
      title: name,
      ...toJsonSchema(choice, `${pointer}/sdfChoice/${pointerToken(name)}`, losses),
    }));
  }
  if (schema.properties !== undefined) {
    const members = Object.entries(schema.properties);
    result["properties"] = Object.fromEntries(
      members.map(([name, member]) => [name, toJsonSchema(member, `${pointer}/properties/${pointerToken(name)}`, losses)]),
    );
    result["additionalProperties"] = false;
  }
  return schema.nullable === true ? { anyOf: [result, { type: "null" }] } : result;
}
