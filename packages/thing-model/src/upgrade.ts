import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { type Finding, Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import type { SdfDocument } from "./parse.ts";
import { type DefinitionKind, documentGroups, type QualityRule, qualities } from "./qualities.ts";
import { localTokens, pointerOf } from "./reference.ts";

export interface UpgradedSdf {
  /** The very document given when nothing had to be changed. */
  readonly document: SdfDocument;
  /** One warning for each change; its pointer leads into the document given. */
  readonly changes: readonly Finding[];
}

/**
 * Rewrites the spellings of SDF 1.0 and 1.1 that RFC 9880 has changed: `units`, `subtype`, `sdfEnum`, `sdfProduct`, boolean exclusive
 * bounds, lists for sdfInputData and sdfOutputData, `sdfRequiredInputData`, symbolic names for numbers, and pointers that start at the
 * enclosing object instead of the document. Only qualities are touched: a property may be called "units". Never throws.
 */
export function upgradeSdf(document: SdfDocument): UpgradedSdf {
  const upgrader = new Upgrader(document);
  const upgraded = upgrader.upgradeDocument();
  const changes = upgrader.changes.list();
  return { document: changes.length === 0 ? document : upgraded, changes };
}

type Members = Record<string, JsonValue>;

/** Where a definition stands: its pointer, and those of the things and objects around it, innermost first. */
interface Place {
  readonly pointer: string;
  readonly groups: readonly string[];
}

type StructuralRules = readonly (readonly [name: string, rule: QualityRule | "reference" | "references"])[];

/** For each kind of definition the members that hold definitions or references; nothing else is looked into. */
const structural: Readonly<Record<DefinitionKind | "document", StructuralRules>> = {
  document: structuralOf(documentGroups),
  thing: structuralOf(qualities.thing),
  object: structuralOf(qualities.object),
  property: structuralOf(qualities.property),
  action: structuralOf(qualities.action),
  event: structuralOf(qualities.event),
  data: structuralOf(qualities.data),
};

function structuralOf(table: Readonly<Record<string, QualityRule>>): StructuralRules {
  const definitions = Object.entries(table).filter(([, rule]) => rule.form !== "value");
  return [["sdfRef", "reference"], ["sdfRequired", "references"], ...definitions];
}

/** A definition without any of these has nothing to rewrite. */
const legacyNames =
  "units subtype sdfEnum sdfProduct exclusiveMinimum exclusiveMaximum enum items sdfInputData sdfOutputData sdfRequiredInputData".split(
    " ",
  );

class Upgrader {
  readonly changes = new Findings();
  readonly #document: SdfDocument;
  #changeCount = 0;
  #stepsLeft: number = limits.upgradeStepsMax;

  constructor(document: SdfDocument) {
    this.#document = document;
  }

  upgradeDocument(): SdfDocument {
    const place: Place = { pointer: "", groups: [] };
    const members = this.#rewrite(this.#document, (copy) => this.#mergeProduct(copy, place));
    return this.#inner(members, structural.document, place);
  }

  /** The members with the definitions in them upgraded; the very object given where nothing changes. */
  #inner(members: JsonObject, rules: StructuralRules, place: Place): JsonObject {
    let result: Members | undefined;
    for (const [name, rule] of rules) {
      const value = Object.hasOwn(members, name) ? members[name] : undefined;
      if (value === undefined) continue;
      const upgraded = this.#member(value, rule, { ...place, pointer: `${place.pointer}/${name}` });
      if (upgraded === value) continue;
      result ??= { ...members };
      result[name] = upgraded;
    }
    return result ?? members;
  }

  #member(value: JsonValue, rule: QualityRule | "reference" | "references", place: Place): JsonValue {
    if (rule === "reference") return typeof value === "string" ? this.#reference(value, place) : value;
    if (rule === "references") return Array.isArray(value) ? this.#references(value, place) : value;
    if (!isJsonObject(value) || rule.form === "value") return value;
    return rule.form === "single" ? this.#definition(rule.kind, value, place) : this.#named(rule.kind, value, place);
  }

  #named(kind: DefinitionKind, group: JsonObject, place: Place): JsonObject {
    let result: Members | undefined;
    for (const name of Object.keys(group)) {
      const value = group[name] ?? null;
      const upgraded = isJsonObject(value)
        ? this.#definition(kind, value, { ...place, pointer: `${place.pointer}/${pointerToken(name)}` })
        : value;
      if (upgraded === value) continue;
      result ??= { ...group };
      result[name] = upgraded;
    }
    return result ?? group;
  }

  #definition(kind: DefinitionKind, definition: JsonObject, place: Place): JsonObject {
    const members = this.#rewrite(definition, (copy) => {
      if (kind === "thing") this.#mergeProduct(copy, place);
      if (kind === "action" || kind === "event") this.#parameters(copy, place);
      if (kind === "property" || kind === "data") this.#data(copy, place);
    });
    const isGroup = kind === "thing" || kind === "object";
    return this.#inner(members, structural[kind], isGroup ? { ...place, groups: [place.pointer, ...place.groups] } : place);
  }

  /** Lets `change` work on a copy, which is thrown away where it has changed nothing. */
  #rewrite(definition: JsonObject, change: (copy: Members) => void): JsonObject {
    if (!legacyNames.some((name) => Object.hasOwn(definition, name))) return definition;
    const before = this.#changeCount;
    const copy: Members = { ...definition };
    change(copy);
    return this.#changeCount === before ? definition : copy;
  }

  #changed(pointer: string, message: string): void {
    this.#changeCount += 1;
    this.changes.warning(pointer, message);
  }

  /** SDF 1.0 and 1.1 had sdfProduct for the outermost sdfThing. */
  #mergeProduct(members: Members, { pointer }: Place): void {
    const { sdfProduct, sdfThing = {} } = members;
    if (!isJsonObject(sdfProduct) || !isJsonObject(sdfThing)) return;
    if (Object.keys(sdfProduct).some((name) => Object.hasOwn(sdfThing, name))) return;
    delete members["sdfProduct"];
    members["sdfThing"] = { ...sdfProduct, ...sdfThing };
    this.#changed(`${pointer}/sdfProduct`, "The sdfProduct of SDF 1.0 was read as sdfThing.");
  }

  #data(members: Members, { pointer }: Place): void {
    const { units, subtype, sdfEnum, type, items } = members;
    const change = (name: string, message: string) => this.#changed(`${pointer}/${name}`, message);
    if (typeof units === "string" && members["unit"] === undefined) {
      rename(members, "units", "unit");
      change("units", "The units of SDF 1.0 was read as unit.");
    }
    if (typeof subtype === "string" && members["sdfType"] === undefined) {
      const sdfType = subtype.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      rename(members, "subtype", "sdfType");
      members["sdfType"] = sdfType;
      const implied = sdfType === "byte-string" ? "string" : sdfType === "unix-time" ? "number" : undefined;
      if (type === undefined && implied !== undefined) members["type"] = implied;
      change("subtype", "The subtype of SDF 1.0 was read as sdfType, with the type it implies.");
    }
    if (isJsonObject(sdfEnum) && members["sdfChoice"] === undefined) {
      rename(members, "sdfEnum", "sdfChoice");
      change("sdfEnum", "The sdfEnum of SDF 1.0 was read as sdfChoice.");
    } else if (Array.isArray(sdfEnum) && members["enum"] === undefined) {
      rename(members, "sdfEnum", "enum");
      change("sdfEnum", "The sdfEnum of SDF 1.0 was read as enum.");
    }
    const [item] = Array.isArray(items) && items.length === 1 ? (items as readonly JsonValue[]) : [];
    if (isJsonObject(item)) {
      members["items"] = item;
      change("items", "The list with one item was read as that item.");
    }
    this.#exclusive(members, "exclusiveMinimum", "minimum", pointer);
    this.#exclusive(members, "exclusiveMaximum", "maximum", pointer);
    this.#symbols(members, pointer);
  }

  /** Drafts before JSON Schema 2019-09 had `exclusiveMinimum: true` beside the minimum. */
  #exclusive(members: Members, exclusive: string, bound: string, pointer: string): void {
    const flag = members[exclusive];
    if (typeof flag !== "boolean") return;
    const isOwn = Object.hasOwn(members, bound);
    const limit = isOwn ? members[bound] : this.#target(members)?.[bound];
    if (flag && typeof limit !== "number") return;
    delete members[exclusive];
    if (flag) {
      members[exclusive] = limit ?? null;
      delete members[bound];
    }
    this.#changed(`${pointer}/${exclusive}`, `The ${exclusive} of ${flag} was ${flag ? `read as the ${bound} itself` : "left out"}.`);
  }

  /** SDF 1.0 gave numbers symbolic names: `{type: "number", enum: ["Off", "On"]}`. No number is one of them, the names are. */
  #symbols(members: Members, pointer: string): void {
    const { type, enum: symbols } = members;
    if ((type !== "number" && type !== "integer") || !Array.isArray(symbols) || symbols.length === 0) return;
    if (!symbols.every((symbol: JsonValue) => typeof symbol === "string")) return;
    delete members["type"];
    this.#changed(`${pointer}/type`, `The type was left out, since the enum has names where a ${type} has none.`);
  }

  /** SDF 1.0 listed pointers to sdfData as parameters; now they are the members of one object. */
  #parameters(members: Members, place: Place): void {
    for (const quality of ["sdfInputData", "sdfOutputData"]) {
      const list = members[quality];
      if (!Array.isArray(list) || !list.every((entry: JsonValue) => typeof entry === "string")) continue;
      const properties: Members = {};
      for (const reference of list as readonly string[]) this.#parameter(reference, properties, `${place.pointer}/${quality}`, place);
      if (Object.keys(properties).length === 0) delete members[quality];
      else members[quality] = { type: "object", properties };
      this.#changed(`${place.pointer}/${quality}`, `The list of ${quality} was read as an object with these members.`);
    }
    this.#requiredInput(members, place);
  }

  #parameter(reference: string, properties: Members, pointer: string, place: Place): void {
    const tokens = localTokens(this.#document, reference);
    const name = typeof tokens === "string" ? undefined : tokens.at(-1);
    const target = typeof tokens === "string" || name === undefined ? undefined : this.#findParameter(tokens, name, place);
    if (target === undefined) {
      this.#changed(pointer, `The parameter ${JSON.stringify(reference.slice(0, 128))} was left out, since there is no such definition.`);
      return;
    }
    properties[target.name] = { sdfRef: target.reference };
  }

  /** The definition a parameter names: where it points, or by its name (in whatever case) among the action's own. */
  #findParameter(tokens: readonly string[], name: string, place: Place): { readonly name: string; readonly reference: string } | undefined {
    if (this.#exists(tokens)) return { name, reference: `#${pointerOf(tokens)}` };
    const own = `${place.pointer}/sdfData`;
    const data = this.#at(tokensOf(own));
    const names = isJsonObject(data) ? Object.keys(data) : [];
    const found = names.includes(name) ? name : names.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    return found === undefined ? undefined : { name: found, reference: `#${own}/${pointerToken(found)}` };
  }

  #requiredInput(members: Members, { pointer }: Place): void {
    const { sdfRequiredInputData: required, sdfInputData: input } = members;
    if (!Array.isArray(required) || !isJsonObject(input)) return;
    const [own, inherited] = [input["properties"], this.#target(input)?.["properties"]];
    const properties = { ...(isJsonObject(inherited) ? inherited : {}), ...(isJsonObject(own) ? own : {}) };
    const names = required.map((entry: JsonValue) => (typeof entry === "string" ? lastToken(entry) : ""));
    if (!names.every((name) => Object.hasOwn(properties, name))) return;
    delete members["sdfRequiredInputData"];
    if (names.length > 0) members["sdfInputData"] = { ...input, required: [...new Set(names)] };
    this.#changed(`${pointer}/sdfRequiredInputData`, "The sdfRequiredInputData of SDF 1.0 was read as required of the sdfInputData.");
  }

  /** What a definition's sdfRef names in this document as it was written. */
  #target({ sdfRef }: JsonObject): JsonObject | undefined {
    const tokens = typeof sdfRef === "string" ? localTokens(this.#document, sdfRef) : "";
    const target = typeof tokens === "string" ? undefined : this.#at(tokens);
    return isJsonObject(target) ? target : undefined;
  }

  #references(list: readonly JsonValue[], place: Place): JsonValue {
    const before = this.#changeCount;
    const upgraded = list.map((entry, index) =>
      typeof entry === "string" && entry.includes("#") ? this.#reference(entry, { ...place, pointer: `${place.pointer}/${index}` }) : entry,
    );
    return this.#changeCount === before ? list : upgraded;
  }

  /** A pointer as RFC 9880 has it: from the document on, in today's names. One that leads somewhere already stays as it is. */
  #reference(reference: string, { pointer, groups }: Place): string {
    const tokens = localTokens(this.#document, reference);
    if (typeof tokens === "string") return reference;
    // A name with a prefix is global: another document may have it.
    const isGlobal = !reference.startsWith("#");
    const found = isGlobal || this.#exists(tokens) ? tokens : this.#rebase(tokens, groups, pointer);
    const renamed = (found ?? tokens).map((token) => (token === "sdfProduct" ? "sdfThing" : token === "sdfEnum" ? "sdfChoice" : token));
    const result = pointerOf(renamed);
    if (result === pointerOf(tokens)) return reference;
    this.#changed(pointer, `The pointer was read as #${result.slice(0, 200)}.`);
    return `${reference.slice(0, reference.indexOf("#"))}#${result}`;
  }

  /** From the innermost group around it, or without the name of a group that is nowhere in the document (one that was renamed). */
  #rebase(tokens: readonly string[], groups: readonly string[], from: string): readonly string[] | undefined {
    const isLost = (tokens[0] === "sdfObject" || tokens[0] === "sdfThing") && tokens.length > 2 && !this.#exists(tokens.slice(0, 2));
    if (this.#stepsLeft < 0) return undefined;
    for (const rest of isLost ? [tokens, tokens.slice(2)] : [tokens]) {
      for (const group of groups) {
        const candidate = [...tokensOf(group), ...rest];
        if (this.#exists(candidate) && !from.startsWith(`${pointerOf(candidate)}/sdfRef`)) return candidate;
      }
    }
    return undefined;
  }

  #exists(tokens: readonly string[]): boolean {
    return this.#at(tokens) !== undefined;
  }

  /** Undefined as well once the budget is used up: pointers that lead nowhere, deep in groups, would cost groups times pointers. */
  #at(tokens: readonly string[]): JsonValue | undefined {
    let node: JsonValue | undefined = this.#document;
    for (const token of tokens) {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft < 0 || !isJsonObject(node) || !Object.hasOwn(node, token)) return undefined;
      node = node[token];
    }
    return node;
  }
}

/** Gives a member another name and keeps its place among the others out of account. */
function rename(members: Members, from: string, to: string): void {
  members[to] = members[from] ?? null;
  delete members[from];
}

function tokensOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function lastToken(reference: string): string {
  return tokensOf(`/${reference.slice(reference.lastIndexOf("/") + 1)}`)[0] ?? "";
}
