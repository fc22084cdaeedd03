import {
  type Device,
  deviceTimeMsMax,
  type HistoryAggregateQuery,
  type HistoryQuery,
  invalidField,
  pageSizeDefault,
  pageSizeMax,
} from "@mooring/contracts";
import type { HistoryStoreAggregate, HistoryStoreQuery, StoredPoint } from "./ports.ts";

/** Shorter ones are points, not intervals. */
const intervalMsMin = 1_000;
/** What one answer may hold: about 1 MB. */
export const intervalsMax = 10_000;
/** What a gateway lets into a report. */
const propertyLengthMax = 256;
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
  const property = checkedProperty(query.property);
  const fromMs = checkedTime("/fromMs", query.fromMs ?? 0);
  const toMs = checkedTime("/toMs", query.toMs ?? endOfTimeMs);
  const before = query.pageToken === undefined ? undefined : decodeToken(query.pageToken);
  return { deviceId: device.deviceId, property, fromMs: Math.max(fromMs, keptFromMs), toMs, before, limit: pageSize + 1, pageSize };
}

/** The checked form of an aggregate query. */
export function toStoreAggregate(
  device: Pick<Device, "deviceId">,
  query: HistoryAggregateQuery,
  keptFromMs: number,
): HistoryStoreAggregate {
  const property = checkedProperty(query.property);
  const fromMs = checkedTime("/fromMs", query.fromMs);
  const toMs = checkedTime("/toMs", query.toMs);
  const { intervalMs } = query;
  if (fromMs >= toMs) throw invalidField("/toMs", "must be after the beginning");
  if (!Number.isSafeInteger(intervalMs) || intervalMs < intervalMsMin) {
    throw invalidField("/intervalMs", `must be a whole number of milliseconds, at least ${intervalMsMin}`);
  }
  const intervals = Math.floor((toMs - 1) / intervalMs) - Math.floor(fromMs / intervalMs) + 1;
  if (intervals > intervalsMax)
    throw invalidField("/intervalMs", `makes ${intervals} intervals of this time, of which ${intervalsMax} are allowed`);
  // Nothing lies beyond: a wider interval is the same one, and the database need not know how to write it.
  return { deviceId: device.deviceId, property, fromMs: Math.max(fromMs, keptFromMs), toMs, intervalMs: Math.min(intervalMs, endOfTimeMs) };
}

/** Where the page after this point begins. */
export function encodeToken(point: Pick<StoredPoint, "timeMs" | "offset">): string {
  return Buffer.from(`${point.timeMs}:${point.offset}`).toString("base64url");
}

function decodeToken(token: string): { readonly timeMs: number; readonly offset: number } {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(Buffer.from(token, "base64url").toString("latin1"));
  if (match === null || Number(match[1]) > deviceTimeMsMax) throw invalidField("/pageToken", "is not one of ours");
  return { timeMs: Number(match[1]), offset: Number(match[2]) };
}

function checkedProperty(property: string): string {
  // What Postgres could not take is the name of no property either.
  if (property.length === 0 || property.length > propertyLengthMax || property.includes("\0") || !property.isWellFormed()) {
    throw invalidField("/property", `must be 1 to ${propertyLengthMax} characters`);
  }
  return property;
}

function checkedTime(pointer: string, timeMs: number): number {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > endOfTimeMs) throw invalidField(pointer, "must be a time from 1970 to 9999");
  return timeMs;
}
