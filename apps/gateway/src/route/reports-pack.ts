// What a gateway says for itself and for its sub-devices in one message (wire formats §2.6). Pure: no I/O, no clock.
//   {"properties":{"Power":{"value":"on","time":1}},"events":{"alarm":{"value":{},"time":1}},
//    "subDevices":[{"identity":{"productKey":"..","deviceName":".."},"properties":{..},"events":{..}}]}
import { type DeviceAddress, type DeviceRef, type FieldIssue, isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { pointerToken } from "./json-payload.ts";
import type { ReportRules } from "./reports.ts";
import { BatchReader, type BatchRecord, itemsMax } from "./reports-batch.ts";

/** A sub-device that may be spoken for, and what its product allows; or why it may not be. */
export type SubDeviceRules = { readonly device: DeviceRef; readonly rules: ReportRules } | { readonly refused: string };

export interface PackRecord extends BatchRecord {
  readonly device: DeviceRef;
}

/** Each part (the gateway's own, each sub-device's) is taken as a whole or not at all, whatever becomes of the others. */
export interface Pack {
  readonly records: readonly PackRecord[];
  readonly issues: readonly FieldIssue[];
  readonly parts: number;
  readonly refused: readonly RefusedPart[];
}

export interface RefusedPart {
  /** Undefined where it is not known, or not the gateway's. */
  readonly device: DeviceRef | undefined;
  readonly issues: readonly FieldIssue[];
}

/** The sub-devices that a pack names, once each; what is no name is left out. */
export function subDevicesOf(params: JsonObject): readonly DeviceAddress[] {
  const named = new Map<string, DeviceAddress>();
  const { subDevices } = params;
  for (const entry of Array.isArray(subDevices) ? (subDevices as readonly JsonValue[]) : []) {
    const address = identityOf(entry);
    if (address !== undefined && named.size < itemsMax) named.set(keyOf(address), address);
  }
  return [...named.values()];
}

export function keyOf({ productKey, deviceName }: DeviceAddress): string {
  return `${productKey}/${deviceName}`;
}

export interface PackRules {
  readonly gateway: DeviceRef;
  readonly rules: ReportRules;
  subDevice(address: DeviceAddress): SubDeviceRules;
}

export function readPack(params: JsonObject, { gateway, rules, subDevice }: PackRules, receivedAtMs: number): Pack {
  const pack = new PackReader(receivedAtMs);
  const { subDevices = [] } = params;
  if (params["properties"] !== undefined || params["events"] !== undefined) pack.part(params, "/params", { device: gateway, rules });
  if (!Array.isArray(subDevices)) pack.refuse("/params/subDevices", "/params/subDevices must be an array");
  else {
    for (const [index, entry] of (subDevices as readonly JsonValue[]).entries())
      pack.entry(entry, `/params/subDevices/${index}`, subDevice);
  }
  if (pack.parts === 0) pack.refuse("/params", "/params must have properties, events or subDevices");
  return pack;
}

class PackReader implements Pack {
  readonly records: PackRecord[] = [];
  readonly refused: RefusedPart[] = [];
  parts = 0;
  readonly #receivedAtMs: number;

  constructor(receivedAtMs: number) {
    this.#receivedAtMs = receivedAtMs;
  }

  get issues(): readonly FieldIssue[] {
    return this.refused.flatMap(({ issues }) => issues).slice(0, issuesMax);
  }

  refuse(pointer: string, message: string, device?: DeviceRef): void {
    this.#refuse(device, [{ pointer, message }]);
  }

  entry(entry: JsonValue, at: string, subDevice: PackRules["subDevice"]): void {
    const address = identityOf(entry);
    if (!isJsonObject(entry)) return this.refuse(at, `${at} must be an object with identity, properties and events`);
    if (address === undefined) return this.refuse(`${at}/identity`, `${at}/identity must have a productKey and a deviceName`);
    const found = subDevice(address);
    if ("refused" in found) return this.refuse(`${at}/identity`, `${at}/identity ${found.refused}`);
    this.part(entry, at, found);
  }

  part(part: JsonObject, at: string, { device, rules }: { readonly device: DeviceRef; readonly rules: ReportRules }): void {
    if (this.records.length >= itemsMax) return this.refuse(at, `/params may have at most ${itemsMax} reports and events`, device);
    const reader = new BatchReader(rules, this.#receivedAtMs);
    const { properties, events = {} } = part;
    if (isJsonObject(properties)) {
      // Nothing is said where nothing is in it, as with events.
      if (Object.keys(properties).length > 0) reader.properties(properties, false, (rest) => `${at}/properties${rest}`);
    } else if (properties !== undefined) reader.issue(`${at}/properties`, `${at}/properties must be an object`);
    if (!isJsonObject(events)) reader.issue(`${at}/events`, `${at}/events must be an object`);
    else {
      for (const name of Object.keys(events)) {
        if (reader.goesOn) reader.event(name, events[name], (rest) => `${at}/events/${pointerToken(name)}${rest}`);
      }
    }
    const { records, issues } = reader.finish(at);
    if (issues.length > 0) return this.#refuse(device, issues);
    this.parts++;
    for (const record of records) this.records.push({ ...record, device });
  }

  #refuse(device: DeviceRef | undefined, issues: readonly FieldIssue[]): void {
    this.parts++;
    this.refused.push({ device, issues });
  }
}

/** As many as a reply has room for. */
const issuesMax = 50;

function identityOf(entry: JsonValue): DeviceAddress | undefined {
  const identity = isJsonObject(entry) ? entry["identity"] : undefined;
  if (!isJsonObject(identity)) return undefined;
  const { productKey, deviceName } = identity;
  return typeof productKey === "string" && typeof deviceName === "string" ? { productKey, deviceName } : undefined;
}
