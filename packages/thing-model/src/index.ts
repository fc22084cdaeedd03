export { canonicalJson } from "./canonical.ts";
export { compareModels, type Direction, type ModelChange } from "./compare.ts";
export { type CheckedModel, checkModel, compileModel } from "./compile.ts";
export type { Conversion, Loss } from "./convert/conversion.ts";
export {
  type ExportedModel,
  exportFormatNames,
  exportFormats,
  exportModel,
  importFormatNames,
  importFormats,
  importModel,
} from "./convert/formats.ts";
export { lossTables } from "./convert/losses.ts";
export { type FieldNumbers, parseFieldNumbers } from "./convert/proto/field-numbers.ts";
export { type ConversionSource, readSource } from "./convert/source.ts";
export type { FieldError } from "./explain.ts";
export { type Finding, hasErrors } from "./findings.ts";
export { limits } from "./limits.ts";
export type { CompiledModel, EventModel, PropertyModel, PropertyReport, ServiceModel } from "./model.ts";
export { createModelDirectory, type ModelDirectory, type ModelDirectoryDeps, type ProductModel } from "./model-directory.ts";
export { type ParsedSdf, parseSdf, type SdfDocument } from "./parse.ts";
export { hasDefinition, namespaceOf, type WantedName, wantedNames } from "./reference.ts";
export { type ResolvedSdf, resolveSdf } from "./resolve.ts";
export type { DataSchema, DataType, SchemaChoice } from "./schema.ts";
export { type Unit, unitProblem, units } from "./units.ts";
export { type UpgradedSdf, upgradeSdf } from "./upgrade.ts";
