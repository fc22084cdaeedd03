import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { SdfDocument } from "./parse.ts";
import { type DefinitionKind, documentGroups, type QualityRule, qualities } from "./qualities.ts";
import { requiredPointer } from "./required.ts";

/** A property, action or event as the device uses it. */
export interface Affordance {
  /** Name on the wire. */
  readonly name: string;
  /** Where it is defined. */
  readonly pointer: string;
  readonly definition: JsonObject;
  /** RFC 9880 s4.5: an instance without it does not conform. */
  readonly required: boolean;
}

export interface Affordances {
  readonly properties: readonly Affordance[];
  readonly actions: readonly Affordance[];
  readonly events: readonly Affordance[];
}

type Kind = "sdfProperty" | "sdfAction" | "sdfEvent";
const KINDS: readonly Kind[] = ["sdfProperty", "sdfAction", "sdfEvent"];

interface Found {
  readonly kind: Kind;
  /** Names of the things and objects around it, outermost first. */
  readonly path: readonly string[];
  readonly ownName: string;
  readonly pointer: string;
  readonly definition: JsonObject;
}

/** Where a group of things or objects stands; `rules` are what may stand there. */
interface GroupPlace {
  readonly group: string;
  readonly rules: Readonly<Record<string, QualityRule>>;
  readonly pointer: string;
  readonly path: readonly string[];
}

/**
 * Lists what a device of this (resolved) model offers, with the names it uses on the wire: a property's own name where it is the only
 * one of that name, else `object:property` (Alink's `module:identifier`), and `thing:object:property` where that is ambiguous too.
 *
 * The device is what the outermost kind of group present describes: the things, or without things the objects, or without either the
 * bare properties, actions and events. What stands beside that group is there to be referred to; unused, it gets a warning.
 */
export function listAffordances(document: SdfDocument, findings: Findings): Affordances {
  const collector = new Collector(document, findings);
  collector.collectDocument();
  return {
    properties: collector.named("sdfProperty"),
    actions: collector.named("sdfAction"),
    events: collector.named("sdfEvent"),
  };
}

class Collector {
  readonly #document: SdfDocument;
  readonly #findings: Findings;
  readonly #found: Found[] = [];
  readonly #required = new Set<string>();
  #groups = 0;

  constructor(document: SdfDocument, findings: Findings) {
    this.#document = document;
    this.#findings = findings;
  }

  collectDocument(): void {
    const group = ["sdfThing", "sdfObject"].find((name) => Object.keys(definitionsIn(this.#document, name)).length > 0);
    if (group === undefined) this.#collect(this.#document, "", []);
    else this.#collectGroup(this.#document, { group, rules: documentGroups, pointer: "", path: [] });
    if (group !== undefined && KINDS.some((kind) => Object.hasOwn(this.#document, kind))) {
      this.#findings.warning("", `Properties, actions and events beside ${group} are definitions to refer to, not part of the device.`);
    }
    if (this.#groups > limits.groupsMax) {
      this.#findings.error("", `A model may have at most ${limits.groupsMax} things and objects.`);
    } else if (this.#found.length > limits.affordancesMax) {
      this.#findings.error("", `A model may have at most ${limits.affordancesMax} properties, actions and events.`);
    } else if (this.#found.length === 0) this.#findings.warning("", "The model has no property, action or event.");
  }

  named(kind: Kind): Affordance[] {
    const found = this.#found.filter((entry) => entry.kind === kind).slice(0, limits.affordancesMax);
    const names = wireNames(found);
    const seen = new Set<string>();
    return found.map((entry, index) => {
      const name = names[index] ?? entry.ownName;
      if (seen.has(name)) this.#findings.error(entry.pointer, `The name ${JSON.stringify(name)} stands for two definitions on the wire.`);
      seen.add(name);
      return { name, pointer: entry.pointer, definition: entry.definition, required: this.#required.has(entry.pointer) };
    });
  }

  /** A group counts only where RFC 9880 has it (qualities.ts): elsewhere its syntax is not checked and it has no effect, which a warning says. */
  #collectGroup(parent: JsonObject, { group, rules, pointer, path }: GroupPlace): void {
    const kind = groupKind(rules, group);
    if (kind === undefined) return;
    const definitions = definitionsIn(parent, group);
    for (const name of Object.keys(definitions)) {
      const definition = definitions[name];
      const at = `${pointer}/${group}/${pointerToken(name)}`;
      if (this.#found.length > limits.affordancesMax || this.#groups > limits.groupsMax) return;
      if (!isJsonObject(definition)) continue;
      this.#groups += 1;
      if (Object.hasOwn(definition, "minItems") || Object.hasOwn(definition, "maxItems")) {
        this.#findings.warning(at, "An array of things or objects is treated as a single one.");
      }
      const inner = { rules: qualities[kind], pointer: at, path: [...path, name] };
      this.#collect(definition, at, inner.path);
      this.#collectGroup(definition, { ...inner, group: "sdfObject" });
      this.#collectGroup(definition, { ...inner, group: "sdfThing" });
    }
  }

  #collect(parent: JsonObject, pointer: string, path: readonly string[]): void {
    for (const kind of KINDS) {
      const definitions = definitionsIn(parent, kind);
      for (const ownName of Object.keys(definitions)) {
        const definition = definitions[ownName];
        if (this.#found.length > limits.affordancesMax) return;
        if (!isJsonObject(definition)) continue;
        const at = `${pointer}/${kind}/${pointerToken(ownName)}`;
        this.#found.push({ kind, path, ownName, pointer: at, definition });
        this.#require(definition["sdfRequired"], at, definition);
      }
    }
    if (path.length > 0) this.#require(parent["sdfRequired"], pointer, parent);
  }

  /** What it names; required.ts has reported what names nothing. */
  #require(list: JsonValue | undefined, pointer: string, definition: JsonObject): void {
    if (!Array.isArray(list)) return;
    for (const entry of list as readonly JsonValue[]) {
      const required = requiredPointer(entry, { document: this.#document, definition, pointer });
      if ("pointer" in required) this.#required.add(required.pointer);
    }
  }
}

function groupKind(rules: GroupPlace["rules"], group: string): DefinitionKind | undefined {
  const rule = Object.hasOwn(rules, group) ? rules[group] : undefined;
  return rule?.form === "named" ? rule.kind : undefined;
}

function definitionsIn(parent: JsonObject, group: string): JsonObject {
  const value = parent[group];
  return isJsonObject(value) ? value : {};
}

function wireNames(found: readonly Found[]): string[] {
  const own = countNames(found, (entry) => entry.ownName);
  const qualify = (entry: Found) => [...entry.path.slice(-1), entry.ownName].join(":");
  const qualified = countNames(found, qualify);
  return found.map((entry) => {
    if (own.get(entry.ownName) === 1) return entry.ownName;
    if (qualified.get(qualify(entry)) === 1) return qualify(entry);
    return [...entry.path, entry.ownName].join(":");
  });
}

function countNames(found: readonly Found[], nameOf: (entry: Found) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of found) counts.set(nameOf(entry), (counts.get(nameOf(entry)) ?? 0) + 1);
  return counts;
}
