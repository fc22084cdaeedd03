import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { type Finding, Findings } from "./findings.ts";
import { parseJson, pointerToken } from "./json.ts";
import { limits } from "./limits.ts";
import { checkInfo, type DefinitionKind, documentGroups, type QualityRule, qualities, reportUnknownQuality } from "./qualities.ts";
import { upgradeSdf } from "./upgrade.ts";

/** An SDF document in the spelling of RFC 9880: strict JSON, an object, unresolved. */
export type SdfDocument = JsonObject;

export interface ParsedSdf {
  /** Missing only when the text is not a JSON object at all. With error findings it is for showing, not for compiling. */
  readonly document: SdfDocument | undefined;
  readonly findings: readonly Finding[];
  /** What was read as if RFC 9880 had written it (upgrade.ts); these warnings are among the findings too. */
  readonly changes: readonly Finding[];
}

/**
 * Reads an SDF document, spelled as in RFC 9880 or in SDF 1.0 and 1.1, and checks its syntax: RFC 9880's framework syntax, where an unknown quality is a warning and a known one
 * with a wrong value an error. References are resolved by `resolveSdf`, what qualities mean together is checked by `compileModel`.
 * Never throws; at most `limits.findingsMax` findings, errors first.
 */
export function parseSdf(text: string): ParsedSdf {
  const result = parseJson(text);
  if ("problem" in result) return { document: undefined, findings: [{ severity: "error", ...result.problem }], changes: [] };
  if (!isJsonObject(result.value)) {
    const finding = { severity: "error", pointer: "", message: "An SDF document must be a JSON object." } as const;
    return { document: undefined, findings: [finding], changes: [] };
  }
  const { document, changes } = upgradeSdf(result.value);
  const findings = new Findings();
  findings.append(changes);
  checkDocument(document, findings);
  return { document, findings: findings.list(), changes };
}

/** The syntax check alone; for a resolved document too, whose groups are shared: each is looked at once for each kind it is used as. */
export function checkSyntax(document: SdfDocument): readonly Finding[] {
  const findings = new Findings();
  checkDocument(document, findings);
  return findings.list();
}

function checkDocument(document: JsonObject, findings: Findings): void {
  const namespace = document["namespace"];
  const prefixes = new Set(isJsonObject(namespace) ? Object.keys(namespace) : []);
  const progress: Progress = { seen: new Map(), affordances: 0, prefixes };
  for (const [name, value] of Object.entries(document)) {
    const pointer = `/${pointerToken(name)}`;
    const rule = Object.hasOwn(documentGroups, name) ? documentGroups[name] : undefined;
    if (rule !== undefined) checkQuality(rule, value, { pointer, patches: false, findings, progress });
    else if (name === "info") checkInfo(value, findings, prefixes);
    else if (name === "namespace") checkNamespace(value, findings);
    else if (name === "defaultNamespace") checkDefaultNamespace(document, findings);
    else if (name !== "$comment") reportUnknownQuality(name, pointer, findings, prefixes);
    if (findings.isFull) return;
  }
  if (!Object.keys(documentGroups).some((name) => Object.hasOwn(document, name))) {
    findings.warning("", "The document defines nothing: it has no sdfThing, sdfObject, sdfProperty, sdfAction, sdfEvent or sdfData.");
  }
}

/** Namespaces block, RFC 9880 s3.2. */
function checkNamespace(value: JsonValue, findings: Findings): void {
  if (!isJsonObject(value)) {
    findings.error("/namespace", "The namespaces must be an object of prefixes and URIs.");
    return;
  }
  for (const [prefix, uri] of Object.entries(value)) {
    const pointer = `/namespace/${pointerToken(prefix)}`;
    if (typeof uri !== "string" || !URL.canParse(uri)) findings.error(pointer, "A namespace must be an absolute URI.");
    else if (uri.includes("#") && !uri.endsWith("#"))
      findings.warning(pointer, "A namespace should have no fragment, since names are appended as one.");
    if (findings.isFull) return;
  }
}

function checkDefaultNamespace(document: JsonObject, findings: Findings): void {
  const { defaultNamespace, namespace } = document;
  if (typeof defaultNamespace !== "string") {
    findings.error("/defaultNamespace", "The default namespace must be a string.");
    return;
  }
  if (!isJsonObject(namespace) || !Object.hasOwn(namespace, defaultNamespace)) {
    findings.error("/defaultNamespace", "The default namespace is not one of the prefixes under namespace.");
  }
}

interface Place {
  readonly pointer: string;
  /** True inside a definition with sdfRef, whose members are a merge patch and so may be null (RFC 7396). */
  readonly patches: boolean;
  readonly findings: Findings;
  readonly progress: Progress;
}

interface Progress {
  /** Groups of definitions by the kind, and lists by the rule, that they were already checked for. */
  readonly seen: Map<DefinitionKind | QualityRule, Set<object>>;
  affordances: number;
  /** Declared under namespace. */
  readonly prefixes: ReadonlySet<string>;
}

/** Notes that a value is checked for something; false when it was before. Parts of a resolved document are shared by many definitions. */
function isFirst(purpose: DefinitionKind | QualityRule, value: object, { progress }: Place): boolean {
  const values = progress.seen.get(purpose) ?? new Set();
  if (values.has(value)) return false;
  progress.seen.set(purpose, values.add(value));
  return true;
}

/** Counts a group's affordances; false, with an error, once there are too many. */
function countAffordances(kind: DefinitionKind, group: JsonObject, { pointer, findings, progress }: Place): boolean {
  if (kind === "property" || kind === "action" || kind === "event") progress.affordances += Object.keys(group).length;
  if (progress.affordances <= limits.affordancesMax) return true;
  findings.error(pointer, `A model may have at most ${limits.affordancesMax} properties, actions and events.`);
  return false;
}

function checkQuality(rule: QualityRule, value: JsonValue, place: Place): void {
  if (value === null && place.patches) return;
  if (rule.form === "value") {
    if (typeof value !== "object" || value === null || isFirst(rule, value, place)) rule.check(value, place.pointer, place.findings);
    return;
  }
  if (rule.form === "single") {
    checkDefinition(rule.kind, value, place);
    return;
  }
  if (!isJsonObject(value)) {
    place.findings.error(place.pointer, "The value must be an object of named definitions.");
    return;
  }
  if (!isFirst(rule.kind, value, place) || !countAffordances(rule.kind, value, place)) return;
  for (const name of Object.keys(value)) {
    const pointer = `${place.pointer}/${pointerToken(name)}`;
    checkName(name, pointer, place.findings);
    const definition = value[name] ?? null;
    if (definition !== null || !place.patches) checkDefinition(rule.kind, definition, { ...place, pointer });
    if (place.findings.isFull) return;
  }
}

const UNPRINTABLE = /\p{Cc}/u;

function checkName(name: string, pointer: string, findings: Findings): void {
  if (name === "") findings.error(pointer, "A definition must have a name.");
  else if (name.length > limits.nameLengthMax) findings.error(pointer, `A name may be at most ${limits.nameLengthMax} characters long.`);
  else if (UNPRINTABLE.test(name)) findings.error(pointer, "A name may not hold control characters.");
  else if (/[:#]/.test(name)) findings.warning(pointer, "A name with : or # cannot be referred to by name alone.");
}

function checkDefinition(kind: DefinitionKind, value: JsonValue, place: Place): void {
  const { pointer, findings } = place;
  if (!isJsonObject(value)) {
    findings.error(pointer, "A definition must be an object.");
    return;
  }
  const inner = { ...place, patches: place.patches || typeof value["sdfRef"] === "string" };
  const table = qualities[kind];
  for (const name of Object.keys(value)) {
    const at = `${pointer}/${pointerToken(name)}`;
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    if (rule === undefined) reportUnknownQuality(name, at, findings, place.progress.prefixes);
    // A sdfRef of null would be a patch that removes a reference, which RFC 9880 s4.4 gives no meaning.
    else checkQuality(rule, value[name] ?? null, { ...inner, patches: inner.patches && name !== "sdfRef", pointer: at });
    if (findings.isFull) return;
  }
  if (Object.hasOwn(value, "enum") && Object.hasOwn(value, "sdfChoice")) {
    findings.error(pointer, "A definition may have enum or sdfChoice, not both.");
  }
}
