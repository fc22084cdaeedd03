// Models nobody wrote: what holds for the samples holds for any model that compiles.
import { Ajv2020 } from "ajv/dist/2020.js";
import ajvFormats from "ajv-formats";
import avsc from "avsc";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkModel } from "../compile.ts";
import { arbitraryModel } from "./arbitrary.test-support.ts";
import { exportAvro } from "./avro.ts";
import { sourceOf, useDecimalSteps, valuesNear } from "./convert.test-support.ts";
import { exportFormatNames, exportModel, importModel } from "./formats.ts";
import { exportJsonSchema } from "./json-schema.ts";
import type { ConversionSource } from "./source.ts";

// The runs end at the first failure: a model that is filtered by compiling takes minutes to shrink.
const compiling = arbitraryModel.filter((document) => checkModel(JSON.stringify(document)).model !== undefined).map(sourceOf);

/** Whether Avro refuses it, as it must where items would take no bytes. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && error.message.includes("would take no bytes");
}

test("is written in every format", () => {
  fc.assert(
    fc.property(compiling, fc.constantFrom(...exportFormatNames), (source, format) => {
      try {
        expect(exportModel(source, format).text.length).toBeGreaterThan(0);
      } catch (error) {
        if (format !== "avro" || !isRefused(error)) throw error;
      }
    }),
    { numRuns: 400, endOnFailure: true },
  );
});

test("is judged by its JSON Schema as it is judged here", () => {
  let refused = 0;
  let allowed = 0;
  fc.assert(
    fc.property(compiling, fc.gen(), ({ model, ...source }, gen) => {
      const ajv = new Ajv2020({
        // Otherwise every object has a member toString.
        ownProperties: true,
        strictTypes: false,
        strictRequired: false,
        strictTuples: false,
        keywords: ["unit"],
        logger: false,
        formats: { "made-up": true },
      });
      useDecimalSteps(ajv);
      ajvFormats.default(ajv);
      const validate = ajv.compile(exportJsonSchema({ ...source, model }).document);
      for (const { name, schema } of model.properties) {
        const value = gen(() => valuesNear(schema));
        const isAllowed = model.validateProperties({ [name]: value }).length === 0;
        expect([name, value, validate({ [name]: value })]).toEqual([name, value, isAllowed]);
        if (isAllowed) allowed += 1;
        else refused += 1;
      }
    }),
    { numRuns: 300, endOnFailure: true },
  );
  expect(Math.min(allowed, refused)).toBeGreaterThan(50);
});

function meaningOf({ model }: ConversionSource): unknown {
  const plain = ({ pointer: _, ...entry }: { readonly pointer: string }) => entry;
  return { properties: model.properties.map(plain), events: model.events.map(plain), services: model.services.map(plain) };
}

test("comes back from a Thing Model with its meaning", () => {
  fc.assert(
    fc.property(compiling, (source) => {
      const { text } = exportModel(source, "wot-tm");
      expect(meaningOf(sourceOf(importModel(text, "wot-tm").document))).toEqual(meaningOf(source));
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

test("comes back from TSL as a model that compiles, and its TSL comes back as it was", () => {
  fc.assert(
    fc.property(compiling, (source) => {
      const first = exportModel(source, "tsl").text;
      expect(exportModel(sourceOf(importModel(first, "tsl").document), "tsl").text.length).toBeGreaterThan(0);
      const again = exportModel({ ...sourceOf(importModel(first, "tsl").document), name: source.name }, "tsl").text;
      expect(JSON.parse(again)).toEqual(JSON.parse(first));
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

test("has an Avro schema an implementation takes", () => {
  fc.assert(
    fc.property(compiling, (source) => {
      try {
        const { document } = exportAvro(source);
        avsc.Type.forSchema(document as unknown as avsc.Schema, { wrapUnions: "always" });
      } catch (error) {
        if (!isRefused(error)) throw error;
      }
    }),
    { numRuns: 300, endOnFailure: true },
  );
});
