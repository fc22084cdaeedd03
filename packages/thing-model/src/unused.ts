import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import type { PlacedSchema } from "./literals.ts";
import type { SdfDocument } from "./parse.ts";
import { type DefinitionKind, documentGroups, type QualityRule, qualities } from "./qualities.ts";
import { SchemaBuilder } from "./schema.ts";

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
  const seen = new Set<JsonObject>();
  const lookAt = (rule: QualityRule | undefined, value: JsonValue | undefined, pointer: string): void => {
    if (rule === undefined || rule.form === "value" || !isJsonObject(value) || seen.has(value)) return;
    seen.add(value);
    if (rule.form === "single") return lookInto(rule.kind, value, pointer);
    for (const name of Object.keys(value)) {
      const definition = value[name];
      if (isJsonObject(definition)) lookInto(rule.kind, definition, `${pointer}/${pointerToken(name)}`);
    }
  };
  const lookInto = (kind: DefinitionKind, definition: JsonObject, pointer: string): void => {
    if (builder.sizeLeft < 0 || findings.isFull || used.built.has(definition) || builder.built.has(definition)) return;
    if (kind === "property" || kind === "data") schemas.push([builder.build(definition, pointer), pointer]);
    else lookAtAll(qualities[kind], definition, pointer);
  };
  const lookAtAll = (rules: Readonly<Record<string, QualityRule>>, members: JsonObject, pointer: string): void => {
    for (const name of Object.keys(members)) {
      if (Object.hasOwn(rules, name)) lookAt(rules[name], members[name], `${pointer}/${name}`);
    }
  };
  lookAtAll(documentGroups, document, "");
  return { schemas, builder };
}
