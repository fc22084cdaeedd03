import { invalidField, type JsonObject, PlatformError } from "@mooring/contracts";
import type { SdfDocument } from "../parse.ts";
import { exportAvro } from "./avro.ts";
import type { Conversion, Loss } from "./conversion.ts";
import { exportDtdl } from "./dtdl.ts";
import { exportJsonSchema } from "./json-schema.ts";
import { exportOpenApi } from "./openapi.ts";
import type { FieldNumbers } from "./proto/field-numbers.ts";
import { exportProto } from "./proto/proto.ts";
import type { ConversionSource } from "./source.ts";
import { exportTsl } from "./tsl/export.ts";
import { importTsl } from "./tsl/import.ts";
import { exportTypeScript } from "./typescript.ts";
import { exportWotTm } from "./wot/export.ts";
import { importWotTm } from "./wot/import.ts";

/** A model's text in some format. */
export interface ExportedModel {
  readonly text: string;
  readonly mediaType: string;
  readonly losses: readonly Loss[];
  /** Of proto3 only: what was known and what was allotted now, to be kept for the next export. */
  readonly fieldNumbers?: FieldNumbers;
}

interface ExportFormat {
  readonly title: string;
  readonly mediaType: string;
  /** What a file of the format is called after the model's name. */
  readonly extension: string;
  write(source: ConversionSource, fieldNumbers: FieldNumbers): Omit<ExportedModel, "mediaType">;
}

/** Bytes of an exported text in UTF-8: with its losses it fits into a gRPC message, which holds 4 MiB. */
export const exportBytesMax = 3_500_000;
/** Above it JSON is written without indentation, which for values nested deeply is most of the text. */
const indentedCharactersMax = 500_000;

function writeJson(document: JsonObject | readonly JsonObject[]): string {
  const compact = JSON.stringify(document);
  return `${compact.length > indentedCharactersMax ? compact : JSON.stringify(document, undefined, 2)}\n`;
}

function json(convert: (source: ConversionSource) => Conversion<JsonObject | readonly JsonObject[]>): ExportFormat["write"] {
  return (source) => {
    const { document, losses } = convert(source);
    return { text: writeJson(document), losses };
  };
}

/** The formats a model can be written in. */
export const exportFormats = {
  tsl: { title: "Alibaba Cloud TSL", mediaType: "application/tsl+json", extension: ".tsl.json", write: json(exportTsl) },
  "json-schema": {
    title: "JSON Schema 2020-12",
    mediaType: "application/schema+json",
    extension: ".schema.json",
    write: json(exportJsonSchema),
  },
  "wot-tm": { title: "W3C WoT Thing Model 1.1", mediaType: "application/tm+json", extension: ".tm.json", write: json(exportWotTm) },
  openapi: {
    title: "OpenAPI 3.1 components",
    mediaType: "application/vnd.oai.openapi+json",
    extension: ".openapi.json",
    write: json(exportOpenApi),
  },
  avro: { title: "Avro schema", mediaType: "application/vnd.apache.avro+json", extension: ".avsc", write: json(exportAvro) },
  proto: {
    title: "Protocol Buffers (proto3)",
    mediaType: "text/x-protobuf",
    extension: ".proto",
    write: (source, known) => {
      const { document, losses, fieldNumbers } = exportProto(source, known);
      return { text: document, losses, fieldNumbers };
    },
  },
  typescript: {
    title: "TypeScript types",
    mediaType: "text/x-typescript",
    extension: ".ts",
    write: (source) => {
      const { document, losses } = exportTypeScript(source);
      return { text: document, losses };
    },
  },
  dtdl: { title: "DTDL v3", mediaType: "application/dtdl+json", extension: ".dtdl.json", write: json(exportDtdl) },
} as const satisfies Readonly<Record<string, ExportFormat>>;

export type ExportFormatName = keyof typeof exportFormats;
export const exportFormatNames = Object.keys(exportFormats) as readonly ExportFormatName[];

/** The formats beside SDF that a model can be read from. */
export const importFormats = {
  tsl: { title: "Alibaba Cloud TSL", mediaType: "application/tsl+json", read: importTsl },
  "wot-tm": { title: "W3C WoT Thing Model 1.1", mediaType: "application/tm+json", read: importWotTm },
} as const satisfies Readonly<Record<string, { title: string; mediaType: string; read(text: string): Conversion<SdfDocument> }>>;

export type ImportFormatName = keyof typeof importFormats;
export const importFormatNames = Object.keys(importFormats) as readonly ImportFormatName[];

/** Writes a model in a format. Throws `invalidArgument` for a format there is not, and for a model the format cannot be trusted with. */
export function exportModel(source: ConversionSource, format: string, fieldNumbers: FieldNumbers = {}): ExportedModel {
  if (!Object.hasOwn(exportFormats, format)) throw invalidField("/format", `must be one of ${exportFormatNames.join(", ")}`);
  const { write, mediaType } = exportFormats[format as ExportFormatName];
  const written = write(source, fieldNumbers);
  if (Buffer.byteLength(written.text) > exportBytesMax) {
    throw new PlatformError("invalidArgument", `the model has more than ${exportBytesMax} bytes when written as ${format}`);
  }
  return { ...written, mediaType };
}

/** Reads a text of another format as SDF. Throws `invalidArgument` with an issue for each member that is wrong. */
export function importModel(text: string, format: string): Conversion<SdfDocument> {
  if (!Object.hasOwn(importFormats, format)) throw invalidField("/format", `must be one of sdf, ${importFormatNames.join(", ")}`);
  return importFormats[format as ImportFormatName].read(text);
}
