import type { DataSchema } from "../../schema.ts";

/** Where the terms `sdf:…` are explained, which say what Thing Descriptions have no word for. */
export const sdfTerms = "https://www.rfc-editor.org/rfc/rfc9880#";

/** Texts of the information block that a Thing Model keeps under `sdf:`. */
export const infoTerms = ["title", "copyright", "license"] as const;

/** Qualities with the same name and meaning in a DataSchema. */
export const sameTerms = [
  "unit",
  "const",
  "default",
  "enum",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minItems",
  "maxItems",
  "required",
] as const satisfies readonly (keyof DataSchema)[];
