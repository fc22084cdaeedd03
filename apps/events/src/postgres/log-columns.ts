// Hot: rows of the log to records and back.
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type LogRecord, type NewRecord, type RecordKind } from "@mooring/contracts";
import { doubleArray, jsonArray, textArray, uuidArray } from "@mooring/db";

/** `body` as text: what was stored is handed on, not parsed and written anew. The time as a number, which is cheaper to take in than a date. */
export const recordColumns = `"offset", message_id, tenant_id, device_id, product_key, device_name, kind,
  (extract(epoch FROM received_at) * 1000)::bigint AS received_ms, body::text AS body`;

/** A row as an array, in the order of `recordColumns`. */
export type LogRow = [string, string, string, string, string, string, string, string, string];

export function toRecord(row: LogRow): LogRecord {
  return {
    offset: Number(row[0]),
    messageId: row[1],
    device: {
      tenantId: asTenantId(row[2]),
      deviceId: asDeviceId(row[3]),
      productKey: asProductKey(row[4]),
      deviceName: asDeviceName(row[5]),
    },
    kind: row[6] as RecordKind,
    receivedAtMs: Number(row[7]),
    body: row[8],
  };
}

/** For `unnest`, in the order in which the insert names them. */
export function toColumns(records: readonly NewRecord[]): unknown[] {
  const columns: [string[], string[], string[], string[], string[], string[], number[], string[]] = [[], [], [], [], [], [], [], []];
  for (const record of records) {
    columns[0].push(record.messageId);
    columns[1].push(record.device.tenantId);
    columns[2].push(record.device.deviceId);
    columns[3].push(record.device.productKey);
    columns[4].push(record.device.deviceName);
    columns[5].push(record.kind);
    columns[6].push(record.receivedAtMs);
    columns[7].push(record.body);
  }
  const [messageIds, tenantIds, deviceIds, productKeys, deviceNames, kinds, times, bodies] = columns;
  const ids = [uuidArray(messageIds), uuidArray(tenantIds), uuidArray(deviceIds)];
  return [...ids, textArray(productKeys), textArray(deviceNames), textArray(kinds), doubleArray(times), jsonArray(bodies)];
}
