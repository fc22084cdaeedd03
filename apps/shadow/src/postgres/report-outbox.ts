import { asDeviceId, asDeviceName, asProductKey, asTenantId, type NewRecord } from "@mooring/contracts";
import { doubleArray, jsonArray, textArray, transaction, uuidArray } from "@mooring/db";
import type { Pool, PoolClient } from "pg";
import type { ReportOutbox } from "../ports.ts";

/** Held while reports are on their way to the log, so that one process at a time sends them, in order. */
const relayLock = 4_706_011;

/** In the transaction of the changes, whose devices are locked: ids grow in the order in which one device says things. */
export async function insertReports(client: PoolClient, reports: readonly NewRecord[]): Promise<void> {
  if (reports.length === 0) return;
  await client.query({
    name: "shadow-reports-insert",
    text: `INSERT INTO shadow_reports (message_id, tenant_id, device_id, product_key, device_name, received_at, body)
           SELECT r.message_id, r.tenant_id, r.device_id, r.product_key, r.device_name, to_timestamp(r.received_ms / 1000.0), r.body
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::double precision[], $7::json[]) WITH ORDINALITY
             AS r (message_id, tenant_id, device_id, product_key, device_name, received_ms, body, place)
           ORDER BY r.place`,
    values: [
      uuidArray(reports.map(({ messageId }) => messageId)),
      uuidArray(reports.map(({ device }) => device.tenantId)),
      uuidArray(reports.map(({ device }) => device.deviceId)),
      textArray(reports.map(({ device }) => device.productKey)),
      textArray(reports.map(({ device }) => device.deviceName)),
      doubleArray(reports.map(({ receivedAtMs }) => receivedAtMs)),
      jsonArray(reports.map(({ body }) => body)),
    ],
  });
}

interface ReportRow {
  readonly message_id: string;
  readonly tenant_id: string;
  readonly device_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly received_at: Date;
  readonly body: string;
}

/** The oldest, as many as have so many bytes together, and one at least. */
const oldestSql = `
  SELECT message_id, tenant_id, device_id, product_key, device_name, received_at, body FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
      SELECT id, message_id, tenant_id, device_id, product_key, device_name, received_at, body::text AS body
      FROM shadow_reports ORDER BY id LIMIT $1
    ) AS oldest
  ) AS counted WHERE before < $2 ORDER BY id`;

export function createPostgresReportOutbox(pool: Pool): ReportOutbox {
  return {
    take: ({ reportsMax, bytesMax }, relay) =>
      transaction(pool, async (client) => {
        // What a crash takes back is sent again under its id, and the log has it once.
        const { rows: locked } = await client.query<{ got: boolean }>(
          "SELECT pg_try_advisory_xact_lock($1) AS got, set_config('synchronous_commit', 'off', true)",
          [relayLock],
        );
        if (locked[0]?.got !== true) return "busy";
        const { rows } = await client.query<ReportRow>({ name: "shadow-reports-oldest", text: oldestSql, values: [reportsMax, bytesMax] });
        if (rows.length === 0) return [];
        await relay(rows.map(toRecord));
        const ids = rows.map((row) => row.message_id);
        await client.query({
          name: "shadow-reports-done",
          text: "DELETE FROM shadow_reports WHERE message_id = ANY($1::uuid[])",
          values: [ids],
        });
        return ids;
      }),

    async waiting(messageIds) {
      const text = "SELECT message_id FROM shadow_reports WHERE message_id = ANY($1::uuid[])";
      const { rows } = await pool.query<{ message_id: string }>({ name: "shadow-reports-waiting", text, values: [messageIds] });
      return rows.map((row) => row.message_id);
    },
  };
}

function toRecord(row: ReportRow): NewRecord {
  const device = {
    tenantId: asTenantId(row.tenant_id),
    deviceId: asDeviceId(row.device_id),
    productKey: asProductKey(row.product_key),
    deviceName: asDeviceName(row.device_name),
  };
  return { messageId: row.message_id, device, kind: "properties", receivedAtMs: row.received_at.getTime(), body: row.body };
}
