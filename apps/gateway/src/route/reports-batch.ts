// Several values at once (wire formats §2.6): each becomes a record of its own, since a record has one value of a property.
//   batch     {"properties":{"Power":[{"value":"on","time":1},{"value":"off","time":2}]},"events":{"alarm":[{"value":{},"time":1}]}}
//   history   [{"identity":{"productKey":"..","deviceName":".."},"properties":[{"Power":{"value":"on","time":1}}],"events":[{"alarm":{..}}]}]
import { type DeviceAddress, type FieldIssue, isJsonObject, type JsonObject, type JsonValue, type RecordKind } from "@mooring/contracts";
import { pointerToken } from "./json-payload.ts";
import { type Report, type ReportRules, readProperties, readWrappedEvent } from "./reports.ts";

export interface BatchRecord {
  readonly kind: RecordKind;
  readonly body: string;
}

/** With `issues`, nothing is to be stored: a batch is taken as a whole or not at all. */
export interface Batch {
  readonly records: readonly BatchRecord[];
  readonly issues: readonly FieldIssue[];
}

/** Values and events of one message; its payload is bounded as well. */
export const itemsMax = 1_000;
const issuesMax = 50;

/** What one message adds up to while it is read. */
export class BatchReader {
  readonly records: BatchRecord[] = [];
  readonly issues: FieldIssue[] = [];
  readonly #rules: ReportRules;
  readonly #receivedAtMs: number;
  #items = 0;

  constructor(rules: ReportRules, receivedAtMs: number) {
    this.#rules = rules;
    this.#receivedAtMs = receivedAtMs;
  }

  /** False once there is no use in going on. */
  get goesOn(): boolean {
    return this.issues.length < issuesMax && this.#items <= itemsMax;
  }

  /** `at` is the place of what was read, for when there is nothing in it. */
  finish(at = "/params"): Batch {
    if (this.#items === 0 && this.issues.length === 0) this.issue(at, `${at} must have at least one value or event`);
    return this.issues.length > 0 ? { records: [], issues: this.issues } : { records: this.records, issues: [] };
  }

  issue(pointer: string, message: string): void {
    this.issues.push({ pointer, message });
  }

  /** `place` says where in the message the part of an issue's pointer after /params is. */
  properties(params: JsonObject, past: boolean, place: (rest: string) => string): void {
    if (!this.#count(Object.keys(params).length)) return;
    const report = readProperties(params, this.#rules, this.#receivedAtMs);
    this.#take("properties", past ? { ...report, body: report.body.replace(/\}$/, ',"past":true}') } : report, place);
  }

  event(name: string, params: JsonValue | undefined, place: (rest: string) => string): void {
    if (!this.#count(1)) return;
    if (!isJsonObject(params)) this.issue(place(""), `${place("")} must be an object with value and time`);
    else this.#take("event", readWrappedEvent(name, params, this.#rules, this.#receivedAtMs), place);
  }

  #count(items: number): boolean {
    const wasFull = this.#items > itemsMax;
    this.#items += items;
    if (!wasFull && this.#items > itemsMax) this.issue("/params", `/params may have at most ${itemsMax} values and events`);
    return this.#items <= itemsMax;
  }

  #take(kind: RecordKind, { body, issues }: Report, place: (rest: string) => string): void {
    for (const issue of issues) {
      if (this.issues.length < issuesMax) this.issues.push({ ...issue, pointer: place(issue.pointer.replace(/^\/params/, "")) });
    }
    if (issues.length === 0) this.records.push({ kind, body });
  }
}

/** The n-th values of all properties make the n-th record, so that the last ones are what the shadow shows in the end. */
export function readBatch(params: JsonObject, rules: ReportRules, receivedAtMs: number): Batch {
  const reader = new BatchReader(rules, receivedAtMs);
  const { properties = {}, events = {} } = params;
  const values = listsOf(properties, "/params/properties", reader);
  const longest = Math.max(0, ...values.map(([, list]) => list.length));
  for (let index = 0; index < longest && reader.goesOn; index++) {
    const row = Object.fromEntries(
      values.filter(([, list]) => index < list.length).map(([name, list]) => [name, list[index] as JsonValue]),
    );
    // Between the property's name and the rest of the place stands the index.
    reader.properties(row, false, (rest) => `/params/properties${rest.replace(/^\/[^/]*/, (token) => `${token}/${index}`)}`);
  }
  for (const [name, list] of listsOf(events, "/params/events", reader)) {
    for (let index = 0; index < list.length && reader.goesOn; index++) {
      reader.event(name, list[index], (rest) => `/params/events/${pointerToken(name)}/${index}${rest}`);
    }
  }
  return reader.finish();
}

/** Values of the past; they are not what the device is like now. */
export function readHistory(params: JsonValue | undefined, rules: ReportRules, receivedAtMs: number, device: DeviceAddress): Batch {
  const reader = new BatchReader(rules, receivedAtMs);
  if (!Array.isArray(params)) reader.issue("/params", "/params must be an array");
  const parts: readonly JsonValue[] = Array.isArray(params) ? params : [];
  for (let part = 0; part < parts.length && reader.goesOn; part++) {
    const entry = parts[part];
    const at = `/params/${part}`;
    if (!isJsonObject(entry)) reader.issue(at, `${at} must be an object with properties or events`);
    else if (!isOwn(entry["identity"], device)) reader.issue(`${at}/identity`, `${at}/identity must be the device's own`);
    else readPart(entry, at, reader);
  }
  return reader.finish();
}

function readPart({ properties = [], events = [] }: JsonObject, at: string, reader: BatchReader): void {
  const rows = rowsOf(properties, `${at}/properties`, reader);
  for (let index = 0; index < rows.length && reader.goesOn; index++) {
    reader.properties(rows[index] ?? {}, true, (rest) => `${at}/properties/${index}${rest}`);
  }
  for (const [index, row] of rowsOf(events, `${at}/events`, reader).entries()) {
    for (const name of Object.keys(row)) {
      if (!reader.goesOn) return;
      reader.event(name, row[name], (rest) => `${at}/events/${index}/${pointerToken(name)}${rest}`);
    }
  }
}

function isOwn(identity: JsonValue | undefined, { productKey, deviceName }: DeviceAddress): boolean {
  return (
    identity === undefined || (isJsonObject(identity) && identity["productKey"] === productKey && identity["deviceName"] === deviceName)
  );
}

function listsOf(value: JsonValue, pointer: string, reader: BatchReader): readonly (readonly [name: string, list: readonly JsonValue[]])[] {
  if (!isJsonObject(value)) {
    reader.issue(pointer, `${pointer} must be an object of arrays`);
    return [];
  }
  const lists: (readonly [string, readonly JsonValue[]])[] = [];
  for (const name of Object.keys(value)) {
    const list = value[name];
    const at = `${pointer}/${pointerToken(name)}`;
    if (Array.isArray(list)) lists.push([name, list]);
    else if (reader.goesOn) reader.issue(at, `${at} must be an array`);
  }
  return lists;
}

function rowsOf(value: JsonValue, pointer: string, reader: BatchReader): readonly JsonObject[] {
  if (Array.isArray(value) && value.every((row: JsonValue) => isJsonObject(row))) return value as readonly JsonObject[];
  reader.issue(pointer, `${pointer} must be an array of objects`);
  return [];
}
