import { isJsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "./json.ts";
import type { SdfDocument } from "./parse.ts";

/** A global name (RFC 9880 s4.3) taken apart. */
export interface GlobalName {
  /** URI up to the #; undefined for a document without a default namespace, whose names nobody else can say. */
  readonly namespace: string | undefined;
  /** Reference tokens of the JSON pointer after the #. */
  readonly tokens: readonly string[];
}

/**
 * Reads what stands in sdfRef and sdfRequired: `#/...`, which is a name in the document's own namespace, or a CURIE, where the prefix's
 * URI and what follows the colon are put together as they are (RFC 9880 s4.3). Returns a sentence when it is neither.
 */
export function readReference(document: SdfDocument, reference: string): GlobalName | string {
  if (reference.startsWith("#")) return withPointer(namespaceOf(document), reference.slice(1));
  const colon = reference.indexOf(":");
  if (colon < 0) return "A reference must be a JSON pointer after #, such as #/sdfData/temperature.";
  const uri = uriOf(document, reference.slice(0, colon));
  if (uri === undefined) return "The prefix is not one of those under namespace.";
  const name = uri + reference.slice(colon + 1);
  const hash = name.indexOf("#");
  if (hash < 0) return "A reference must be a JSON pointer after #, such as #/sdfData/temperature.";
  return withPointer(name.slice(0, hash), name.slice(hash + 1));
}

/** The tokens of a reference into this very document, or a sentence saying why it is none. */
export function localTokens(document: SdfDocument, reference: string): readonly string[] | string {
  const name = readReference(document, reference);
  if (typeof name === "string") return name;
  if (name.namespace !== namespaceOf(document)) return "The reference leads into another namespace, whose documents are not at hand.";
  return name.tokens;
}

/** The namespace a document adds names to: the URI its default namespace stands for, without a #. */
export function namespaceOf(document: SdfDocument): string | undefined {
  const { defaultNamespace } = document;
  return typeof defaultNamespace === "string" ? uriOf(document, defaultNamespace)?.replace(/#.*$/s, "") : undefined;
}

/** A global name and where a sdfRef first says it. */
export interface WantedName {
  readonly namespace: string;
  readonly tokens: readonly string[];
  readonly pointer: string;
}

/**
 * The names that other documents may have and this one refers to: those of other namespaces, and those of its own that it does not define. A
 * name in a literal counts as well: it is only something to look for.
 */
export function wantedNames(document: SdfDocument): readonly WantedName[] {
  const found = new Map<string, WantedName>();
  const own = namespaceOf(document);
  const look = (value: JsonValue, pointer: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value) as [string, JsonValue][]) {
      const at = `${pointer}/${pointerToken(name)}`;
      if (name !== "sdfRef" || typeof member !== "string") {
        look(member, at);
        continue;
      }
      const global = readReference(document, member);
      if (typeof global === "string" || global.namespace === undefined) continue;
      const { namespace, tokens } = global;
      const key = `${namespace}#${pointerOf(tokens)}`;
      if (!found.has(key) && !(namespace === own && hasDefinition(document, tokens))) found.set(key, { namespace, tokens, pointer: at });
    }
  };
  look(document, "");
  return [...found.values()];
}

/** Whether a document has the outermost definition a name leads through: what is within may be inherited. */
export function hasDefinition(document: SdfDocument, [group = "", name = ""]: readonly string[]): boolean {
  const definitions = Object.hasOwn(document, group) ? document[group] : undefined;
  return isJsonObject(definitions) && Object.hasOwn(definitions, name);
}

/** JSON pointer of tokens. */
export function pointerOf(tokens: readonly string[]): string {
  return tokens.map((token) => `/${pointerToken(token)}`).join("");
}

function uriOf({ namespace }: SdfDocument, prefix: string): string | undefined {
  const uri = isJsonObject(namespace) && Object.hasOwn(namespace, prefix) ? namespace[prefix] : undefined;
  return typeof uri === "string" ? uri : undefined;
}

function withPointer(namespace: string | undefined, fragment: string): GlobalName | string {
  if (!fragment.startsWith("/")) return "After # a JSON pointer must follow, which starts with a slash.";
  try {
    // A pointer in a URI fragment is percent-encoded (RFC 6901 s6).
    const pointer = fragment.includes("%") ? decodeURIComponent(fragment) : fragment;
    const tokens = pointer
      .slice(1)
      .split("/")
      .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
    return { namespace, tokens };
  } catch {
    return "The percent-encoding of the reference is malformed.";
  }
}
