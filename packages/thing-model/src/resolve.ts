import type { JsonObject, JsonValue } from "@mooring/contracts";
import { type Finding, Findings } from "./findings.ts";
import { hasReference, type Layer, Layers, leadsBack, type Member, memberOf, nestedTooDeep, type Stack } from "./layers.ts";
import { limits } from "./limits.ts";
import { moveRequired } from "./moves.ts";
import type { SdfDocument } from "./parse.ts";

export interface ResolvedSdf {
  /** The document with every sdfRef replaced by what it means. Parts may be shared with the input: neither may be changed. */
  readonly document: SdfDocument;
  readonly findings: readonly Finding[];
}

/**
 * Replaces each sdfRef by the definition it names, patched with the members beside it (RFC 9880 s4.4, RFC 7396).
 *
 * A reference is `#/...` or `prefix:#/...`; what it names is looked for in this document where that has the namespace, then in those of
 * `imports` that have it, in their order; nothing is fetched. It names what the resolved document has in that place, so that it may lead to
 * what its owner only inherits, patched as its owner patches it. Where a definition brings a sdfRef of its own into an inherited one, the
 * nearer wins: what is written, then what that reference says, then what is inherited; a null deletes from all that lies below it.
 * Inherited sdfRequired entries are turned to point at the new definition. Cycles, unknown targets and references that multiply beyond
 * `limits.resolveCopiesMax` are error findings; never throws.
 */
export function resolveSdf(document: SdfDocument, imports: readonly SdfDocument[] = []): ResolvedSdf {
  const findings = new Findings();
  const resolved = new Resolver([document, ...imports], findings).resolve();
  return { document: resolved, findings: findings.list() };
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

/** What some layers were written out to: for all moves, or for some. */
interface Written {
  readonly always?: JsonObject;
  readonly byMoves?: Map<string, JsonObject>;
}

class Resolver {
  readonly #layers: Layers;
  readonly #findings: Findings;
  readonly #ids = new Map<JsonObject, number>();
  readonly #written = new Map<string, Written>();
  readonly #active = new Set<string>();
  #copiesLeft: number = limits.resolveCopiesMax;
  /** Counts the sdfRequired lists written out: what holds none is the same wherever it is inherited. */
  #requiredLists = 0;

  constructor(documents: readonly JsonObject[], findings: Findings) {
    this.#findings = findings;
    this.#layers = new Layers(documents, findings, (count) => this.#spend(count));
  }

  resolve(): JsonObject {
    const result = this.#members(this.#layers.root(), 0);
    if (this.#copiesLeft < 0) {
      this.#findings.error("", `The document's references write out to more than ${limits.resolveCopiesMax} members.`);
    }
    return result;
  }

  #definition(stack: Stack, depth: number): JsonObject {
    const layers = this.#layers.expand(stack);
    return this.#once(layers, depth, () => this.#members(layers, depth));
  }

  /** Writes the same layers out once: what many definitions inherit is shared by them. */
  #once(stack: Stack, depth: number, write: () => JsonObject): JsonObject {
    const top = stack.at(-1);
    const key = this.#keyOf(stack);
    const known = this.#written.get(key);
    if (known?.always !== undefined) return known.always;
    const moves = known === undefined ? undefined : this.#movesOf(stack);
    const moved = moves === undefined ? undefined : known?.byMoves?.get(moves);
    if (moved !== undefined) {
      this.#requiredLists += 1;
      return moved;
    }
    if (this.#active.has(key) || depth > limits.depthMax) {
      if (top !== undefined) this.#layers.error(top, this.#active.has(key) ? leadsBack : nestedTooDeep);
      return {};
    }
    const before = this.#requiredLists;
    this.#active.add(key);
    const result = write();
    this.#active.delete(key);
    if (this.#requiredLists === before) this.#written.set(key, { always: result });
    else this.#written.set(key, { byMoves: (known?.byMoves ?? new Map()).set(moves ?? this.#movesOf(stack), result) });
    return result;
  }

  /** Members with the definitions in them resolved, without sdfRef. */
  #members(stack: Stack, depth: number): JsonObject {
    return this.#write(stack, (name, member) => {
      if ("layers" in member) {
        if (NAMED.has(name)) return this.#once(member.layers, depth, () => this.#named(member.layers, depth));
        return SINGLE.has(name) ? this.#definition(member.layers, depth + 1) : this.#literal(member.layers);
      }
      if (name === "sdfRef" && typeof member.value === "string") return undefined;
      return name === "sdfRequired" ? this.#required(member.value, member.layer) : member.value;
    });
  }

  #named(stack: Stack, depth: number): JsonObject {
    return this.#write(stack, (_name, member) => ("layers" in member ? this.#definition(member.layers, depth + 1) : member.value));
  }

  /** A value that is no definition: merged where it has several layers or is part of a patch, else as it is. */
  #literal(stack: Stack): JsonValue {
    const [only] = stack;
    if (only !== undefined && stack.length === 1 && !only.isPatch) return only.raw;
    return this.#write(stack, (_name, member) => ("layers" in member ? this.#literal(member.layers) : member.value));
  }

  #write(stack: Stack, write: (name: string, member: Member) => JsonValue | undefined): JsonObject {
    const result: Record<string, JsonValue> = {};
    const [only] = stack;
    const names = only !== undefined && stack.length === 1 ? Object.keys(only.raw) : namesOf(stack);
    for (const name of names) {
      if (this.#spend(stack.length)) break;
      const member = memberOf(stack, name);
      const value = member === undefined ? undefined : write(name, member);
      if (value !== undefined) result[name] = value;
    }
    return result;
  }

  #required(list: JsonValue, { moves }: Layer): JsonValue {
    if (!Array.isArray(list)) return list;
    this.#requiredLists += 1;
    return this.#spend(list.length * (1 + moves.length)) ? [] : moveRequired(list, moves);
  }

  /** Names the layers that say anything. */
  #keyOf(stack: Stack): string {
    let key = "";
    for (const { raw } of stack) if (!isOnlyReference(raw)) key += `${this.#idOf(raw)},`;
    return key;
  }

  #movesOf(stack: Stack): string {
    const moves = stack.flatMap((layer) => [null, ...layer.moves.map(({ root, from, to }) => [this.#idOf(root), ...from, to])]);
    this.#spend(moves.length);
    return JSON.stringify(moves);
  }

  #idOf(raw: JsonObject): number {
    const id = this.#ids.get(raw) ?? this.#ids.size;
    this.#ids.set(raw, id);
    return id;
  }

  /** Takes from the budget of copies; true when it is used up. */
  #spend(count: number): boolean {
    this.#copiesLeft -= count;
    return this.#copiesLeft < 0;
  }
}

function isOnlyReference(raw: JsonObject): boolean {
  return hasReference(raw) && Object.keys(raw).length === 1;
}

function namesOf(stack: Stack): Iterable<string> {
  return new Set(stack.flatMap(({ raw }) => Object.keys(raw)));
}
