import {
  type Device,
  deviceTimeMsMax,
  type HistoryAggregateQuery,
  type HistoryQuery,
  type HistorySelection,
  invalidField,
  pageSizeDefault,
  pageSizeMax,
} from "@mooring/contracts";
import type { HistoryStoreAggregate, HistoryStoreQuery, PointPlace, StoredPoint } from "./ports.ts";

/** Shorter ones are points, not intervals. */
const intervalMsMin = 1_000;
/** What one answer may hold: about 1 MB. */
export const intervalsMax = 10_000;
/** What a gateway lets into a report. */
const propertyLengthMax = 256;
/** As many as a report may have. */
const propertiesMax = 300;
/** After the latest time that a point may have. */
const endOfTimeMs = deviceTimeMsMax + 1;

/** The checked form of a history query; one point more than the page is asked for, to know whether there is a next one. */
export function toStoreQuery(
  device: Pick<Device, "deviceId">,
  query: HistoryQuery,
  keptFromMs: number,
): HistoryStoreQuery & { readonly pageSize: number } {
  const pageSize = query.pageSize ?? pageSizeDefault;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > pageSizeMax) {
    throw invalidField("/pageSize", `must be a whole number from 1 to ${pageSizeMax}`);
  }
  const properties = checkedProperties(query);
  const fromMs = checkedTime("/fromMs", query.fromMs ?? 0);
  const toMs = checkedTime("/toMs", query.toMs ?? endOfTimeMs);
  if (fromMs > toMs) throw invalidField("/toMs", "must not be before the beginning");
  const before = query.pageToken === undefined ? undefined : decodeToken(query.pageToken);
  return { deviceId: device.deviceId, properties, fromMs: Math.max(fromMs, keptFromMs), toMs, before, limit: pageSize + 1, pageSize };
}

/** The checked form of an aggregate query, which is yet to be counted by `assertIntervals`. */
export function toStoreAggregate(
  device: Pick<Device, "deviceId">,
  query: HistoryAggregateQuery,
  keptFromMs: number,
): HistoryStoreAggregate {
  const properties = checkedProperties(query);
  const fromMs = checkedTime("/fromMs", query.fromMs);
  const toMs = checkedTime("/toMs", query.toMs);
  const { intervalMs } = query;
  if (fromMs >= toMs) throw invalidField("/toMs", "must be after the beginning");
  if (!Number.isSafeInteger(intervalMs) || intervalMs < intervalMsMin) {
    throw invalidField("/intervalMs", `must be a whole number of milliseconds, at least ${intervalMsMin}`);
  }
  assertIntervals({ fromMs, toMs, intervalMs }, Math.max(1, properties.length));
  // Nothing lies beyond: a wider interval is the same one, and the database need not know how to write it.
  return {
    deviceId: device.deviceId,
    properties,
    fromMs: Math.max(fromMs, keptFromMs),
    toMs,
    intervalMs: Math.min(intervalMs, endOfTimeMs),
  };
}

/** Throws when so many properties make more intervals than one answer may hold. */
export function assertIntervals(
  { fromMs, toMs, intervalMs }: Pick<HistoryStoreAggregate, "fromMs" | "toMs" | "intervalMs">,
  properties: number,
): void {
  const each = Math.floor((toMs - 1) / intervalMs) - Math.floor(fromMs / intervalMs) + 1;
  if (each * properties <= intervalsMax) return;
  const of = properties === 1 ? "" : ` for each of ${properties} properties`;
  throw invalidField("/intervalMs", `makes ${each} intervals of this time${of}; ${intervalsMax} are allowed in all`);
}

/** Where the page after this point begins. */
export function encodeToken({ timeMs, offset, property }: Pick<StoredPoint, "timeMs" | "offset" | "property">): string {
  return Buffer.from(`${timeMs}:${offset}:${property}`).toString("base64url");
}

function decodeToken(token: string): PointPlace {
  const match = /^(\d{1,15}):(\d{1,15})(?::([^\0]*))?$/.exec(Buffer.from(token, "base64url").toString());
  if (match === null || Number(match[1]) > deviceTimeMsMax) throw invalidField("/pageToken", "is not one of ours");
  const [, timeMs, offset, property = ""] = match;
  return { timeMs: Number(timeMs), offset: Number(offset), property };
}

/** Each once. */
function checkedProperties({ property = "", properties = [] }: HistorySelection): readonly string[] {
  if (properties.length > propertiesMax) throw invalidField("/properties", `must be at most ${propertiesMax}`);
  for (const [at, name] of properties.entries()) assertProperty(`/properties/${at}`, name);
  if (property !== "") assertProperty("/property", property);
  return [...new Set(property === "" ? properties : [property, ...properties])];
}

function assertProperty(pointer: string, name: string): void {
  // What Postgres could not take is the name of no property either.
  if (name.length > 0 && name.length <= propertyLengthMax && !name.includes("\0") && name.isWellFormed()) return;
  throw invalidField(pointer, `must be 1 to ${propertyLengthMax} characters`);
}

function checkedTime(pointer: string, timeMs: number): number {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > endOfTimeMs) throw invalidField(pointer, "must be a time from 1970 to 9999");
  return timeMs;
}
