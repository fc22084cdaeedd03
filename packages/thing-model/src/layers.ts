// What a definition is put together from: its own members, and below them what its sdfRef names (RFC 9880 s4.4), which may have a sdfRef too.
import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { Move } from "./moves.ts";
import { namespaceOf, readReference } from "./reference.ts";

/** One document: the one that is resolved, or an import. */
export interface Source {
  readonly root: JsonObject;
  readonly namespace: string | undefined;
}

/** An object as it is written, and how it came to be part of a definition. */
export interface Layer {
  readonly raw: JsonObject;
  readonly source: Source;
  /** In its own document. */
  readonly pointer: string;
  /** Its nulls delete what lies below (RFC 7396); elsewhere a null is a value. */
  readonly isPatch: boolean;
  /** What becomes of its sdfRequired on the way here, the first move first. */
  readonly moves: readonly Move[];
  /** Where findings about it belong, once a reference has led into another document: at that reference. */
  readonly reportAt: string | undefined;
}

/** The layers of one object, the lowest first; each is a merge patch of what lies below it. */
export type Stack = readonly Layer[];

/** What a stack has under a name: an object of layers of its own, or anything else and the layer that says so. */
export type Member = { readonly layers: Stack } | { readonly value: JsonValue; readonly layer: Layer };

/** The finding about a reference that names nothing. */
export const targetMissing = "The sdfRef names nothing in this document, nor in another of its namespace.";
export const nestedTooDeep = `References and definitions are nested more than ${limits.depthMax} levels deep.`;

/** RFC 7396 s2 for one name, without merging what is below it. */
export function memberOf(stack: Stack, name: string): Member | undefined {
  const layers: Layer[] = [];
  for (let index = stack.length - 1; index >= 0; index -= 1) {
    const layer = stack[index];
    if (layer === undefined || !Object.hasOwn(layer.raw, name)) continue;
    const value = layer.raw[name] ?? null;
    if (isJsonObject(value)) layers.push({ ...layer, raw: value, pointer: `${layer.pointer}/${pointerToken(name)}` });
    else if (layers.length > 0) break;
    else return value === null && layer.isPatch ? undefined : { value, layer };
  }
  return layers.length === 0 ? undefined : { layers: layers.reverse() };
}

export function hasReference(raw: JsonObject): boolean {
  return typeof raw["sdfRef"] === "string";
}

/** Follows references by name, and only as far as asked: a definition may refer to a part of another that refers to a part of it. */
export class Layers {
  readonly #sources: readonly Source[];
  readonly #findings: Findings;
  readonly #spend: (count: number) => boolean;
  /** What lies below a definition with sdfRef. */
  readonly #bases = new Map<JsonObject, Stack>();
  readonly #active = new Set<JsonObject>();

  /** `spend` takes from the budget of copies; true when it is used up. */
  constructor(documents: readonly JsonObject[], findings: Findings, spend: (count: number) => boolean) {
    this.#sources = documents.map((root) => ({ root, namespace: namespaceOf(root) }));
    this.#findings = findings;
    this.#spend = spend;
  }

  root(): Stack {
    return this.#sources.slice(0, 1).map((source) => rootOf(source, undefined));
  }

  /** A definition's layers, where `stack` has only what is written in its place: below each layer with a sdfRef comes what that names. */
  expand(stack: Stack): Stack {
    if (!stack.some(({ raw }) => hasReference(raw))) return stack;
    const result: Layer[] = [];
    for (const layer of stack) {
      if (!hasReference(layer.raw)) result.push(layer);
      else {
        for (const base of this.#basesOf(layer)) result.push(moveOn(base, layer.moves));
        result.push({ ...layer, isPatch: true });
      }
    }
    if (this.#spend(result.length)) return stack;
    if (result.length <= limits.depthMax) return result;
    const top = stack.at(-1);
    if (top !== undefined) this.error(top, nestedTooDeep);
    return stack;
  }

  /** A finding about a definition's reference, or about the definition where it has none. */
  error({ raw, pointer, reportAt }: Layer, message: string): void {
    this.#findings.error(reportAt ?? (hasReference(raw) ? `${pointer}/sdfRef` : pointer), message);
  }

  #basesOf(layer: Layer): Stack {
    const known = this.#bases.get(layer.raw);
    if (known !== undefined) return known;
    if (this.#active.has(layer.raw) || this.#active.size > limits.depthMax) {
      this.error(layer, this.#active.has(layer.raw) ? leadsBack : nestedTooDeep);
      return [];
    }
    this.#active.add(layer.raw);
    const bases = this.#follow(layer);
    this.#active.delete(layer.raw);
    this.#bases.set(layer.raw, bases);
    return bases;
  }

  #follow(layer: Layer): Stack {
    const { raw, source, pointer } = layer;
    const name = readReference(source.root, String(raw["sdfRef"]));
    if (typeof name === "string") {
      this.error(layer, name);
      return [];
    }
    const owners = this.#ownersOf(source, name.namespace);
    for (const owner of owners) {
      const reportAt = layer.reportAt ?? (owner === source ? undefined : `${pointer}/sdfRef`);
      const target = this.#locate(rootOf(owner, reportAt), name.tokens);
      if (target === undefined) continue;
      const move: Move = { root: owner.root, namespace: owner.namespace, from: name.tokens, to: pointer, isImport: owner !== source };
      return target.map((base) => moveOn(base, [move]));
    }
    const reason = owners.length === 0 ? "The reference leads into another namespace, whose documents are not at hand." : targetMissing;
    this.error(layer, reason);
    return [];
  }

  /** The definition of a name, through what is inherited too: `#/sdfObject/B/sdfProperty/x` where B has x from its own sdfRef. */
  #locate(root: Layer, tokens: readonly string[]): Stack | undefined {
    let stack: Stack = [root];
    for (const token of tokens) {
      const member = memberOf(stack, token);
      if (member === undefined || !("layers" in member)) return undefined;
      stack = this.expand(member.layers);
    }
    return stack;
  }

  /** This document first where the name may be its own, then every other of that namespace. */
  #ownersOf(source: Source, namespace: string | undefined): readonly Source[] {
    if (namespace === undefined) return [source];
    const others = this.#sources.filter((other) => other.root !== source.root && other.namespace === namespace);
    return namespace === source.namespace ? [source, ...others] : others;
  }
}

export const leadsBack = "The sdfRef leads back to itself.";

function rootOf(source: Source, reportAt: string | undefined): Layer {
  return { raw: source.root, source, pointer: "", isPatch: false, moves: [], reportAt };
}

function moveOn(layer: Layer, moves: readonly Move[]): Layer {
  return moves.length === 0 ? layer : { ...layer, moves: [...layer.moves, ...moves] };
}
