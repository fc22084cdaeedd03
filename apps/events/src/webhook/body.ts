import { createHash } from "node:crypto";
import type { LogRecord } from "@mooring/contracts";

/** The JSON of one request. A record's body is JSON text already and is taken over as it is. */
export function encodeBatch(subscription: string, records: readonly LogRecord[]): Buffer {
  return Buffer.from(`{"subscription":${JSON.stringify(subscription)},"records":[${records.map(encodeRecord).join(",")}]}`);
}

function encodeRecord(record: LogRecord): string {
  const { offset, messageId, kind, device, receivedAtMs, body } = record;
  const { productKey, deviceName, deviceId } = device;
  const head = { offset, messageId, kind, productKey, deviceName, deviceId, receivedAt: new Date(receivedAtMs).toISOString() };
  return `${JSON.stringify(head).slice(0, -1)},"body":${body}}`;
}

/** Names the content: a batch that is tried again has the same id, also from another process, so that receivers know it. */
export function batchId(tenantId: string, subscription: string, records: readonly LogRecord[]): string {
  const hash = createHash("sha256").update(`${tenantId}/${subscription}`);
  for (const { offset } of records) hash.update(`,${offset}`);
  return `wh_${hash.digest("hex").slice(0, 32)}`;
}

/** About what a record takes in a request. */
export const recordBytes = (record: LogRecord): number => record.body.length + 300;
