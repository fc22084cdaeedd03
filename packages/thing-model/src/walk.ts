import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "./json.ts";
import type { SdfDocument } from "./parse.ts";
import { type DefinitionKind, documentGroups, type QualityRule, qualities } from "./qualities.ts";

/**
 * Visits each definition of a resolved document once, wherever RFC 9880 has a place for one, whatever else refers to it; `visit` says whether to go on
 * into it.
 */
export function walkDefinitions(
  document: SdfDocument,
  visit: (kind: DefinitionKind, definition: JsonObject, pointer: string) => boolean,
): void {
  const seen = new Set<JsonObject>();
  const lookInto = (kind: DefinitionKind, definition: JsonObject, pointer: string): void => {
    if (visit(kind, definition, pointer)) lookAtAll(qualities[kind], definition, pointer);
  };
  const lookAt = (rule: QualityRule | undefined, value: JsonValue | undefined, pointer: string): void => {
    if (rule === undefined || rule.form === "value" || !isJsonObject(value) || seen.has(value)) return;
    seen.add(value);
    if (rule.form === "single") return lookInto(rule.kind, value, pointer);
    for (const name of Object.keys(value)) {
      const definition = value[name];
      if (!isJsonObject(definition) || seen.has(definition)) continue;
      seen.add(definition);
      lookInto(rule.kind, definition, `${pointer}/${pointerToken(name)}`);
    }
  };
  const lookAtAll = (rules: Readonly<Record<string, QualityRule>>, members: JsonObject, pointer: string): void => {
    for (const name of Object.keys(members)) {
      if (Object.hasOwn(rules, name)) lookAt(rules[name], members[name], `${pointer}/${name}`);
    }
  };
  lookAtAll(documentGroups, document, "");
}
