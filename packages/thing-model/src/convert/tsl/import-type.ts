import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { limits } from "../../limits.ts";
import {
  absentMembers,
  defined,
  inside,
  otherMembers,
  readIdentifier,
  readList,
  readObject,
  readOneOf,
  readText,
  type TslPlace,
} from "./read.ts";
import { keptSpecs, specNumber, stepAsMultiple, unitOfText } from "./specs.ts";

export const tslTypes = ["int", "float", "double", "text", "date", "bool", "enum", "struct", "array"] as const;
export type TslType = (typeof tslTypes)[number];

/** A date is milliseconds since 1970 in a string. */
export const datePattern = "^[0-9]{1,16}$";

/** Spec members that have an SDF quality, by type. */
export const typeSpecs: Readonly<Record<TslType, readonly string[]>> = {
  int: ["min", "max", "step", "unit"],
  float: ["min", "max", "step", "unit"],
  double: ["min", "max", "step", "unit"],
  text: ["length"],
  date: [],
  bool: [],
  enum: [],
  struct: [],
  array: ["size"],
};

/** A dataType as SDF data qualities, with what SDF lacks under `tsl:`. */
export function readDataType(value: JsonValue | undefined, place: TslPlace): JsonObject {
  const dataType = readObject(value, place);
  if (dataType === undefined) return {};
  const at = inside(place, "type");
  const type = readOneOf(dataType["type"], tslTypes, at);
  if (type === undefined) {
    if (dataType["type"] === undefined) place.issues.add(at.pointer, `must be one of ${tslTypes.join(", ")}`);
    return {};
  }
  const kept = defined({ "tsl:type": type, "tsl:dataType": otherMembers(dataType, ["type", "specs"]) });
  const specs = dataType["specs"];
  if (specs === undefined || specs === null) {
    return { ...withoutSpecs(type), ...kept, ...(specs === null ? { "tsl:specs": null } : { "tsl:absent": ["specs"] }) };
  }
  return { ...readSpecs(type, specs, inside(place, "specs")), ...kept };
}

function withoutSpecs(type: TslType): JsonObject {
  return type === "bool" ? { type: "integer", enum: [0, 1] } : readSpecs(type, type === "struct" ? [] : {}, undefined);
}

function readSpecs(type: TslType, specs: JsonValue, place: TslPlace | undefined): JsonObject {
  switch (type) {
    case "int":
      return readNumberSpecs("integer", specs, place);
    case "float":
    case "double":
      return readNumberSpecs("number", specs, place);
    case "text":
      return readTextSpecs(specs, place);
    case "date":
      return { type: "string", pattern: datePattern, ...keepAll(specs, place) };
    case "bool":
      return readChoiceSpecs(specs, place, ["0", "1"]);
    case "enum":
      return readChoiceSpecs(specs, place, undefined);
    case "struct":
      return place === undefined ? { type: "object" } : { type: "object", ...readMembers(specs, place) };
    case "array":
      return readArraySpecs(specs, place);
  }
}

function keepAll(specs: JsonValue, place: TslPlace | undefined): JsonObject {
  const members = place === undefined ? {} : (readObject(specs, place) ?? {});
  return Object.keys(members).length === 0 ? {} : { "tsl:specs": members };
}

function readNumberSpecs(type: "integer" | "number", value: JsonValue, place: TslPlace | undefined): JsonObject {
  const specs = place === undefined ? {} : (readObject(value, place) ?? {});
  const number = (name: string) => readSpecNumber(specs, name, place);
  const [minimum, maximum, step] = [number("min"), number("max"), number("step")];
  if (minimum !== undefined && maximum !== undefined && minimum > maximum)
    place?.issues.add(`${place.pointer}/min`, "must not be above max");
  // "m" is written for minutes as well as metres, so it is one of the texts that stay texts.
  const qualities = defined({ minimum, maximum, multipleOf: stepAsMultiple(step, minimum), unit: unitOfText(specs["unit"]) });
  return defined({ type, ...qualities, "tsl:specs": keptSpecs(specs, qualities, typeSpecs.int) });
}

function readTextSpecs(value: JsonValue, place: TslPlace | undefined): JsonObject {
  const specs = place === undefined ? {} : (readObject(value, place) ?? {});
  const qualities = defined({ maxLength: readCount(specs, "length", place) });
  return defined({ type: "string", ...qualities, "tsl:specs": keptSpecs(specs, qualities, typeSpecs.text) });
}

function readArraySpecs(value: JsonValue, place: TslPlace | undefined): JsonObject {
  const { item, ...specs } = place === undefined ? {} : (readObject(value, place) ?? {});
  const qualities = defined({ maxItems: readCount(specs, "size", place) });
  const items = place === undefined || item === undefined ? undefined : readDataType(item, inside(place, "item"));
  return defined({ type: "array", ...qualities, items, "tsl:specs": keptSpecs(specs, qualities, typeSpecs.array) });
}

function readSpecNumber(specs: JsonObject, name: string, place: TslPlace | undefined): number | undefined {
  const number = specNumber(specs[name]);
  if (number !== "wrong") return number;
  place?.issues.add(inside(place, name).pointer, "must be a number, which TSL writes in a string");
  return undefined;
}

function readCount(specs: JsonObject, name: string, place: TslPlace | undefined): number | undefined {
  const count = readSpecNumber(specs, name, place);
  if (count === undefined || (Number.isSafeInteger(count) && count >= 0)) return count;
  place?.issues.add(inside(place, name).pointer, "must be a whole number, 0 or more");
  return undefined;
}

const WHOLE = /^(?:0|-?[1-9][0-9]{0,15})$/;
const LABEL = /^[^\p{Cc}:#]+$/u;

/** `{"0": "off", "1": "on"}`: the values on the wire are the numbers, their texts become the names of a sdfChoice. */
function readChoiceSpecs(value: JsonValue, place: TslPlace | undefined, allowed: readonly string[] | undefined): JsonObject {
  const specs = place === undefined ? {} : (readObject(value, place) ?? {});
  const keys = Object.keys(specs);
  if (keys.length === 0) return allowed === undefined ? { type: "integer" } : { type: "integer", enum: [0, 1] };
  const whole = keys.every((key) => WHOLE.test(key));
  const choices: Record<string, JsonValue> = {};
  const uses = new Map<JsonValue | undefined, number>();
  for (const key of keys) uses.set(specs[key], (uses.get(specs[key]) ?? 0) + 1);
  for (const key of keys) {
    const at = place === undefined ? undefined : inside(place, key);
    const label = specs[key];
    if (allowed !== undefined && !allowed.includes(key)) at?.issues.add(at.pointer, "must be 0 or 1, the values of a bool");
    if (key === "" || key.length > limits.nameLengthMax)
      at?.issues.add(at.pointer, `must be a value of 1 to ${limits.nameLengthMax} characters`);
    if (typeof label !== "string") at?.issues.add(at.pointer, "must be a text");
    else if (uses.get(label) === 1 && isChoiceName(label, specs)) choices[label] = { const: whole ? Number(key) : key };
    else choices[key] = { label, const: whole ? Number(key) : key };
  }
  return { type: whole ? "integer" : "string", sdfChoice: choices };
}

/** A label can be the choice's name when it is one, no other value has it, and it cannot be taken for a value. */
function isChoiceName(label: string, specs: JsonObject): boolean {
  if (!LABEL.test(label) || label.length > limits.nameLengthMax || WHOLE.test(label) || Object.hasOwn(specs, label)) return false;
  return !["__proto__", "constructor", "prototype"].includes(label);
}

/** A list of named, typed members: of a struct, an event's output, a service's input or output. */
export function readMembers(value: JsonValue | undefined, place: TslPlace): JsonObject {
  const names = new Set<string>();
  const properties: Record<string, JsonValue> = {};
  for (const [index, entry] of readList(value, place).entries()) {
    const at = inside(place, index);
    const member = readObject(entry, at);
    if (member === undefined) continue;
    const identifier = readIdentifier(member["identifier"], inside(at, "identifier"));
    const definition = readMember(member, at);
    if (identifier === undefined) continue;
    if (names.has(identifier)) at.issues.add(`${at.pointer}/identifier`, `stands twice: ${JSON.stringify(identifier)}`);
    names.add(identifier);
    properties[identifier] = definition;
  }
  return defined({ properties, "tsl:order": orderOf([...names], properties) });
}

function readMember(member: JsonObject, place: TslPlace): JsonObject {
  return mergeAbsent(readNaming(member, place), readDataType(member["dataType"], inside(place, "dataType")), {
    "tsl:more": otherMembers(member, ["identifier", "name", "desc", "dataType"]),
  });
}

/** The texts of a member: a name the export would make up from the identifier is noted when it was left out. */
export function readNaming(member: JsonObject, place: TslPlace): JsonObject {
  return defined({
    label: readText(member["name"], inside(place, "name")),
    description: readText(member["desc"], inside(place, "desc")),
    "tsl:absent": absentMembers(member, ["name"]),
  });
}

/** Puts definitions together; their lists of absent members are joined. */
export function mergeAbsent(...parts: readonly Readonly<Record<string, JsonValue | undefined>>[]): JsonObject {
  const absent = parts.flatMap((part) => (Array.isArray(part["tsl:absent"]) ? part["tsl:absent"] : []));
  return defined({ ...Object.assign({}, ...parts), "tsl:absent": absent.length === 0 ? undefined : absent });
}

/** The order of the list, where a JSON object cannot keep it: names that look like numbers come first in one. */
export function orderOf(names: readonly string[], members: JsonObject): readonly string[] | undefined {
  return Object.keys(members).some((name, index) => names[index] !== name) ? names : undefined;
}

/** The names of members in the order a list had. */
export function inOrder(members: JsonValue | undefined, order: JsonValue | undefined): readonly string[] {
  const names = isJsonObject(members) ? Object.keys(members) : [];
  if (!Array.isArray(order)) return names;
  const known = new Set(names);
  const ordered = order.filter((name): name is string => typeof name === "string" && known.has(name));
  return [...new Set([...ordered, ...names])];
}
