import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject } from "@mooring/contracts";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { sourceOf } from "./convert.test-support.ts";
import { exportOpenApi } from "./openapi.ts";
import { sampleSources } from "./samples.test-support.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as unknown;
const odd = {
  sdfObject: { O: { sdfProperty: { "a b": { type: "number" }, "a/b": { type: "number" }, a_b: {} }, sdfEvent: { PropertyReport: {} } } },
};
const sources = [{ title: "every quality", source: sourceOf(own) }, { title: "odd names", source: sourceOf(odd) }, ...sampleSources()];

describe.each(sources)("$title", ({ source }) => {
  test("is an OpenAPI 3.1 document to a validator, and its references lead somewhere", async () => {
    const { document } = exportOpenApi(source);
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as Record<string, unknown>);
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(validator.version).toBe("3.1");
    const { schemas } = document["components"] as { readonly schemas: Readonly<Record<string, JsonObject>> };
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]*)"/g)].map(([, name]) => name ?? "");
    for (const name of references) expect(isJsonObject(schemas[name])).toBe(true);
    const names = Object.keys(schemas).filter((name) => name.startsWith("property."));
    expect(names.map((name) => schemas[name]?.["x-sdf-name"])).toEqual(source.model.properties.map(({ name }) => name));
  });
});

test("a document that is wrong is refused by the same validator", async () => {
  const document = { ...exportOpenApi(sourceOf(own)).document, info: {} };
  expect((await new Validator().validate(document)).valid).toBe(false);
});
