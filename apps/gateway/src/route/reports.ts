// Hot: property and event reports: from the envelope to what the log keeps. Pure: no I/O, no clock.
import { type FieldIssue, isPropertyName, type JsonObject, type JsonValue, propertyNameRule } from "@mooring/contracts";
import type { CompiledModel, FieldError, PropertyReport } from "@mooring/thing-model";
import { isTime } from "./alink.ts";
import { pointerToken } from "./json-payload.ts";
import type { ProductModel } from "./models.ts";

/** What a report is held against. */
export type ReportRules = Pick<ProductModel, "validation" | "compiled">;

/** With `issues`, nothing is to be stored and `body` is empty; otherwise `body` is the record's. */
export interface Report {
  readonly body: string;
  readonly issues: readonly FieldIssue[];
}

/** Alink's own limit is 200; a model may have 300 features a module. */
const propertiesMax = 300;

/** The body (`PropertiesBody`) of a property report: `{name: value | {value, time}}`. Without a time of its own a value has `receivedAtMs`. */
export function readProperties(params: JsonObject, product: ReportRules, receivedAtMs: number): Report {
  const issues = checkNames(params);
  if (issues !== undefined) return refuse(issues);
  const errors = product.compiled === undefined ? none : product.compiled.validateProperties(params);
  if (errors.length > 0 && product.validation === "enforce") return refuse(errors.map((error) => issueOf("/params", error)));
  const report =
    errors.length === 0 && product.compiled !== undefined
      ? readChecked(params, product.compiled, receivedAtMs)
      : readUnchecked(params, errors, receivedAtMs);
  return isWithinShadow(report.body) ? report : refuse([tooLarge]);
}

/** What a shadow holds at most, in UTF-8: a report beyond it could be kept but never shown there. */
const reportBytesMax = 64 * 1024;
/** Of UTF-8 for one UTF-16 code unit: most reports are so short that their bytes need not be counted. */
const bytesPerCharacterMax = 3;

function isWithinShadow(body: string): boolean {
  return body.length * bytesPerCharacterMax <= reportBytesMax || Buffer.byteLength(body) <= reportBytesMax;
}

const tooLarge = { pointer: "/params", message: "/params must have less than 64 KB of values: the shadow holds no more" };

const none: readonly FieldError[] = [];

function checkNames(params: JsonObject): readonly FieldIssue[] | undefined {
  let count = 0;
  for (const name in params) {
    count++;
    if (!isPropertyName(name)) return [{ pointer: "/params", message: `a property's name ${propertyNameRule}` }];
  }
  if (count > 0 && count <= propertiesMax) return undefined;
  return [{ pointer: "/params", message: `/params must have 1 to ${propertiesMax} properties, not ${count}` }];
}

/**
 * The model knows which objects are wrapped values; anything else is taken as it is. The text is put together here, since making an object
 * per property for JSON.stringify costs more than parsing the message did.
 */
function readChecked(params: JsonObject, model: CompiledModel, receivedAtMs: number): Report {
  let report: PropertyReport | undefined;
  let body = "";
  for (const name in params) {
    let value = params[name] as JsonValue;
    let time = receivedAtMs;
    if (typeof value === "object" && value !== null) {
      report ??= model.unwrapProperties(params);
      value = report.values[name] ?? null;
      time = ownTime(report.timesMs, name) ?? receivedAtMs;
      const pointer = findNullItem(value, `/params/${pointerToken(name)}`, false);
      if (pointer !== undefined) return refuse([nullIssue(pointer)]);
    }
    const literal = typeof value === "number" ? String(value) : JSON.stringify(value);
    body += `${body === "" ? "" : ","}${quoted(name)}:{"value":${literal},"time":${time}}`;
  }
  return { body: `{"properties":{${body}}}`, issues: [] };
}

const quotedNames = new Map<string, string>();
/** Names come from models, so they are few; should they not be, the cache starts over. */
const quotedNamesMax = 10_000;

function quoted(name: string): string {
  let text = quotedNames.get(name);
  if (text === undefined) {
    if (quotedNames.size >= quotedNamesMax) quotedNames.clear();
    text = JSON.stringify(name);
    quotedNames.set(name, text);
  }
  return text;
}

function ownTime(timesMs: Readonly<Record<string, number>>, name: string): number | undefined {
  // A property may be called "constructor".
  return Object.hasOwn(timesMs, name) ? timesMs[name] : undefined;
}

/** No model, or values it does not allow: an object of `value` and at most `time` is a wrapped value. */
function readUnchecked(params: JsonObject, errors: readonly FieldError[], receivedAtMs: number): Report {
  const properties: Record<string, { value: JsonValue; time: number }> = {};
  for (const name in params) {
    const given = params[name] as JsonValue;
    const pointer = findNullItem(given, `/params/${pointerToken(name)}`, false);
    if (pointer !== undefined) return refuse([nullIssue(pointer)]);
    if (!isWrapped(given)) properties[name] = { value: given, time: receivedAtMs };
    else if (given["time"] === undefined || isTime(given["time"])) {
      properties[name] = { value: given["value"] as JsonValue, time: given["time"] ?? receivedAtMs };
    } else return refuse([timeIssue(`/params/${pointerToken(name)}/time`)]);
  }
  return { body: JSON.stringify(errors.length === 0 ? { properties } : { properties, invalid: errors.map(flagOf) }), issues: [] };
}

/** Where an array holds null: to a shadow null says that there is nothing, which an item cannot say. The payload's depth is bounded. */
function findNullItem(value: JsonValue, pointer: string, isInArray: boolean): string | undefined {
  if (value === null) return isInArray ? pointer : undefined;
  if (typeof value !== "object") return undefined;
  const isHere = isInArray || Array.isArray(value);
  for (const key in value) {
    const member = (value as Record<string, JsonValue>)[key] as JsonValue;
    if (member !== null && typeof member !== "object") continue;
    const found = findNullItem(member, `${pointer}/${pointerToken(key)}`, isHere);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nullIssue(pointer: string): FieldIssue {
  return { pointer, message: `${pointer} is null within an array; an array holds values only` };
}

function isWrapped(value: JsonValue): value is JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, "value")) return false;
  for (const key in value) if (key !== "value" && key !== "time") return false;
  return true;
}

/** The body (`EventBody`) of an event report: params are `{value, time?}`, or the value itself, as Alibaba's SDK for Node.js posts it. */
export function readEvent(name: string, params: JsonObject, product: ReportRules, receivedAtMs: number): Report {
  const { value } = params;
  // An event may have a member called "value": where the model allows only that reading, it is meant.
  const isPlain = value === undefined || (errorsOf(name, value, product).length > 0 && errorsOf(name, params, product).length === 0);
  return isPlain ? keepEvent(name, params, "/params", product, receivedAtMs) : readWrappedEvent(name, params, product, receivedAtMs);
}

/** The same where only `{value, time?}` will do. */
export function readWrappedEvent(name: string, { value, time }: JsonObject, product: ReportRules, receivedAtMs: number): Report {
  if (value === undefined) return refuse([{ pointer: "/params/value", message: "/params/value is missing" }]);
  if (time !== undefined && !isTime(time)) return refuse([timeIssue("/params/time")]);
  return keepEvent(name, value, "/params/value", product, time ?? receivedAtMs);
}

function keepEvent(name: string, value: JsonValue, pointer: string, product: ReportRules, time: number): Report {
  if (!isPropertyName(name)) return refuse([{ pointer: "", message: `an event's name ${propertyNameRule}` }]);
  const errors = errorsOf(name, value, product);
  if (errors.length > 0 && product.validation === "enforce") return refuse(errors.map((error) => issueOf(pointer, error)));
  const event = { name, value, time };
  return { body: JSON.stringify(errors.length === 0 ? event : { ...event, invalid: errors.map(flagOf) }), issues: [] };
}

function errorsOf(name: string, value: JsonValue, { compiled }: ReportRules): readonly FieldError[] {
  return compiled === undefined ? none : compiled.validateEvent(name, value);
}

function refuse(issues: readonly FieldIssue[]): Report {
  return { body: "", issues };
}

function timeIssue(pointer: string): FieldIssue {
  return { pointer, message: `${pointer} must be integer milliseconds since 1970` };
}

function issueOf(prefix: string, { pointer, message, expected, got }: FieldError): FieldIssue {
  return { pointer: prefix + pointer, message, expected, got };
}

function flagOf({ pointer, message }: FieldError): JsonValue {
  return { pointer, message };
}
