import { type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { pointerToken } from "../json.ts";
import type { EventModel, ServiceModel } from "../model.ts";
import type { DataSchema } from "../schema.ts";
import { type Conversion, Losses } from "./conversion.ts";
import { lossTables } from "./losses.ts";
import { nameAllotter } from "./names.ts";
import { type ConversionSource, infoText } from "./source.ts";
import { hasMixedShape, typeOfValues } from "./types.ts";

/**
 * Writes a model as an Avro schema: a union of records, `Properties` and one for the data of each event and service. A record's or
 * field's `sdfName` is the name on the wire; a string with `"sdfEncoding": "json"` holds a value as JSON text, where Avro has no type.
 * Throws `invalidArgument` for a list whose items would take no bytes: a reader of such data can be made to count without end.
 */
export function exportAvro(source: ConversionSource): Conversion<readonly JsonObject[]> {
  const writer = new AvroWriter(source);
  return { document: writer.writeModel(), losses: writer.losses.list };
}

interface Member {
  readonly name: string;
  readonly pointer: string;
  readonly schema: DataSchema;
  readonly required: boolean;
}

/** A type is named after the way to it, which is as long as values are deep; what is cut is told apart by a number. */
const typeNameMax = 100;
const SYMBOL = /^[A-Za-z_][A-Za-z0-9_]*$/;
const spell = (name: string) => (/^[A-Za-z_]/.test(name) ? name : `_${name}`);
const jsonText: JsonObject = { type: "string", sdfEncoding: "json" };

class AvroWriter {
  readonly losses = new Losses(lossTables.avro);
  readonly #source: ConversionSource;
  readonly #namespace: string;
  readonly #typeName = nameAllotter(/[^A-Za-z0-9_]/g);

  constructor(source: ConversionSource) {
    this.#source = source;
    this.#namespace = `mooring.model.${spell(source.name.replaceAll(/[^A-Za-z0-9_]/g, "_"))}`;
  }

  writeModel(): readonly JsonObject[] {
    const { properties, events, services } = this.#source.model;
    this.losses.addDeclarations(this.#source.model);
    const members = properties.map(({ name, pointer, schema }) => ({ name, pointer, schema, required: false }));
    const description = infoText(this.#source.document, "description");
    const report = this.#record("Properties", members);
    return [
      description === undefined ? report : { ...report, doc: description },
      ...events.map((event) => this.#data(event, "Event", event.output, "sdfOutputData")),
      ...services.flatMap((service) => [
        this.#data(service, "Input", service.input, "sdfInputData"),
        this.#data(service, "Output", service.output, "sdfOutputData"),
      ]),
    ];
  }

  #data(entry: EventModel | ServiceModel, kind: "Event" | "Input" | "Output", schema: DataSchema | undefined, quality: string): JsonObject {
    const type = `${kind}_${entry.name}`;
    const pointer = `${entry.pointer}/${quality}`;
    const named = { sdfName: entry.name, ...docOf(entry) };
    if (schema !== undefined) this.losses.addTexts(schema, pointer);
    if (schema?.type === "object" && schema.properties !== undefined && schema.nullable !== true && !hasMixedShape(schema)) {
      this.losses.addQualities(schema, pointer);
      return { ...this.#record(type, membersOf(schema, pointer)), ...named };
    }
    if (schema !== undefined) this.losses.add("bare", pointer);
    const members = schema === undefined ? [] : [{ name: "value", pointer, schema, required: true }];
    return { ...this.#record(type, members), ...named };
  }

  #record(type: string, members: readonly Member[]): JsonObject {
    const name = this.#typeName(type);
    const fieldName = nameAllotter(/[^A-Za-z0-9_]/g);
    const fields = members.map(({ name: sdfName, schema, pointer, required }) => {
      return {
        name: fieldName(spell(sdfName)),
        ...this.#fieldType(schema, { pointer, name: `${name}_${sdfName}`.slice(0, typeNameMax) }, required),
        sdfName,
        ...docOf(schema),
      };
    });
    return { type: "record", name, namespace: this.#namespace, fields };
  }

  /** A member that may be left out is null then; so one that may be null as well cannot be told from it. */
  #fieldType(schema: DataSchema, place: Place, required: boolean): JsonObject {
    if (required) return { type: this.#type(schema, place) };
    if (schema.nullable === true) this.losses.add("optionalNull", place.pointer);
    return { type: ["null", this.#bareType(schema, place)], default: null };
  }

  #type(schema: DataSchema, place: Place): JsonValue {
    const type = this.#bareType(schema, place);
    return schema.nullable === true ? ["null", type] : type;
  }

  #bareType(schema: DataSchema, place: Place): JsonValue {
    const { pointer } = place;
    this.losses.addQualities(schema, pointer);
    const symbols = symbolsOf(schema);
    if (symbols !== undefined) return { type: "enum", name: this.#typeName(place.name), namespace: this.#namespace, symbols };
    if (schema.choices !== undefined || schema.enum !== undefined) this.losses.add("choices", pointer);
    const type = hasMixedShape(schema) ? undefined : typeOfValues(schema);
    switch (type) {
      case "integer":
        this.losses.add("integer", pointer);
        return "long";
      case "number":
        return "double";
      case "string":
      case "boolean":
        return type;
      case "array":
        if (schema.items !== undefined) return this.#listType(schema.items, place);
        break;
      case "object":
        if (schema.properties !== undefined) return this.#record(place.name, membersOf(schema, pointer));
    }
    this.losses.add("json", pointer);
    return jsonText;
  }

  #listType(item: DataSchema, { pointer, name }: Place): JsonObject {
    const at = `${pointer}/items`;
    this.losses.addTexts(item, at);
    const items = this.#type(item, { pointer: at, name: `${name}_Item`.slice(0, typeNameMax) });
    if (isZeroSize(items)) {
      const message = "an item of this list would take no bytes in Avro, so that a few bytes could stand for any number of items";
      throw new PlatformError("invalidArgument", `${at}: ${message}`, { issues: [{ pointer: at, message }] });
    }
    return { type: "array", items };
  }
}

function docOf({ label, description }: { readonly label?: string; readonly description?: string }): JsonObject {
  const texts = [label, description].filter((text) => text !== undefined && text !== "");
  return texts.length === 0 ? {} : { doc: texts.join(": ") };
}

interface Place {
  readonly pointer: string;
  /** What a named type here is called. */
  readonly name: string;
}

/** Texts to choose from, where all can be an Avro enum's. */
function symbolsOf(schema: DataSchema): readonly string[] | undefined {
  const values = schema.enum ?? schema.choices?.map((choice) => choice.schema.const);
  const isSymbol = (value: JsonValue | undefined): value is string => typeof value === "string" && SYMBOL.test(value);
  return values?.every(isSymbol) && new Set(values).size === values.length ? values : undefined;
}

function membersOf({ properties = {}, required = [] }: DataSchema, pointer: string): readonly Member[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    pointer: `${pointer}/properties/${pointerToken(name)}`,
    required: required.includes(name),
  }));
}

/** A record of nothing, or of nothing but such records. A union takes a byte, for its branch. */
function isZeroSize(type: JsonValue): boolean {
  if (typeof type !== "object" || type === null || Array.isArray(type)) return type === "null";
  const { fields } = type as JsonObject;
  return Array.isArray(fields) && fields.every((field: JsonObject) => isZeroSize(field["type"] ?? null));
}
