import type { ModelData } from "../model.ts";
import type { DataSchema } from "../schema.ts";

/** Something the target format has no words for. */
export interface Loss {
  /** JSON pointer (RFC 6901) into what was converted. */
  readonly pointer: string;
  /** One sentence, out of the format's table in losses.ts. */
  readonly sentence: string;
}

export interface Conversion<Document> {
  readonly document: Document;
  /** At most `lossesMax`, each pointer and sentence once, in the order found. */
  readonly losses: readonly Loss[];
}

/** What a format loses: kind of loss to the sentence that says so. */
export type LossTable = Readonly<Record<string, string>>;

/** A writer mends the first ones; the last says that there are more. */
export const lossesMax = 500;

/** Kinds of loss that follow from a quality's being there, and the qualities they are about. The other kinds are found by each converter. */
const lossQualities: Readonly<Record<string, readonly (keyof DataSchema)[]>> = {
  minimum: ["minimum"],
  maximum: ["maximum"],
  exclusiveRange: ["exclusiveMinimum", "exclusiveMaximum"],
  multipleOf: ["multipleOf"],
  minLength: ["minLength"],
  maxLength: ["maxLength"],
  pattern: ["pattern"],
  format: ["format"],
  minItems: ["minItems"],
  maxItems: ["maxItems"],
  uniqueItems: ["uniqueItems"],
  required: ["required"],
  nullable: ["nullable"],
  default: ["default"],
  const: ["const"],
  unit: ["unit"],
  sdfType: ["sdfType"],
  contentFormat: ["contentFormat"],
};

/** Collects the losses of one conversion. */
export class Losses<Table extends LossTable> {
  readonly #table: Table;
  readonly #list: Loss[] = [];
  readonly #seen = new Set<string>();

  constructor(table: Table) {
    this.#table = table;
  }

  get list(): readonly Loss[] {
    return this.#list;
  }

  add(kind: keyof Table & string, pointer: string): void {
    const sentence = this.#table[kind];
    // Minimum and maximum are often lost in the same words.
    const key = `${pointer} ${sentence}`;
    if (sentence === undefined || this.#seen.has(key) || this.#list.length >= lossesMax) return;
    this.#seen.add(key);
    if (this.#list.length === lossesMax - 1) this.#list.push({ pointer: "", sentence: "There are more losses than are listed." });
    else this.#list.push({ pointer, sentence });
  }

  /** Adds what follows from how properties, events and services are declared. */
  addDeclarations({ properties, events, services }: ModelData): void {
    for (const { pointer, observable, readable, writable } of properties) {
      if (!observable) this.#addIfListed("observable", pointer);
      if (!readable) this.#addIfListed("writeOnly", pointer);
      if (!writable) this.#addIfListed("readOnly", pointer);
    }
    for (const { pointer, required } of [...properties, ...events, ...services]) if (required) this.#addIfListed("sdfRequired", pointer);
  }

  /** Adds that a schema's label and description are not written, where they are not. */
  addTexts({ label, description }: DataSchema, pointer: string): void {
    if (label !== undefined || description !== undefined) this.#addIfListed("texts", pointer);
  }

  #addIfListed(kind: string, pointer: string): void {
    if (Object.hasOwn(this.#table, kind)) this.add(kind, pointer);
  }

  /** Adds what follows from the schema's own qualities; the parts inside it are the caller's to walk. */
  addQualities(schema: DataSchema, pointer: string): void {
    for (const [kind, names] of Object.entries(lossQualities)) {
      if (names.some((name) => schema[name] !== undefined)) this.#addIfListed(kind, pointer);
    }
  }
}
