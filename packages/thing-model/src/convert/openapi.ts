import type { JsonObject } from "@mooring/contracts";
import { type Conversion, Losses } from "./conversion.ts";
import { reportSchema, valueSchemas } from "./json-schema.ts";
import { lossTables } from "./losses.ts";
import { nameAllotter } from "./names.ts";
import { type ConversionSource, infoText } from "./source.ts";

/**
 * Writes a model as an OpenAPI 3.1 document that has components only: a schema for each value, and `PropertyReport` for a whole report.
 * Component names are those of JSON Schema's `$defs` in the letters OpenAPI allows; `x-sdf-name` says the name on the wire.
 */
export function exportOpenApi(source: ConversionSource): Conversion<JsonObject> {
  const losses = new Losses(lossTables.openapi);
  const allot = nameAllotter(/[^A-Za-z0-9._-]/g, ["PropertyReport"]);
  const components = Object.entries(valueSchemas(source, losses)).map(([key, schema]) => {
    const name = key.slice(key.indexOf(":") + 1);
    return { key, component: allot(key.replace(":", ".")), schema: { ...schema, "x-sdf-name": name } };
  });
  const names = new Map(components.map(({ key, component }) => [key, component]));
  const schemas = Object.fromEntries(components.map(({ component, schema }) => [component, schema]));
  const report = reportSchema(source, (name) => ({ $ref: `#/components/schemas/${names.get(`property:${name}`)}` }));
  const description = infoText(source.document, "description");
  const document = {
    openapi: "3.1.0",
    info: {
      title: infoText(source.document, "title") ?? source.name,
      version: source.version,
      ...(description === undefined ? {} : { description }),
    },
    components: { schemas: { ...schemas, PropertyReport: report } },
  };
  return { document, losses: losses.list };
}
