import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import type { EventModel, PropertyModel, ServiceModel } from "../../model.ts";
import type { DataSchema } from "../../schema.ts";
import { type Conversion, Losses } from "../conversion.ts";
import { lossTables } from "../losses.ts";
import { type ConversionSource, definitionAt, partOf } from "../source.ts";
import { isAbsent, type TslLosses, writeDataType, writeMembers, writeNaming } from "./export-type.ts";
import { platformMadeNames } from "./import.ts";
import { inOrder } from "./import-type.ts";
import { defined } from "./read.ts";

interface Writer {
  readonly source: ConversionSource;
  readonly losses: TslLosses;
}

const IDENTIFIER = /^[A-Za-z0-9_]{1,50}$/;
const tslSchema = "https://iotx-tsl.oss-ap-southeast-1.aliyuncs.com/schema.json";

/** Writes a model as Alibaba Cloud TSL. A model that came from TSL gives that TSL again, as far as its SDF form still says the same. */
export function exportTsl(source: ConversionSource): Conversion<JsonObject> {
  const losses = new Losses(lossTables.tsl);
  const writer = { source, losses };
  const { model } = source;
  const object = importedObject(source);
  const isImported = object !== undefined;
  const kept = partOf(object ?? {}, "tsl:model");
  const order = partOf(object ?? {}, "tsl:order");
  const properties = sorted(model.properties, order["properties"]).map((property) => writeProperty(property, writer));
  const events = sorted(model.events, order["events"]).map((event) => writeEvent(event, writer));
  const services = sorted(model.services, order["services"]).map((service) => writeService(service, writer));
  const made = isImported ? (object["tsl:made"] ?? []) : platformMadeNames;
  const isMade = (name: string, taken: readonly JsonObject[]) => {
    if (!Array.isArray(made) || !made.includes(name)) return false;
    const isTaken = taken.some(({ identifier }) => identifier === name);
    if (isTaken) losses.add("taken", "");
    return !isTaken;
  };
  const label = object?.["label"];
  const lists = {
    properties,
    events: [...(isMade("post", events) ? [makePost(properties)] : []), ...events],
    services: [
      ...(isMade("set", services) ? [makeSet(properties)] : []),
      ...(isMade("get", services) ? [makeGet(properties)] : []),
      ...services,
    ],
  };
  const document = {
    ...(isImported ? {} : { schema: tslSchema, profile: { version: "1.0", productKey: source.name } }),
    ...kept,
    ...(typeof label === "string" && isImported ? { functionBlockName: label } : {}),
    ...Object.fromEntries(
      Object.entries(lists).filter(([name, list]) => list.length > 0 || object === undefined || !isAbsent(object, name)),
    ),
  };
  return { document, losses: losses.list };
}

/** The object an import made of the whole TSL; it knows which members were there. */
function importedObject({ document }: ConversionSource): JsonObject | undefined {
  const objects = Object.values(partOf(document, "sdfObject"));
  const [object] = objects;
  return objects.length === 1 && isJsonObject(object) && isJsonObject(object["tsl:order"]) ? object : undefined;
}

function sorted<T extends { readonly name: string }>(entries: readonly T[], order: JsonValue | undefined): readonly T[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const names = inOrder(Object.fromEntries(entries.map(({ name }) => [name, null])), order ?? entries.map(({ name }) => name));
  return names.flatMap((name) => byName.get(name) ?? []);
}

interface Entry {
  readonly name: string;
  readonly pointer: string;
  readonly label?: string;
  readonly description?: string;
  readonly required: boolean;
}

function startEntry(entry: Entry, definition: JsonObject, { losses }: Writer): JsonObject {
  if (!IDENTIFIER.test(entry.name)) losses.add("identifier", entry.pointer);
  const required = !entry.required && isAbsent(definition, "required") ? undefined : entry.required;
  return defined({ identifier: entry.name, ...writeNaming(entry.name, entry, definition), required });
}

function endEntry(definition: JsonObject): JsonObject {
  return partOf(definition, "tsl:more");
}

function writeProperty(property: PropertyModel, writer: Writer): JsonObject {
  const definition = definitionAt(writer.source.document, property.pointer);
  const access = property.writable ? (property.readable ? "rw" : "w") : "r";
  if (!property.observable) writer.losses.add("observable", property.pointer);
  if (!property.writable && !property.readable) writer.losses.add("access", property.pointer);
  return defined({
    ...startEntry(property, definition, writer),
    accessMode: access === "rw" && isAbsent(definition, "accessMode") ? undefined : access,
    dataType: writeDataType({ schema: property.schema, definition, pointer: property.pointer }, writer.losses),
    ...endEntry(definition),
  });
}

function writeEvent(event: EventModel, writer: Writer): JsonObject {
  const definition = definitionAt(writer.source.document, event.pointer);
  const type = definition["tsl:eventType"];
  return defined({
    ...startEntry(event, definition, writer),
    type: typeof type === "string" ? type : isAbsent(definition, "type") ? undefined : "info",
    method: writeMethod(definition, `thing.event.${event.name}.post`),
    ...writeData("outputData", event.output, { entry: event, definition, quality: "sdfOutputData" }, writer),
    ...endEntry(definition),
  });
}

function writeService(service: ServiceModel, writer: Writer): JsonObject {
  const definition = definitionAt(writer.source.document, service.pointer);
  const callType = definition["tsl:callType"];
  return defined({
    ...startEntry(service, definition, writer),
    callType: typeof callType === "string" ? callType : isAbsent(definition, "callType") ? undefined : "async",
    method: writeMethod(definition, `thing.service.${service.name}`),
    ...writeData("inputData", service.input, { entry: service, definition, quality: "sdfInputData" }, writer),
    ...writeData("outputData", service.output, { entry: service, definition, quality: "sdfOutputData" }, writer),
    ...endEntry(definition),
  });
}

function writeMethod(definition: JsonObject, usual: string): string | undefined {
  const method = definition["tsl:method"];
  if (typeof method === "string") return method;
  return isAbsent(definition, "method") ? undefined : usual;
}

interface DataPlace {
  readonly entry: Entry;
  readonly definition: JsonObject;
  readonly quality: string;
}

/** Data that is no object has no member list in TSL; it becomes one member called `value`. */
function writeData(member: string, schema: DataSchema | undefined, place: DataPlace, { losses }: Writer): JsonObject {
  if (schema === undefined) return isAbsent(place.definition, member) ? {} : { [member]: [] };
  const node = { schema, definition: partOf(place.definition, place.quality), pointer: `${place.entry.pointer}/${place.quality}` };
  losses.addTexts(schema, node.pointer);
  if (schema.properties !== undefined) {
    losses.addQualities(schema, node.pointer);
    return { [member]: writeMembers(node, losses) };
  }
  losses.add("bare", node.pointer);
  return { [member]: [{ identifier: "value", name: "value", dataType: writeDataType(node, losses) }] };
}

function asParameter({ identifier, name, dataType }: JsonObject): JsonObject {
  return defined({ identifier, name, dataType });
}

function makePost(properties: readonly JsonObject[]): JsonObject {
  const outputData = properties.map(asParameter);
  return {
    identifier: "post",
    name: "post",
    type: "info",
    required: true,
    desc: "属性上报",
    method: "thing.event.property.post",
    outputData,
  };
}

function makeSet(properties: readonly JsonObject[]): JsonObject {
  const inputData = properties.filter(({ accessMode }) => accessMode !== "r").map(asParameter);
  const method = "thing.service.property.set";
  return { identifier: "set", name: "set", required: true, callType: "async", desc: "属性设置", method, inputData, outputData: [] };
}

function makeGet(properties: readonly JsonObject[]): JsonObject {
  const inputData = properties.map(({ identifier }) => identifier ?? null);
  const method = "thing.service.property.get";
  const outputData = properties.map(asParameter);
  return { identifier: "get", name: "get", required: true, callType: "async", desc: "属性获取", method, inputData, outputData };
}
