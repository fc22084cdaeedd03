import { pointerToken } from "../../json.ts";
import type { EventModel, ServiceModel } from "../../model.ts";
import type { DataSchema } from "../../schema.ts";
import { type Conversion, Losses } from "../conversion.ts";
import { lossTables } from "../losses.ts";
import type { ConversionSource } from "../source.ts";
import { hasMixedShape, typeOfValues } from "../types.ts";
import { type FieldNumbers, NumberAllotment } from "./field-numbers.ts";

export interface ProtoConversion extends Conversion<string> {
  /** What was known and what was allotted now: to be kept with the model and given to the next export. */
  readonly fieldNumbers: FieldNumbers;
}

/**
 * Writes a model as a proto3 file: a message `Properties`, and one for the data of each event and each service's input and output.
 * Each field's `json_name` is its name on the wire. `known` are the numbers earlier exports of any version allotted: they are kept.
 */
export function exportProto(source: ConversionSource, known: FieldNumbers): ProtoConversion {
  const writer = new ProtoWriter(source, new NumberAllotment(known));
  writer.writeModel();
  return { document: writer.text(), losses: writer.losses.list, fieldNumbers: writer.numbers.toJson() };
}

interface Member {
  readonly name: string;
  readonly pointer: string;
  readonly schema: DataSchema;
  readonly comment?: string | undefined;
}

interface FieldType {
  readonly type: string;
  readonly label: "" | "optional " | "repeated ";
  /** What the field's identity says of its type: the names of messages may change. */
  readonly identity: string;
}

const VALUE: FieldType = { type: "google.protobuf.Value", label: "", identity: "value" };
const LIST: FieldType = { type: "google.protobuf.ListValue", label: "", identity: "list" };
const scalars: Readonly<Record<string, string>> = { integer: "int64", number: "double", string: "string", boolean: "bool" };

class ProtoWriter {
  readonly losses = new Losses(lossTables.proto);
  readonly numbers: NumberAllotment;
  readonly #source: ConversionSource;
  readonly #messages: string[] = [];
  readonly #messageNames = new Set<string>();

  constructor(source: ConversionSource, numbers: NumberAllotment) {
    this.#source = source;
    this.numbers = numbers;
  }

  text(): string {
    const name = this.#source.name
      .replaceAll(/[^A-Za-z0-9]+/g, "_")
      .replaceAll(/^_+|_+$/g, "")
      .toLowerCase();
    const head = [
      `// The thing model ${oneLine(this.#source.name)} ${oneLine(this.#source.version)}. Made from the model; field numbers are allotted once.`,
      'syntax = "proto3";',
      "",
      `package mooring.model.${/^[a-z]/.test(name) ? name : `m_${name}`};`,
      "",
      'import "google/protobuf/struct.proto";',
    ];
    return `${[head.join("\n"), ...this.#messages].join("\n\n")}\n`;
  }

  writeModel(): void {
    const { properties, events, services } = this.#source.model;
    this.losses.addDeclarations(this.#source.model);
    const asMember = ({ name, pointer, schema, label, description }: (typeof properties)[number]): Member => ({
      name,
      pointer,
      schema,
      comment: commentOf({ label, description }),
    });
    this.#message("properties", "Properties", properties.map(asMember));
    for (const event of events) this.#data(event, "event", event.output, "sdfOutputData");
    for (const service of services) {
      this.#data(service, "input", service.input, "sdfInputData");
      this.#data(service, "output", service.output, "sdfOutputData");
    }
  }

  /** Data that is an object is its message; other data is the one field of a message. */
  #data(entry: EventModel | ServiceModel, kind: "event" | "input" | "output", schema: DataSchema | undefined, quality: string): void {
    const pointer = `${entry.pointer}/${quality}`;
    const path = `${kind}:${entry.name}`;
    const name = `${kind}_${entry.name}`;
    const comment = commentOf(entry);
    if (schema !== undefined) this.losses.addTexts(schema, pointer);
    if (schema?.properties !== undefined && isPlainObject(schema)) {
      this.losses.addQualities(schema, pointer);
      this.#message(path, name, membersOf(schema, pointer), comment);
      return;
    }
    if (schema !== undefined) this.losses.add("bare", pointer);
    this.#message(path, name, schema === undefined ? [] : [{ name: "value", pointer, schema }], comment);
  }

  /** Writes a message and those inside it; answers its name. */
  #message(path: string, wanted: string, members: readonly Member[], comment?: string): string {
    const message = this.#nameMessage(path, wanted);
    const place = this.#messages.push("") - 1;
    const fields = members
      .map((member) => {
        const type = this.#fieldType(member.schema, member.pointer, {
          path: `${path}/${pointerToken(member.name)}`,
          message: `${message}_${member.name}`,
        });
        return { member, type, number: this.numbers.numberOf(path, `${member.name}:${type.identity}`) };
      })
      .sort((a, b) => a.number - b.number);
    const unused = this.numbers.unused(path, new Set(fields.map(({ number }) => number)));
    const names = fieldNames(fields.map(({ member, number }) => ({ name: member.name, number })));
    const lines = fields.map(({ member, type, number }, index) => {
      const comment = member.comment === undefined || member.comment === "" ? "" : `  // ${oneLine(member.comment)}\n`;
      // Written like an extension's name it would be one (protocol buffers language, JSON mapping).
      const isJsonName = !/^\[.*\]$/.test(member.name);
      if (!isJsonName) this.losses.add("jsonName", member.pointer);
      return `${comment}  ${type.label}${type.type} ${names[index]} = ${number}${isJsonName ? ` [json_name = ${JSON.stringify(member.name)}]` : ""};\n`;
    });
    const reserved = unused.length === 0 ? "" : `  reserved ${unused.join(", ")};\n`;
    this.#messages[place] = `${comment === undefined ? "" : `// ${oneLine(comment)}\n`}message ${message} {\n${reserved}${lines.join("")}}`;
    return message;
  }

  #nameMessage(path: string, wanted: string): string {
    const number = this.numbers.numberOf("", path);
    const words = wanted.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
    const plain = words
      .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
      .join("")
      .slice(0, 100);
    const name = this.#messageNames.has(plain) ? `${plain}_${number}` : plain;
    this.#messageNames.add(name);
    return name;
  }

  #fieldType(schema: DataSchema, pointer: string, place: { readonly path: string; readonly message: string }): FieldType {
    this.losses.addQualities(schema, pointer);
    if (schema.choices !== undefined || schema.enum !== undefined) this.losses.add("choices", pointer);
    if (schema.nullable === true || hasMixedShape(schema)) {
      this.losses.add("value", pointer);
      return VALUE;
    }
    const type = typeOfValues(schema);
    const scalar = scalars[type ?? ""];
    if (type === "integer") this.losses.add("integer", pointer);
    if (scalar !== undefined) return { type: scalar, label: "optional ", identity: scalar };
    if (type === "array") return this.#listType(schema, pointer, place);
    if (type !== "object") {
      if (type === undefined) this.losses.add("value", pointer);
      return VALUE;
    }
    if (schema.properties === undefined) return { type: "google.protobuf.Struct", label: "", identity: "struct" };
    return { type: this.#message(place.path, place.message, membersOf(schema, pointer)), label: "", identity: "message" };
  }

  #listType({ items }: DataSchema, pointer: string, { path, message }: { readonly path: string; readonly message: string }): FieldType {
    if (items === undefined) return LIST;
    this.losses.addTexts(items, `${pointer}/items`);
    const item = this.#fieldType(items, `${pointer}/items`, { path: `${path}/[]`, message: `${message}_Item` });
    // A list of lists is not a field's type, but a list of list values is.
    if (item.label === "repeated ") this.losses.add("lists", pointer);
    if (item.label === "repeated ") return { type: "google.protobuf.ListValue", label: "repeated ", identity: "repeated list" };
    return { type: item.type, label: "repeated ", identity: `repeated ${item.identity}` };
  }
}

function isPlainObject(schema: DataSchema): boolean {
  return schema.nullable !== true && schema.choices === undefined && schema.const === undefined && schema.enum === undefined;
}

function membersOf({ properties = {} }: DataSchema, pointer: string): readonly Member[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    pointer: `${pointer}/properties/${pointerToken(name)}`,
    comment: commentOf(schema),
  }));
}

/** Names in the language's letters. Readers compare them without _ and in one case, so they differ that way too; the older field keeps its name. */
function fieldNames(fields: readonly { readonly name: string; readonly number: number }[]): readonly string[] {
  const taken = new Set<string>();
  return fields.map(({ name, number }) => {
    const words = name
      .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
      .replaceAll(/[^A-Za-z0-9]+/g, "_")
      .toLowerCase();
    const trimmed = words.replaceAll(/^_+|_+$/g, "").slice(0, 100);
    const plain = /^[a-z]/.test(trimmed) ? trimmed : `f_${trimmed}`;
    const key = (text: string) => text.replaceAll("_", "");
    let spelling = plain;
    while (taken.has(key(spelling))) spelling = `${spelling}_n${number}`;
    taken.add(key(spelling));
    return spelling;
  });
}

function commentOf({
  label,
  description,
}: {
  readonly label?: string | undefined;
  readonly description?: string | undefined;
}): string | undefined {
  const texts = [label, description].filter((text) => text !== undefined && text !== "");
  return texts.length === 0 ? undefined : texts.join(": ");
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
}
