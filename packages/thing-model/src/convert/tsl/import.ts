import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { checkModel } from "../../compile.ts";
import { parseJson, pointerToken } from "../../json.ts";
import { limits } from "../../limits.ts";
import type { SdfDocument } from "../../parse.ts";
import { type Conversion, Losses } from "../conversion.ts";
import { lossTables } from "../losses.ts";
import { mergeAbsent, orderOf, readDataType, readMembers, readNaming } from "./import-type.ts";
import {
  absentMembers,
  defined,
  inside,
  otherMembers,
  readFlag,
  readIdentifier,
  readList,
  readObject,
  readOneOf,
  readText,
  TslIssues,
  type TslPlace,
} from "./read.ts";

/** Members an export makes anew, with their methods: the event every property report is, and the services that set and get properties. */
const platformMade: Readonly<Record<"events" | "services", Readonly<Record<string, string>>>> = {
  events: { post: "thing.event.property.post" },
  services: { set: "thing.service.property.set", get: "thing.service.property.get" },
};
export const platformMadeNames = Object.values(platformMade).flatMap((methods) => Object.keys(methods));

/**
 * Reads an Alibaba Cloud thing model (TSL) as an SDF document, whose properties take the values a device of that model sends: a bool is
 * 0 or 1, a date milliseconds in a string. What SDF has no words for is kept in qualities named `tsl:…`, from which `exportTsl` gives
 * the same TSL again. A model in an envelope `{"model": …}` is taken out of it.
 * Throws `invalidArgument` with an issue for each member that is wrong.
 */
export function importTsl(text: string): Conversion<SdfDocument> {
  const result = parseJson(text);
  if ("problem" in result) {
    const { pointer, message } = result.problem;
    throw new PlatformError("invalidArgument", `the TSL is not valid: ${pointer || "/"}: ${message}`, { issues: [result.problem] });
  }
  const issues = new TslIssues();
  const losses = new Losses(lossTables["tsl-import"]);
  const root = readObject(withoutNulls(result.value, "", losses), { pointer: "", issues });
  const wrapped = isJsonObject(root?.["model"]) && root["properties"] === undefined;
  if (wrapped) for (const name of Object.keys(root)) if (name !== "model") losses.add("envelope", `/${name}`);
  const tsl = wrapped ? readObject(root["model"], { pointer: "/model", issues }) : root;
  const document = readModel(tsl ?? {}, { pointer: wrapped ? "/model" : "", issues });
  issues.assertNone();
  assertCompiles(document);
  return { document, losses: losses.list };
}

/** Members that some writers set to null where they have none. */
const mayBeNull = ["name", "desc", "profile"];

function withoutNulls(value: JsonValue, pointer: string, losses: Losses<(typeof lossTables)["tsl-import"]>): JsonValue {
  if (Array.isArray(value)) return value.map((entry: JsonValue, index) => withoutNulls(entry, `${pointer}/${index}`, losses));
  if (!isJsonObject(value)) return value;
  const members: [string, JsonValue][] = [];
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${pointerToken(name)}`;
    if (member === null && mayBeNull.includes(name)) losses.add("null", at);
    else members.push([name, withoutNulls(member, at, losses)]);
  }
  return Object.fromEntries(members);
}

/** The members are right one by one; what only shows in the whole (sizes, the names of events in topics) is for the compiler to say. */
function assertCompiles(document: SdfDocument): void {
  const { findings } = checkModel(JSON.stringify(document));
  const issues = findings.filter(({ severity }) => severity === "error").map(({ pointer, message }) => ({ pointer, message }));
  const [first] = issues;
  if (first === undefined) return;
  throw new PlatformError("invalidArgument", `the TSL is not valid: ${first.pointer || "/"} of its SDF form: ${first.message}`, { issues });
}

const modelMembers = ["properties", "events", "services"];

function readModel(tsl: JsonObject, place: TslPlace): SdfDocument {
  const profile = tsl["profile"] === undefined ? {} : (readObject(tsl["profile"], inside(place, "profile")) ?? {});
  const productKey = readText(profile["productKey"], inside(inside(place, "profile"), "productKey"));
  if (productKey === "") place.issues.add(`${place.pointer}/profile/productKey`, "must not be empty");
  if (!modelMembers.some((name) => Object.hasOwn(tsl, name)))
    place.issues.add(place.pointer, `must have ${modelMembers.join(", ")} or one of them`);
  const properties = readGroup(tsl, "properties", place, readProperty);
  const events = readGroup(tsl, "events", place, readEvent);
  const services = readGroup(tsl, "services", place, readService);
  const blockName = readText(tsl["functionBlockName"], inside(place, "functionBlockName"));
  const made = [...events.made, ...services.made];
  const object = defined({
    label: blockName,
    "tsl:model": otherMembers(tsl, [...modelMembers, "functionBlockName"]),
    "tsl:made": made.length === 0 ? undefined : made,
    "tsl:absent": absentMembers(tsl, [...modelMembers, "profile"]),
    "tsl:order": defined({ properties: properties.order, events: events.order, services: services.order }),
    sdfProperty: properties.definitions,
    sdfEvent: events.definitions,
    sdfAction: services.definitions,
  });
  return { info: { title: blockName ?? productKey ?? "TSL" }, sdfObject: { [objectName(tsl, productKey)]: object } };
}

function objectName(tsl: JsonObject, productKey: string | undefined): string {
  const name = [tsl["functionBlockId"], productKey].find((text) => typeof text === "string" && /^[A-Za-z][A-Za-z0-9_]{0,127}$/.test(text));
  return typeof name === "string" && name !== "constructor" && name !== "prototype" ? name : "Thing";
}

interface Group {
  readonly definitions: JsonObject;
  readonly order: readonly string[] | undefined;
  /** Which platform-made members were there. */
  readonly made: readonly string[];
}

function readGroup(
  tsl: JsonObject,
  name: "properties" | "events" | "services",
  place: TslPlace,
  read: (entry: JsonObject, at: TslPlace) => JsonObject,
): Group {
  const definitions: Record<string, JsonValue> = {};
  const names = new Set<string>();
  const made: string[] = [];
  const list = inside(place, name);
  const entries = readList(tsl[name], list);
  if (entries.length > limits.affordancesMax) {
    list.issues.add(list.pointer, `may have at most ${limits.affordancesMax} entries`);
    return { definitions, order: undefined, made };
  }
  for (const [index, value] of entries.entries()) {
    const at = inside(list, index);
    const entry = readObject(value, at);
    if (entry === undefined) continue;
    const identifier = readIdentifier(entry["identifier"], inside(at, "identifier"));
    if (identifier === undefined) continue;
    if (names.has(identifier) || made.includes(identifier)) {
      at.issues.add(`${at.pointer}/identifier`, `stands twice: ${JSON.stringify(identifier)}`);
    }
    if ((name === "events" || name === "services") && isPlatformMade(platformMade[name], identifier, entry)) {
      made.push(identifier);
      continue;
    }
    if (name !== "properties" && identifier === "property")
      at.issues.add(`${at.pointer}/identifier`, 'may not be "property", which is taken in topics');
    if (name !== "properties" && /[/+#]/.test(identifier)) {
      at.issues.add(`${at.pointer}/identifier`, "may not hold /, + or #, since it is part of topics");
    }
    names.add(identifier);
    definitions[identifier] = read(entry, at);
  }
  return { definitions, order: orderOf([...names], definitions), made };
}

/** It has the platform's method, or is an identifier and nothing else, as some write it. Anything more without a method is the owner's. */
function isPlatformMade(methods: Readonly<Record<string, string>>, identifier: string, entry: JsonObject): boolean {
  const method = Object.hasOwn(methods, identifier) ? methods[identifier] : undefined;
  return method !== undefined && (entry["method"] === method || Object.keys(entry).length === 1);
}

function readProperty(entry: JsonObject, place: TslPlace): JsonObject {
  const access = readOneOf(entry["accessMode"], ["r", "w", "rw"], inside(place, "accessMode"));
  return mergeAbsent(
    readNaming(entry, place),
    access === "r" ? { writable: false } : access === "w" ? { readable: false } : {},
    readRequired(entry, place),
    readDataType(entry["dataType"], inside(place, "dataType")),
    { "tsl:absent": absentMembers(entry, ["accessMode"]) },
    { "tsl:more": otherMembers(entry, ["identifier", "name", "desc", "accessMode", "required", "dataType"]) },
  );
}

/** A required member is named by its own definition (RFC 9880 s4.5). */
function readRequired(entry: JsonObject, place: TslPlace): JsonObject {
  const required = readFlag(entry["required"], inside(place, "required"));
  return defined({ sdfRequired: required ? [true] : undefined, "tsl:absent": absentMembers(entry, ["required"]) });
}

function readEvent(entry: JsonObject, place: TslPlace): JsonObject {
  return mergeAbsent(
    readNaming(entry, place),
    readRequired(entry, place),
    readMethod(entry, place, (identifier) => `thing.event.${identifier}.post`),
    { "tsl:eventType": readOneOf(entry["type"], ["info", "alert", "error"], inside(place, "type")) },
    readData(entry, "outputData", "sdfOutputData", place),
    { "tsl:absent": absentMembers(entry, ["type"]) },
    { "tsl:more": otherMembers(entry, ["identifier", "name", "desc", "required", "method", "type", "outputData"]) },
  );
}

function readService(entry: JsonObject, place: TslPlace): JsonObject {
  return mergeAbsent(
    readNaming(entry, place),
    readRequired(entry, place),
    readMethod(entry, place, (identifier) => `thing.service.${identifier}`),
    { "tsl:callType": readOneOf(entry["callType"], ["sync", "async"], inside(place, "callType")) },
    readData(entry, "inputData", "sdfInputData", place),
    readData(entry, "outputData", "sdfOutputData", place),
    { "tsl:absent": absentMembers(entry, ["callType"]) },
    { "tsl:more": otherMembers(entry, ["identifier", "name", "desc", "required", "method", "callType", "inputData", "outputData"]) },
  );
}

function readMethod(entry: JsonObject, place: TslPlace, usual: (identifier: string) => string): JsonObject {
  const method = readText(entry["method"], inside(place, "method"));
  const isUsual = method === undefined || method === usual(String(entry["identifier"]));
  return defined({ "tsl:method": isUsual ? undefined : method, "tsl:absent": absentMembers(entry, ["method"]) });
}

function readData(entry: JsonObject, member: string, quality: string, place: TslPlace): JsonObject {
  const list = readList(entry[member], inside(place, member));
  const data = list.length === 0 ? undefined : { type: "object", ...readMembers(list, inside(place, member)) };
  return defined({ [quality]: data, "tsl:absent": absentMembers(entry, [member]) });
}
