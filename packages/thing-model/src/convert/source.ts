import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { checkModel } from "../compile.ts";
import type { CompiledModel } from "../model.ts";
import { parseSdf, type SdfDocument } from "../parse.ts";
import { resolveSdf } from "../resolve.ts";

/** A model as converters take it. */
export interface ConversionSource {
  /** What the model is called where the target needs a name: the registry's name, or a file's. */
  readonly name: string;
  readonly version: string;
  readonly model: CompiledModel;
  /** The document without references; for what the compiled form leaves out. */
  readonly document: SdfDocument;
}

/** What a text alone does not say of a model. `imports` are the texts of the documents it refers to by global names. */
export interface SourceContext {
  readonly name: string;
  readonly version: string;
  readonly imports?: readonly string[];
  /** See checkModel. */
  readonly isPublished?: boolean;
}

/** Reads an SDF text for conversion. Throws `invalidArgument` with every error finding as an issue. */
export function readSource(text: string, { name, version, imports = [], isPublished = false }: SourceContext): ConversionSource {
  const { model, findings, document } = checkModel(text, imports, { isPublished });
  if (model === undefined || document === undefined) {
    const issues = findings.filter(({ severity }) => severity === "error").map(({ pointer, message }) => ({ pointer, message }));
    throw new PlatformError("invalidArgument", `the thing model is not valid: ${issues[0]?.pointer || "/"}: ${issues[0]?.message}`, {
      issues,
    });
  }
  // All of them are sound, or there would be no model.
  const imported = imports.map((other) => parseSdf(other).document).filter((other) => other !== undefined);
  return { name, version, model, document: resolveSdf(document, imported).document };
}

/** The definition a pointer of the compiled form leads to. */
export function definitionAt(document: SdfDocument, pointer: string): JsonObject {
  let node: JsonValue | undefined = document;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    node = isJsonObject(node) && Object.hasOwn(node, name) ? node[name] : undefined;
  }
  return isJsonObject(node) ? node : {};
}

/** A named part of a definition, empty where there is none. */
export function partOf(definition: JsonObject, ...names: readonly string[]): JsonObject {
  let node: JsonValue | undefined = definition;
  for (const name of names) node = isJsonObject(node) && Object.hasOwn(node, name) ? node[name] : undefined;
  return isJsonObject(node) ? node : {};
}

/** A text of the information block. */
export function infoText(document: SdfDocument, name: "title" | "description" | "version" | "license" | "copyright"): string | undefined {
  const text = partOf(document, "info")[name];
  return typeof text === "string" ? text : undefined;
}
