import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import type { SdfDocument } from "./parse.ts";
import { localTokens, pointerOf } from "./reference.ts";
import { walkDefinitions } from "./walk.ts";

/** Groups whose definitions a sdfRequired may name without a pointer, where it stands in the definition that has the group. */
const NAMED_GROUPS = ["sdfData", "sdfProperty", "sdfAction", "sdfEvent"];

/**
 * The pointer of what an entry of the sdfRequired of the definition at `pointer` names: the definition itself (`true`), one of its own by
 * name, or any of the document by reference (RFC 9880 s4.5). `problem` is a sentence where it names none.
 */
export function requiredPointer(
  entry: JsonValue,
  place: { readonly document: SdfDocument; readonly definition: JsonObject; readonly pointer: string },
): { readonly pointer: string } | { readonly problem: string } {
  const { document, definition, pointer } = place;
  if (entry === true) return { pointer };
  const name = String(entry);
  if (!name.includes("#")) {
    const group = NAMED_GROUPS.find((candidate) => isJsonObject(at(definition, [candidate, name])));
    return group === undefined
      ? { problem: "The sdfRequired names nothing in this definition." }
      : { pointer: `${pointer}/${group}/${pointerToken(name)}` };
  }
  const tokens = localTokens(document, name);
  if (typeof tokens === "string") return { problem: tokens };
  const target = at(document, tokens);
  if (target === undefined) return { problem: "The sdfRequired names nothing in this document." };
  if (!isJsonObject(target)) return { problem: "The sdfRequired names what is no definition." };
  return { pointer: pointerOf(tokens) };
}

/** Reports each sdfRequired of a resolved document that names nothing, wherever it stands: an error, in documents of any age. */
export function checkRequired(document: SdfDocument, findings: Findings): void {
  walkDefinitions(document, (_kind, definition, pointer) => {
    const list = definition["sdfRequired"];
    for (const [index, entry] of (Array.isArray(list) ? (list as readonly JsonValue[]) : []).entries()) {
      if (findings.isFull) return false;
      const result = requiredPointer(entry, { document, definition, pointer });
      if ("problem" in result) findings.error(`${pointer}/sdfRequired/${index}`, result.problem);
    }
    return true;
  });
}

function at(node: JsonValue | undefined, tokens: readonly string[]): JsonValue | undefined {
  let found = node;
  for (const token of tokens) found = isJsonObject(found) && Object.hasOwn(found, token) ? found[token] : undefined;
  return found;
}
