import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject, PlatformError } from "@mooring/contracts";
import { type Affordance, listAffordances } from "./affordances.ts";
import type { Checkers } from "./check.ts";
import { leaveOutDangling } from "./dangling.ts";
import { type Finding, Findings, hasErrors } from "./findings.ts";
import { canonicalForm } from "./form.ts";
import { limits } from "./limits.ts";
import { checkLiterals, type PlacedSchema } from "./literals.ts";
import type { CompiledModel, EventModel, ModelData, PropertyModel, ServiceModel } from "./model.ts";
import { checkSyntax, type ParsedSdf, parseSdf, type SdfDocument } from "./parse.ts";
import { checkRequired } from "./required.ts";
import { type ResolvedSdf, resolveSdf } from "./resolve.ts";
import { type DataSchema, SchemaBuilder } from "./schema.ts";
import { buildUnused } from "./unused.ts";
import { createValidators } from "./validate.ts";

export interface CheckedModel {
  /** Missing when there is an error finding. */
  readonly model: CompiledModel | undefined;
  /** Of all steps; errors first. */
  readonly findings: readonly Finding[];
  /** What an older spelling was read as; these warnings are among the findings too. */
  readonly changes: readonly Finding[];
  /** The document in the spelling of RFC 9880, unresolved; missing when the text is not a JSON object. */
  readonly document: SdfDocument | undefined;
}

/**
 * Parses, resolves and compiles an SDF text in one go; never throws. Time and memory are bounded by `limits`. `imports` are the texts of
 * other documents whose definitions it may refer to by their global names; only what is referred to becomes part of the model.
 *
 * A model that was published is immutable and has been looked at by the release it was published with. With `isPublished` it is compiled without
 * what its writer is told beyond that (required.ts, literals.ts, unused.ts, ranges without a whole number): a check that came later does not
 * take it from its devices.
 */
export function checkModel(text: string, imports: readonly string[] = [], { isPublished = false } = {}): CheckedModel {
  const parsed = parseSdf(text);
  const { findings } = parsed;
  if (parsed.document === undefined || hasErrors(findings)) return { model: undefined, ...parsed };
  const all = new Findings();
  all.append(findings);
  const documents = parseImports(imports, all);
  if (documents === undefined) return { model: undefined, ...parsed, findings: all.list() };
  const { document, changes, resolved } = resolveAsOld(parsed, documents);
  all.append(changes.slice(parsed.changes.length));
  const model = compileInto(resolved, all, isPublished);
  return { model, findings: all.list(), changes, document };
}

interface Resolved {
  readonly document: SdfDocument;
  readonly changes: readonly Finding[];
  readonly resolved: ResolvedSdf;
}

/** What an old document refers to and nobody has is left out; in one of RFC 9880 it is an error. */
function resolveAsOld({ document = {}, changes }: ParsedSdf, imports: readonly SdfDocument[]): Resolved {
  const resolved = resolveSdf(document, imports);
  const without = changes.length === 0 ? { document, changes: [] } : leaveOutDangling(document, resolved.findings);
  if (without.changes.length === 0) return { document, changes, resolved };
  return { document: without.document, changes: [...changes, ...without.changes], resolved: resolveSdf(without.document, imports) };
}

/** The imports' documents; undefined, with an error, when one of them is not sound or they are too many. */
function parseImports(imports: readonly string[], findings: Findings): readonly SdfDocument[] | undefined {
  const size = imports.reduce((sum, text) => sum + text.length, 0);
  if (imports.length > limits.importsMax || size > limits.documentBytesMax) {
    findings.error("", `A model may refer to ${limits.importsMax} other documents of ${limits.documentBytesMax} characters together.`);
    return undefined;
  }
  const documents: SdfDocument[] = [];
  for (const text of imports) {
    const { document, findings: found } = parseSdf(text);
    if (document === undefined || hasErrors(found)) {
      findings.error("", `A document this one refers to is not sound: ${found[0]?.pointer || "/"}: ${found[0]?.message}`);
      return undefined;
    }
    documents.push(document);
  }
  return documents;
}

/**
 * Compiles a document, whether or not `parseSdf` has checked it.
 * Throws `invalidArgument`, with the error findings as issues, when syntax, references, names, ranges or patterns do not work out.
 */
export function compileModel(document: SdfDocument): CompiledModel {
  const findings = new Findings();
  const model = compileInto(resolveSdf(document), findings, false);
  if (model === undefined) throw modelError(findings.list());
  return model;
}

function modelError(findings: readonly Finding[]): PlatformError {
  const issues = findings.filter(({ severity }) => severity === "error").map(({ pointer, message }) => ({ pointer, message }));
  return new PlatformError("invalidArgument", `the thing model has ${issues.length === 1 ? "an error" : `${issues.length} errors`}`, {
    issues,
  });
}

function compileInto(
  { document, findings: resolveFindings }: ResolvedSdf,
  findings: Findings,
  isPublished: boolean,
): CompiledModel | undefined {
  findings.append(resolveFindings);
  if (findings.hasErrors) return undefined;
  // A reference can bring in anything; only now is it seen whether it fits where it was used. Warnings were given before.
  findings.append(checkSyntax(document).filter(({ severity }) => severity === "error"));
  if (findings.hasErrors) return undefined;
  if (!isPublished) checkRequired(document, findings);
  const affordances = listAffordances(document, findings);
  for (const { name, pointer } of [...affordances.events, ...affordances.actions]) checkTopicName(name, pointer, findings);
  if (findings.hasErrors) return undefined;
  const builder = new SchemaBuilder(findings, { isPublished });
  const data: ModelData = deepFreeze({
    properties: affordances.properties.map((affordance) => toProperty(affordance, builder)),
    events: affordances.events.map((affordance) => toEvent(affordance, builder)),
    services: affordances.actions.map((affordance) => toService(affordance, builder)),
  });
  const checkers: Checkers = new Map();
  if (builder.sizeLeft >= 0 && !isPublished) checkValues(document, data, builder, checkers, findings);
  if (findings.hasErrors) return undefined;
  const form = canonicalForm(data);
  const contentHash = createHash("sha256").update(form).digest("hex");
  const validators = createValidators(data, builder.patterns, checkers);
  // The validators' closures would keep the map for the life of the model.
  checkers.clear();
  return Object.freeze({ contentHash, size: form.length, ...data, ...validators });
}

/** Events and services are called by name in topics, as one level: `thing/event/{name}/post`, `thing/service/{name}`. */
function checkTopicName(name: string, pointer: string, findings: Findings): void {
  if (/[/+#]/.test(name)) findings.error(pointer, "The name of an event or action may not hold /, + or #, since it is part of topics.");
  else if (name === "property") findings.error(pointer, 'An event or action may not be called "property", which is taken in topics.');
}

function toProperty(affordance: Affordance, builder: SchemaBuilder): PropertyModel {
  const { definition, pointer } = affordance;
  const schema = builder.build(definition, pointer);
  // All three default to true (RFC 9880 s5.2).
  return {
    ...toEntry(affordance, builder),
    schema,
    readable: definition["readable"] !== false,
    writable: definition["writable"] !== false,
    observable: definition["observable"] !== false,
    ...(schema.unit === undefined ? {} : { unit: schema.unit }),
  };
}

function toEvent(affordance: Affordance, builder: SchemaBuilder): EventModel {
  return { ...toEntry(affordance, builder), ...toData(affordance, "sdfOutputData", "output", builder) };
}

function toService(affordance: Affordance, builder: SchemaBuilder): ServiceModel {
  return {
    ...toEntry(affordance, builder),
    ...toData(affordance, "sdfInputData", "input", builder),
    ...toData(affordance, "sdfOutputData", "output", builder),
  };
}

function toEntry({ name, pointer, required, definition }: Affordance, builder: SchemaBuilder) {
  const { label, description } = definition;
  for (const text of [name, pointer, label, description]) if (typeof text === "string") builder.copy(text, pointer);
  return {
    name,
    pointer,
    required,
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof description === "string" ? { description } : {}),
  };
}

function toData<Name extends string>(affordance: Affordance, quality: string, name: Name, builder: SchemaBuilder) {
  const qualities: JsonObject[string] | undefined = affordance.definition[quality];
  if (!isJsonObject(qualities)) return {};
  return { [name]: builder.build(qualities, `${affordance.pointer}/${quality}`) } as Record<Name, DataSchema>;
}

/** What the literals of the model are beside its other qualities, and everything about definitions that it has no use for. */
function checkValues(document: SdfDocument, data: ModelData, builder: SchemaBuilder, checkers: Checkers, findings: Findings): void {
  checkLiterals(schemasOf(data), builder.patterns, checkers, findings);
  const unused = buildUnused(document, builder, findings);
  checkLiterals(unused.schemas, unused.builder.patterns, new Map(), findings);
}

function schemasOf({ properties, events, services }: ModelData): readonly PlacedSchema[] {
  const placed = (schema: DataSchema | undefined, pointer: string): readonly PlacedSchema[] =>
    schema === undefined ? [] : [[schema, pointer]];
  return [
    ...properties.flatMap(({ schema, pointer }) => placed(schema, pointer)),
    ...events.flatMap(({ output, pointer }) => placed(output, `${pointer}/sdfOutputData`)),
    ...services.flatMap(({ input, output, pointer }) => [
      ...placed(input, `${pointer}/sdfInputData`),
      ...placed(output, `${pointer}/sdfOutputData`),
    ]),
  ];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
