import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "../../json.ts";
import type { EventModel, PropertyModel, ServiceModel } from "../../model.ts";
import type { DataSchema } from "../../schema.ts";
import { type Conversion, Losses } from "../conversion.ts";
import { lossTables } from "../losses.ts";
import { type ConversionSource, definitionAt, infoText, partOf } from "../source.ts";
import { infoTerms, sameTerms, sdfTerms } from "./terms.ts";

type WotLosses = Losses<(typeof lossTables)["wot-tm"]>;

/** Writes a model as a W3C Web of Things Thing Model (TD 1.1 s10): one for the whole device, with the names it uses on the wire. */
export function exportWotTm(source: ConversionSource): Conversion<JsonObject> {
  const losses = new Losses(lossTables["wot-tm"]);
  const { model, document } = source;
  const group = onlyGroup(document);
  const label = group?.definition["label"];
  const description = group?.definition["description"] ?? infoText(document, "description");
  const version = infoText(document, "version");
  const optional = [
    ...model.properties.filter(({ required }) => !required).map(({ name }) => `/properties/${pointerToken(name)}`),
    ...model.services.filter(({ required }) => !required).map(({ name }) => `/actions/${pointerToken(name)}`),
    ...model.events.filter(({ required }) => !required).map(({ name }) => `/events/${pointerToken(name)}`),
  ];
  const { version: keptVersion, ...kept } = partOf(group?.definition ?? {}, "wot:members");
  const tm: Record<string, JsonValue | undefined> = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", { sdf: sdfTerms }],
    "@type": "tm:ThingModel",
    title: typeof label === "string" ? label : (infoText(document, "title") ?? source.name),
    description: typeof description === "string" ? description : undefined,
    version: version === undefined ? keptVersion : { ...(isJsonObject(keptVersion) ? keptVersion : {}), model: version },
    ...(group === undefined ? {} : { [group.kind]: group.name }),
    ...Object.fromEntries(infoTerms.map((name) => [`sdf:${name}`, infoText(document, name)])),
    properties: affordances(model.properties, (property) => writeProperty(property, source, losses)),
    actions: affordances(model.services, (service) => writeAction(service, source, losses)),
    events: affordances(model.events, (event) => writeEvent(event, source, losses)),
    "tm:optional": optional.length === 0 ? undefined : optional,
    ...kept,
  };
  return { document: withoutUndefined(tm), losses: losses.list };
}

/** The one thing or object a document is about; a device of several is one Thing Model all the same. */
function onlyGroup(document: JsonObject): { readonly kind: string; readonly name: string; readonly definition: JsonObject } | undefined {
  const things = Object.entries(partOf(document, "sdfThing"));
  const groups = things.length > 0 ? things : Object.entries(partOf(document, "sdfObject"));
  const [name, definition] = groups[0] ?? [];
  if (groups.length !== 1 || name === undefined || !isJsonObject(definition)) return undefined;
  return { kind: things.length > 0 ? "sdf:thingKey" : "sdf:objectKey", name, definition };
}

function affordances<T extends { readonly name: string }>(entries: readonly T[], write: (entry: T) => JsonObject): JsonObject | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries.map((entry) => [entry.name, write(entry)]));
}

function withoutUndefined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}

function keptMembers(entry: { readonly pointer: string }, source: ConversionSource): JsonObject {
  return partOf(definitionAt(source.document, entry.pointer), "wot:members");
}

function writeProperty(property: PropertyModel, source: ConversionSource, losses: WotLosses): JsonObject {
  return {
    ...writeSchema(property.schema, property.pointer, losses),
    ...(property.writable ? {} : { readOnly: true }),
    ...(property.readable ? {} : { writeOnly: true }),
    // SDF's default is true, the Thing Description's is false.
    observable: property.observable,
    ...keptMembers(property, source),
  };
}

function writeAction(service: ServiceModel, source: ConversionSource, losses: WotLosses): JsonObject {
  const { label, description, input, output, pointer } = service;
  return {
    ...texts(label, description),
    ...(input === undefined ? {} : { input: writeSchema(input, `${pointer}/sdfInputData`, losses) }),
    ...(output === undefined ? {} : { output: writeSchema(output, `${pointer}/sdfOutputData`, losses) }),
    ...keptMembers(service, source),
  };
}

function writeEvent(event: EventModel, source: ConversionSource, losses: WotLosses): JsonObject {
  const { label, description, output, pointer } = event;
  const data = output === undefined ? {} : { data: writeSchema(output, `${pointer}/sdfOutputData`, losses) };
  return { ...texts(label, description), ...data, ...keptMembers(event, source) };
}

function texts(label: string | undefined, description: string | undefined): JsonObject {
  return withoutUndefined({ title: label, description });
}

/** A DataSchema (TD 1.1 s5.3.2). */
function writeSchema(schema: DataSchema, pointer: string, losses: WotLosses): JsonObject {
  losses.addQualities(schema, pointer);
  if (schema.properties !== undefined) losses.add("closed", pointer);
  if (schema.type === undefined && schema.nullable !== true) losses.add("untyped", pointer);
  const { label, description, type, contentFormat, items, properties, choices } = schema;
  const result: Record<string, JsonValue | undefined> = { ...texts(label, description), type };
  for (const name of sameTerms) result[name] = schema[name] as JsonValue | undefined;
  result["contentMediaType"] = contentFormat;
  result["sdf:sdfType"] = schema.sdfType;
  result["sdf:uniqueItems"] = schema.uniqueItems;
  if (items !== undefined) result["items"] = writeSchema(items, `${pointer}/items`, losses);
  if (properties !== undefined) {
    const members = Object.entries(properties);
    result["properties"] = Object.fromEntries(
      members.map(([name, member]) => [name, writeSchema(member, `${pointer}/properties/${pointerToken(name)}`, losses)]),
    );
  }
  if (choices !== undefined) {
    losses.add("choices", pointer);
    result["oneOf"] = choices.map(({ name, schema: choice }) => ({
      ...writeSchema(choice, `${pointer}/sdfChoice/${pointerToken(name)}`, losses),
      "sdf:choiceName": name,
    }));
  }
  if (schema.nullable !== true) return withoutUndefined(result);
  const { title, description: text, ...rest } = withoutUndefined(result);
  return { ...withoutUndefined({ title, description: text }), "sdf:nullable": true, oneOf: [rest, { type: "null" }] };
}
