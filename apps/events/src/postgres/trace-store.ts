import { transaction } from "@mooring/db";
import type { Pool } from "pg";
import type { TraceStore } from "../trace/ports.ts";
import { historyCursor } from "./history-store.ts";
import { type LogRow, recordColumns, toRecord } from "./log-columns.ts";

/**
 * By the index on (device_id, offset), from segment to segment backwards, until there are enough. Left to itself the planner reads all records of
 * the device and sorts them, since most devices have few: of a device with half a million that would take a second.
 */
const byIndexSql = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";
const recordsSql = `SELECT ${recordColumns} FROM event_log WHERE device_id = $1 ORDER BY "offset" DESC LIMIT $2`;

/** The history's own cursor, and what the shadow last said of its own. */
const positionsSql = `
  SELECT coalesce((SELECT "offset" FROM history_cursors WHERE name = '${historyCursor}'), 0) AS history,
    coalesce((SELECT "offset" FROM log_consumers WHERE name = 'shadow'), 0) AS shadow`;

export function createPostgresTraceStore(pool: Pool): TraceStore {
  return {
    lastRecords: (deviceId, limit) =>
      transaction(pool, async (client) => {
        await client.query(byIndexSql);
        const { rows } = await client.query<LogRow>({ text: recordsSql, values: [deviceId, limit], rowMode: "array" });
        return rows.map(toRecord);
      }),

    async positions() {
      const { rows } = await pool.query<{ history: string; shadow: string }>({ name: "trace-positions", text: positionsSql });
      return { history: Number(rows[0]?.history ?? 0), shadow: Number(rows[0]?.shadow ?? 0) };
    },
  };
}
