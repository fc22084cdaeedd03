import type { JsonObject, JsonValue } from "@mooring/contracts";
import { pointerOf, readReference } from "./reference.ts";

/** One step of a definition to where it is inherited: names in `from` are names in `to` from there on. */
export interface Move {
  /** The document that has the definition, in whose words names are until this step, and its namespace. */
  readonly root: JsonObject;
  readonly namespace: string | undefined;
  readonly from: readonly string[];
  /** JSON pointer in the document that inherits it. */
  readonly to: string;
  /** The two documents are not the same. */
  readonly isImport: boolean;
}

/** The entries of a sdfRequired as they are to be after its definition was inherited, so that they point into the copy (RFC 9880 s4.5). */
export function moveRequired(entries: readonly JsonValue[], moves: readonly Move[]): readonly JsonValue[] {
  return entries.flatMap((entry) => {
    let moved: JsonValue | undefined = entry;
    for (const move of moves) if (moved !== undefined) moved = moveEntry(moved, move);
    return moved === undefined ? [] : [moved];
  });
}

/** What an imported definition requires elsewhere in its own document is not part of this one. */
function moveEntry(entry: JsonValue, { root, namespace, from, to, isImport }: Move): JsonValue | undefined {
  if (typeof entry !== "string" || !entry.includes("#")) return entry;
  const name = readReference(root, entry);
  const unmoved = isImport ? undefined : entry;
  if (typeof name === "string" || name.namespace !== namespace || name.tokens.length < from.length) return unmoved;
  if (from.some((token, index) => name.tokens[index] !== token)) return unmoved;
  return `#${to}${pointerOf(name.tokens.slice(from.length))}`;
}
