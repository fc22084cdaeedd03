import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { Ajv2020 } from "ajv/dist/2020.js";
import ajvFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sourceOf, useDecimalSteps, valuesNear } from "./convert.test-support.ts";
import { exportJsonSchema } from "./json-schema.ts";
import { sampleSources } from "./samples.test-support.ts";

/** A validator that knows nothing of this package but its steps. */
function judgeOf(schema: JsonObject) {
  const ajv = new Ajv2020({ strictTypes: false, strictRequired: false, keywords: ["unit"] });
  useDecimalSteps(ajv);
  ajvFormats.default(ajv);
  ajv.addSchema(schema, "model");
  const check = (reference: string) => {
    const validate = ajv.getSchema(`model${reference}`);
    if (validate === undefined) throw new Error(`there is no ${reference}`);
    return (value: unknown) => validate(value) === true;
  };
  return check;
}

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as JsonObject;
const sources = [{ title: "every quality", source: sourceOf(own) }, ...sampleSources()];
const tally = { allowed: 0, refused: 0 };
const token = (name: string) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

describe.each(sources)("$title", ({ source }) => {
  const { model } = source;
  const judge = judgeOf(exportJsonSchema(source).document);
  const runs = { numRuns: sources.length > 10 ? 15 : 100 };

  test("a property report is allowed by the schema just when it is allowed here", () => {
    const judgeReport = judge("");
    const members = Object.fromEntries(model.properties.map(({ name, schema }) => [name, valuesNear(schema)]));
    fc.assert(
      fc.property(fc.record(members, { requiredKeys: [] }), fc.constantFrom("", "unknown"), (report, extra) => {
        const candidate = extra === "" ? report : { ...report, [extra]: 1 };
        expect(model.validateProperties(candidate).length === 0).toBe(judgeReport(candidate));
      }),
      runs,
    );
    for (const { name, schema } of model.properties) {
      const judgeValue = judge(`#/$defs/${token(`property:${name}`)}`);
      fc.assert(
        fc.property(valuesNear(schema), (value) => {
          const wrapped = { value, time: 7 };
          expect(model.validateProperties({ [name]: wrapped }).length === 0).toBe(judgeReport({ [name]: wrapped }));
          const isAllowed = model.validateProperties({ [name]: value }).length === 0;
          expect(judgeReport({ [name]: value })).toBe(isAllowed);
          if (judgeValue(value)) expect(isAllowed).toBe(true);
          tally[isAllowed ? "allowed" : "refused"] += 1;
        }),
        runs,
      );
    }
  });

  test("events, inputs and outputs are allowed by the schema just when they are allowed here", () => {
    for (const event of model.events) {
      const values = event.output === undefined ? fc.constantFrom(null, {}, 1, { a: 1 }) : valuesNear(event.output);
      const judgeValue = judge(`#/$defs/${token(`event:${event.name}`)}`);
      fc.assert(
        fc.property(values, (value) => judgeValue(value) === (model.validateEvent(event.name, value).length === 0)),
        runs,
      );
    }
    for (const service of model.services) {
      for (const [kind, schema] of [
        ["input", service.input],
        ["output", service.output],
      ] as const) {
        const validate = kind === "input" ? model.validateServiceInput : model.validateServiceOutput;
        const values = schema === undefined ? fc.constantFrom(null, {}, 1, { a: 1 }) : valuesNear(schema);
        const judgeValue = judge(`#/$defs/${token(`${kind}:${service.name}`)}`);
        fc.assert(
          fc.property(values, (value) => judgeValue(value) === (validate(service.name, value).length === 0)),
          runs,
        );
      }
    }
  });
});

test("the values tried are of both kinds", () => {
  expect(tally.allowed).toBeGreaterThan(200);
  expect(tally.refused).toBeGreaterThan(200);
});
