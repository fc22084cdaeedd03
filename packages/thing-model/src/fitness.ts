import type { JsonValue } from "@mooring/contracts";
import { createChecker } from "./check.ts";
import { limits } from "./limits.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import type { DataSchema } from "./schema.ts";
import { beginPayload, endPayload, TooMuchWork } from "./work.ts";

/** Tries values of one version against the schemas of another. */
export interface Fitness {
  /** The values the schema allows; undefined once all of them together cost more than one payload may. */
  fitting(values: readonly JsonValue[], schema: DataSchema): readonly JsonValue[] | undefined;
}

export function createFitness(): Fitness {
  const patterns = new Map<string, Pattern>();
  let left: number = limits.payloadWorkMax;
  return {
    fitting(values, schema) {
      addPatterns(schema, patterns);
      const { check } = createChecker(schema, patterns);
      beginPayload(left);
      try {
        return values.filter(check);
      } catch (error) {
        if (!(error instanceof TooMuchWork)) throw error;
        return undefined;
      } finally {
        left = endPayload();
      }
    },
  };
}

/** Compiling the model has shown that they are sound, and few enough. */
function addPatterns(schema: DataSchema, patterns: Map<string, Pattern>): void {
  const { pattern, items, properties = {}, choices = [] } = schema;
  if (pattern !== undefined && !patterns.has(pattern)) patterns.set(pattern, compilePattern(pattern));
  const inner = [...(items === undefined ? [] : [items]), ...Object.values(properties), ...choices.map((choice) => choice.schema)];
  for (const part of inner) addPatterns(part, patterns);
}
