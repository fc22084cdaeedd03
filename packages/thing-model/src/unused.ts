import type { Findings } from "./findings.ts";
import type { PlacedSchema } from "./literals.ts";
import type { SdfDocument } from "./parse.ts";
import { SchemaBuilder } from "./schema.ts";
import { walkDefinitions } from "./walk.ts";

/**
 * Looks at the data of a resolved document that its model has no use for: definitions for others to refer to, and groups beside those that
 * make up the device. They must be as sound as the rest, and their findings are the same; they cost what the model has left of its budget,
 * and what is beyond that is not looked at, with a warning. Answers their schemas.
 */
export function buildUnused(
  document: SdfDocument,
  used: SchemaBuilder,
  findings: Findings,
): { readonly schemas: readonly PlacedSchema[]; readonly builder: SchemaBuilder } {
  const builder = new SchemaBuilder(findings, {
    sizeMax: Math.max(0, used.sizeLeft),
    onTooLarge: (pointer) => findings.warning(pointer, "The definitions that nothing uses are too large to be checked from here on."),
  });
  const schemas: PlacedSchema[] = [];
  walkDefinitions(document, (kind, definition, pointer) => {
    if (builder.sizeLeft < 0 || findings.isFull || used.built.has(definition) || builder.built.has(definition)) return false;
    const isData = kind === "property" || kind === "data";
    if (isData) schemas.push([builder.build(definition, pointer), pointer]);
    return !isData;
  });
  return { schemas, builder };
}
