// What old documents refer to and nobody has. Their authors left definitions out that no reader of the time looked for.
import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { type Finding, Findings } from "./findings.ts";
import { targetMissing } from "./layers.ts";
import type { SdfDocument } from "./parse.ts";

export interface WithoutDangling {
  /** The very document given where nothing had to be left out. */
  readonly document: SdfDocument;
  readonly changes: readonly Finding[];
}

/**
 * Leaves out each sdfRef within the document (`#/...`) of which `findings`, those of resolving it, say that it names nothing, with a warning: what
 * refers so takes any value.
 * At most 16, and only where nothing else is wrong. For documents in an older spelling only; in one of RFC 9880 such a reference is an error. Never throws.
 */
export function leaveOutDangling(document: SdfDocument, findings: readonly Finding[]): WithoutDangling {
  const dangling = findings.filter(({ severity }) => severity === "error");
  const isAll = dangling.every(({ message, pointer }) => message === targetMissing && isLocal(at(document, tokensOf(pointer))));
  // With another error it would be refused all the same.
  if (!isAll || dangling.length === 0 || dangling.length > danglingMax) return { document, changes: [] };
  const changes = new Findings();
  for (const { pointer } of dangling)
    changes.warning(pointer, "The sdfRef names nothing in this older document and was left out: only what stands beside it counts here.");
  const result = without(
    document,
    dangling.map(({ pointer }) => pointer),
  );
  return { document: result, changes: changes.list() };
}

/** A document with more of them has lost something else than a definition. */
const danglingMax = 16;

function isLocal(reference: JsonValue | undefined): boolean {
  return typeof reference === "string" && reference.startsWith("#");
}

function tokensOf(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function at(document: JsonValue | undefined, tokens: readonly string[]): JsonValue | undefined {
  let node = document;
  for (const token of tokens) node = isJsonObject(node) && Object.hasOwn(node, token) ? node[token] : undefined;
  return node;
}

/** The document without these members; what is around them is copied, once each, and the rest is as it was. */
function without(document: JsonObject, pointers: readonly string[]): JsonObject {
  const copies = new Set<JsonValue>();
  const copyOf = (node: JsonObject): Record<string, JsonValue> => {
    if (copies.has(node)) return node as Record<string, JsonValue>;
    const copy = { ...node };
    copies.add(copy);
    return copy;
  };
  const result = copyOf(document);
  for (const pointer of pointers) {
    const tokens = tokensOf(pointer);
    let node = result;
    for (const token of tokens.slice(0, -1)) {
      const copy = copyOf(node[token] as JsonObject);
      node[token] = copy;
      node = copy;
    }
    delete node[tokens.at(-1) ?? ""];
  }
  return result;
}
