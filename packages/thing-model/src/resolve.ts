import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { type Finding, Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { SdfDocument } from "./parse.ts";
import { namespaceOf, pointerOf, readReference } from "./reference.ts";

export interface ResolvedSdf {
  /** The document with every sdfRef replaced by what it means. Parts may be shared with the input: neither may be changed. */
  readonly document: SdfDocument;
  readonly findings: readonly Finding[];
}

/**
 * Replaces each sdfRef by the definition it names, patched with the members beside it (RFC 9880 s4.4, RFC 7396).
 *
 * A reference is `#/...` or `prefix:#/...`; what it names is looked for in this document where that has the namespace, then in those of
 * `imports` that have it, in their order; nothing is fetched. Where a definition brings a sdfRef of its own into an inherited one, the
 * nearer wins: what is written, then what that reference says, then what is inherited. Inherited sdfRequired entries are turned to point
 * at the new definition. Cycles, unknown targets and references that multiply beyond `limits.resolveCopiesMax` are error findings;
 * never throws.
 */
export function resolveSdf(document: SdfDocument, imports: readonly SdfDocument[] = []): ResolvedSdf {
  const findings = new Findings();
  const shared: Shared = {
    findings,
    resolvers: [],
    done: new Map(),
    active: new Set(),
    copiesLeft: limits.resolveCopiesMax,
    reportAt: undefined,
  };
  const resolver = new Resolver(document, shared);
  shared.resolvers.push(resolver, ...imports.map((root) => new Resolver(root, shared)));
  return { document: resolver.resolveDocument(), findings: findings.list() };
}

/** The finding about a reference that names nothing. */
export const targetMissing = "The sdfRef names nothing in this document, nor in another of its namespace.";

/** What the resolvers of one document and its imports have in common. */
interface Shared {
  readonly findings: Findings;
  /** One for each document: the one that is resolved first, then its imports. */
  readonly resolvers: Resolver[];
  readonly done: Map<JsonObject, JsonObject>;
  readonly active: Set<JsonObject>;
  copiesLeft: number;
  /** While definitions of an import are resolved: the reference that led there, since findings lead into the first document. */
  reportAt: string | undefined;
}

/** Members whose value is a map of definitions. Everything not listed here or below is copied literally: a `const` may hold a "sdfRef". */
const NAMED: ReadonlySet<string> = new Set([
  "sdfThing",
  "sdfObject",
  "sdfProperty",
  "sdfAction",
  "sdfEvent",
  "sdfData",
  "properties",
  "sdfChoice",
]);
const SINGLE: ReadonlySet<string> = new Set(["sdfInputData", "sdfOutputData", "items"]);

class Resolver {
  readonly #root: JsonObject;
  readonly #namespace: string | undefined;
  readonly #shared: Shared;
  readonly #done: Map<JsonObject, JsonObject>;
  readonly #active: Set<JsonObject>;

  constructor(root: JsonObject, shared: Shared) {
    this.#root = root;
    this.#namespace = namespaceOf(root);
    this.#shared = shared;
    this.#done = shared.done;
    this.#active = shared.active;
  }

  resolveDocument(): JsonObject {
    const result = this.#members(this.#root, "", 0);
    if (this.#shared.copiesLeft < 0) {
      this.#error("", `The document's references write out to more than ${limits.resolveCopiesMax} members.`);
    }
    return result;
  }

  #definition(raw: JsonObject, pointer: string, depth: number): JsonObject {
    const known = this.#done.get(raw);
    if (known !== undefined) return known;
    if (this.#active.has(raw)) {
      this.#error(pointer, "The sdfRef leads back to itself.");
      return {};
    }
    if (depth > limits.depthMax) {
      this.#error(pointer, `References and definitions are nested more than ${limits.depthMax} levels deep.`);
      return {};
    }
    this.#active.add(raw);
    const own = this.#members(raw, pointer, depth);
    const reference = raw["sdfRef"];
    const result = typeof reference === "string" ? this.#inherit(own, reference, pointer, depth) : own;
    this.#active.delete(raw);
    this.#done.set(raw, result).set(result, result);
    return result;
  }

  /** The definition's own members with the definitions inside them resolved, without sdfRef. */
  #members(raw: JsonObject, pointer: string, depth: number): JsonObject {
    const result: Record<string, JsonValue> = {};
    for (const name of Object.keys(raw)) {
      const value = raw[name] ?? null;
      if (this.#spend() || (name === "sdfRef" && typeof value === "string")) continue;
      const at = `${pointer}/${pointerToken(name)}`;
      if (NAMED.has(name) && isJsonObject(value)) result[name] = this.#named(value, at, depth);
      else if (SINGLE.has(name) && isJsonObject(value)) result[name] = this.#definition(value, at, depth + 1);
      else result[name] = value;
    }
    return result;
  }

  #named(group: JsonObject, pointer: string, depth: number): JsonObject {
    const result: Record<string, JsonValue> = {};
    for (const name of Object.keys(group)) {
      if (this.#spend()) break;
      const value = group[name] ?? null;
      result[name] = isJsonObject(value) ? this.#definition(value, `${pointer}/${pointerToken(name)}`, depth + 1) : value;
    }
    return result;
  }

  #inherit(own: JsonObject, reference: string, pointer: string, depth: number): JsonObject {
    const name = readReference(this.#root, reference);
    if (typeof name === "string") {
      this.#error(`${pointer}/sdfRef`, name);
      return own;
    }
    const owners = this.#ownersOf(name.namespace);
    for (const owner of owners) {
      const target = this.#locateIn(owner, name.tokens, `${pointer}/sdfRef`, depth + 1);
      if (target === undefined) continue;
      const inherited = owner.#moveRequired(target, name.tokens, pointer, owner !== this);
      return this.#merge(inherited, own) as JsonObject;
    }
    const reason = owners.length === 0 ? "The reference leads into another namespace, whose documents are not at hand." : targetMissing;
    this.#error(`${pointer}/sdfRef`, reason);
    return own;
  }

  #locateIn(owner: Resolver, tokens: readonly string[], reference: string, depth: number): JsonObject | undefined {
    const outer = this.#shared.reportAt;
    if (owner !== this) this.#shared.reportAt ??= reference;
    const target = owner.#locate(tokens, depth);
    this.#shared.reportAt = outer;
    return target;
  }

  #error(pointer: string, message: string): void {
    this.#shared.findings.error(this.#shared.reportAt ?? pointer, message);
  }

  /** This document first where the name may be its own, then every other of that namespace. */
  #ownersOf(namespace: string | undefined): readonly Resolver[] {
    const others = this.#shared.resolvers.filter((other) => other.#root !== this.#root && other.#namespace === namespace);
    if (namespace === undefined) return [this];
    return namespace === this.#namespace ? [this, ...others] : others;
  }

  /** Walks to a definition, through inherited members too: `#/sdfObject/B/sdfProperty/x` where B has x from its own sdfRef. */
  #locate(tokens: readonly string[], depth: number): JsonObject | undefined {
    let node: JsonValue = this.#root;
    for (const [index, token] of tokens.entries()) {
      if (typeof node["sdfRef"] === "string" && !this.#active.has(node)) {
        node = this.#definition(node, pointerOf(tokens.slice(0, index)), depth);
      }
      const next: JsonValue | undefined = Object.hasOwn(node, token) ? node[token] : undefined;
      if (!isJsonObject(next)) return undefined;
      node = next;
    }
    return this.#definition(node, pointerOf(tokens), depth);
  }

  /** Turns the sdfRequired entries of an inherited definition, and of groups inside it, from the old place to the new one. */
  #moveRequired(definition: JsonObject, from: readonly string[], to: string, isImport: boolean): JsonObject {
    const result: Record<string, JsonValue> = { ...definition };
    const required = definition["sdfRequired"];
    if (Array.isArray(required) && !this.#spend(required.length)) {
      result["sdfRequired"] = (required as readonly JsonValue[])
        .map((entry) => this.#moveEntry(entry, from, to, isImport))
        .filter((entry) => entry !== undefined);
    }
    for (const group of ["sdfThing", "sdfObject"]) {
      const members = definition[group];
      if (!isJsonObject(members)) continue;
      const moved: Record<string, JsonValue> = {};
      for (const name of Object.keys(members)) {
        if (this.#spend()) break;
        const member = members[name] ?? null;
        moved[name] = isJsonObject(member) ? this.#moveRequired(member, from, to, isImport) : member;
      }
      result[group] = moved;
    }
    return result;
  }

  /** What an imported definition requires elsewhere in its own document is not part of this one. */
  #moveEntry(entry: JsonValue, from: readonly string[], to: string, isImport: boolean): JsonValue | undefined {
    if (typeof entry !== "string" || !entry.includes("#")) return entry;
    const name = readReference(this.#root, entry);
    const unmoved = isImport ? undefined : entry;
    if (typeof name === "string" || name.namespace !== this.#namespace || name.tokens.length <= from.length) return unmoved;
    if (from.some((token, index) => name.tokens[index] !== token)) return unmoved;
    return `#${to}${pointerOf(name.tokens.slice(from.length))}`;
  }

  /** RFC 7396 s2, without changing the target. */
  #merge(target: JsonValue | undefined, patch: JsonValue): JsonValue {
    if (!isJsonObject(patch)) return patch;
    const result: Record<string, JsonValue> = {};
    if (isJsonObject(target)) {
      for (const name of Object.keys(target)) {
        if (this.#spend()) break;
        result[name] = target[name] ?? null;
      }
    }
    for (const name of Object.keys(patch)) {
      if (this.#spend()) break;
      const value = patch[name] ?? null;
      if (value === null) delete result[name];
      else result[name] = this.#merge(Object.hasOwn(result, name) ? result[name] : undefined, value);
    }
    return result;
  }

  /** Takes from the budget of copies; true when it is used up. */
  #spend(count = 1): boolean {
    this.#shared.copiesLeft -= count;
    return this.#shared.copiesLeft < 0;
  }
}
