import type { JsonObject, JsonValue } from "@mooring/contracts";
import { pointerToken } from "../json.ts";
import type { DataSchema } from "../schema.ts";
import { type Conversion, Losses } from "./conversion.ts";
import { lossTables } from "./losses.ts";
import { nameAllotter } from "./names.ts";
import { type ConversionSource, infoText } from "./source.ts";
import { hasMixedShape, typeOfValues } from "./types.ts";

/** Complex schemas may be nested five levels deep (DTDL v3, "Schemas"). */
const nestingMax = 5;
const [nameMax, textMax] = [512, 512];
const context = "dtmi:dtdl:context;3";

/**
 * Writes a model as a DTDL v3 Interface: properties, events as Telemetry, services as Commands. DTDL's names are letters, digits and _;
 * where a name on the wire is another one it is in the `comment`.
 */
export function exportDtdl(source: ConversionSource): Conversion<JsonObject> {
  return new DtdlWriter(source).write();
}

interface Place {
  readonly pointer: string;
  readonly depth: number;
}

/** A DTDL name has letters, digits and _ inside, a letter first and no _ last. */
function spell(name: string): string {
  const plain = name
    .replaceAll(/[^A-Za-z0-9_]/g, "_")
    .replaceAll(/_+$/g, "")
    .slice(0, nameMax - 12)
    .replaceAll(/_+$/g, "");
  return /^[A-Za-z]/.test(plain) ? plain : `n${plain.replaceAll(/^_+/g, "")}`;
}

/**
 * A DTMI's version as DTDL v3 has it ("Digital Twin Model Identifier"): `;major` or `;major.minor`, where neither may be 0, or none. 1.0 is `;1`;
 * versions below 1.0.0, which promise nothing to each other, have none. Patches and pre-releases share their minor version's.
 */
function dtmiVersion(version: string): string {
  const [, major = "0", minor = "0"] = /^([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,5})(?![0-9]))?/.exec(version) ?? [];
  if (major === "0") return "";
  return minor === "0" ? `;${major}` : `;${major}.${minor}`;
}

const scalars: Readonly<Record<string, string>> = { integer: "long", number: "double", string: "string", boolean: "boolean" };

class DtdlWriter {
  readonly #losses = new Losses(lossTables.dtdl);
  readonly #source: ConversionSource;

  constructor(source: ConversionSource) {
    this.#source = source;
  }

  write(): Conversion<JsonObject> {
    const { model, document, name, version } = this.#source;
    const allot = nameAllotter(/[^A-Za-z0-9_]/g);
    this.#losses.addDeclarations(model);
    const contents = [
      ...model.properties.map((property) => {
        const schema = this.#schema(property.schema, { pointer: property.pointer, depth: 0 });
        return { "@type": "Property", ...this.#naming(property, allot), schema, writable: property.writable };
      }),
      ...model.events.map((event) => {
        const output = event.output ?? {};
        if (event.output === undefined) this.#losses.add("noData", event.pointer);
        this.#losses.addTexts(output, `${event.pointer}/sdfOutputData`);
        const schema = this.#schema(output, { pointer: `${event.pointer}/sdfOutputData`, depth: 0 });
        return { "@type": "Telemetry", ...this.#naming(event, allot), schema };
      }),
      ...model.services.map((service) => ({
        "@type": "Command",
        ...this.#naming(service, allot),
        ...this.#payload("request", service.input, `${service.pointer}/sdfInputData`),
        ...this.#payload("response", service.output, `${service.pointer}/sdfOutputData`),
      })),
    ];
    const description = infoText(document, "description");
    const id = `dtmi:mooring:${spell(name)}${dtmiVersion(version)}`;
    const texts = this.#texts({ label: infoText(document, "title"), description }, "");
    return { document: { "@context": context, "@id": id, "@type": "Interface", ...texts, contents }, losses: this.#losses.list };
  }

  #naming(
    entry: { readonly name: string; readonly pointer: string; readonly label?: string; readonly description?: string },
    allot: Allot,
  ): JsonObject {
    const { name, pointer } = entry;
    const spelling = allotName(allot, name);
    if (spelling !== name) this.#losses.add("name", pointer);
    return {
      name: spelling,
      ...this.#texts(entry, pointer),
      ...(spelling === name ? {} : { comment: name.slice(0, textMax).toWellFormed() }),
    };
  }

  #texts(
    { label, description }: { readonly label?: string | undefined; readonly description?: string | undefined },
    pointer: string,
  ): JsonObject {
    if ((label ?? "").length > textMax || (description ?? "").length > textMax) this.#losses.add("text", pointer);
    return {
      ...(label === undefined || label === "" ? {} : { displayName: label.slice(0, textMax).toWellFormed() }),
      ...(description === undefined || description === "" ? {} : { description: description.slice(0, textMax).toWellFormed() }),
    };
  }

  #payload(kind: "request" | "response", schema: DataSchema | undefined, pointer: string): JsonObject {
    if (schema === undefined) return {};
    return { [kind]: { name: kind, ...this.#texts(schema, pointer), schema: this.#schema(schema, { pointer, depth: 0 }) } };
  }

  #schema(schema: DataSchema, { pointer, depth }: Place): JsonValue {
    this.#losses.addQualities(schema, pointer);
    const values = this.#enum(schema);
    if (values !== undefined) return values;
    if (schema.choices !== undefined || schema.enum !== undefined) this.#losses.add("choices", pointer);
    const type = hasMixedShape(schema) ? undefined : typeOfValues(schema);
    const scalar = scalars[type ?? ""];
    if (scalar !== undefined) return scalar;
    if (depth < nestingMax && type === "array" && schema.items !== undefined) {
      this.#losses.addTexts(schema.items, `${pointer}/items`);
      return { "@type": "Array", elementSchema: this.#schema(schema.items, { pointer: `${pointer}/items`, depth: depth + 1 }) };
    }
    if (depth < nestingMax && type === "object" && Object.keys(schema.properties ?? {}).length > 0)
      return this.#object(schema, { pointer, depth });
    this.#losses.add("json", pointer);
    return "string";
  }

  #object({ properties = {} }: DataSchema, { pointer, depth }: Place): JsonObject {
    const allot = nameAllotter(/[^A-Za-z0-9_]/g);
    const fields = Object.entries(properties).map(([name, member]) => {
      const at = `${pointer}/properties/${pointerToken(name)}`;
      const { label, description } = member;
      const entry = { name, pointer: at, ...(label === undefined ? {} : { label }), ...(description === undefined ? {} : { description }) };
      return { ...this.#naming(entry, allot), schema: this.#schema(member, { pointer: at, depth: depth + 1 }) };
    });
    return { "@type": "Object", fields };
  }

  /** An Enum of texts or of whole numbers; a name in it stands for a value. */
  #enum(schema: DataSchema): JsonObject | undefined {
    const values =
      schema.choices?.map(({ name, schema: choice }) => ({ name, value: choice.const })) ??
      schema.enum?.map((value) => ({ name: String(value), value }));
    if (values === undefined || values.length === 0) return undefined;
    const isText = values.every(({ value }) => typeof value === "string");
    const isWhole = values.every(({ value }) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31);
    const isDistinct = new Set(values.map(({ value }) => value)).size === values.length;
    if (!(isText || isWhole) || !isDistinct) return undefined;
    const allot = nameAllotter(/[^A-Za-z0-9_]/g);
    const enumValues = values.map(({ name, value }) => ({ name: allotName(allot, name), enumValue: value ?? null }));
    return { "@type": "Enum", valueSchema: isText ? "string" : "integer", enumValues };
  }
}

type Allot = (name: string) => string;

function allotName(allot: Allot, name: string): string {
  return allot(spell(name));
}
