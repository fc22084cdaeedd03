import type { JsonValue } from "@mooring/contracts";
import type { Pool } from "pg";
import type { HistoryStoreQuery, StoredPoint } from "../history/ports.ts";
import { namesIn, time, windowsOf } from "./history-windows.ts";

/** Along the primary key backwards. The row comparison goes on exactly after a point, whatever has come in since. */
const querySql = `
  SELECT "time", "offset", message_id, value FROM property_history
  WHERE device_id = $1 AND property = $2 AND "time" >= ${time("$3")} AND "time" < ${time("$4")} AND ("time", "offset") < (${time("$5")}, $6::bigint)
  ORDER BY "time" DESC, "offset" DESC LIMIT $7`;

/**
 * The same for each of several properties, put together. Points of one record have one time and one offset, so the name has the last word about the
 * order; what was given before a point of the page before is gone on after by its name.
 */
const severalSql = `
  SELECT p."time", p."offset", p.message_id, p.value, n.property
  FROM unnest($2::text[]) AS n (property), LATERAL (
    SELECT "time", "offset", message_id, value FROM property_history AS h
    WHERE h.device_id = $1 AND h.property = n.property AND h."time" >= ${time("$3")} AND h."time" < ${time("$4")}
      AND (h."time", h."offset") < (${time("$5")}, $6::bigint + (n.property COLLATE "C" < $8::text COLLATE "C")::int)
    ORDER BY h."time" DESC, h."offset" DESC LIMIT $7
  ) AS p
  ORDER BY p."time" DESC, p."offset" DESC, n.property COLLATE "C" DESC LIMIT $7`;

/** No offset is higher. */
const offsetMax = Number.MAX_SAFE_INTEGER;

/** Statements have no name, so that each is planned with its bounds: a plan that is kept locks all days there are. */
export async function queryPoints(pool: Pool, query: HistoryStoreQuery): Promise<readonly StoredPoint[]> {
  const { deviceId, properties, before, limit } = query;
  // The days after the point that the page begins at need not be looked at.
  const toMs = before === undefined ? query.toMs : Math.min(query.toMs, before.timeMs + 1);
  const after = before ?? { timeMs: toMs, offset: offsetMax };
  const points: StoredPoint[] = [];
  for (const window of windowsOf({ fromMs: query.fromMs, toMs }, Date.now())) {
    const names = properties.length > 0 ? properties : await namesIn(pool, deviceId, window);
    const bounds = [window.fromMs, window.toMs, after.timeMs, after.offset, limit - points.length];
    for (const row of await queryWindow(pool, { deviceId, names, bounds, beforeName: before?.property ?? "" })) {
      const { property, value } = row;
      points.push({ property, timeMs: row.time.getTime(), value, messageId: row.message_id, offset: Number(row.offset) });
    }
    if (points.length >= limit) break;
  }
  return points;
}

interface WindowQuery {
  readonly deviceId: string;
  readonly names: readonly string[];
  readonly bounds: readonly number[];
  readonly beforeName: string;
}

async function queryWindow(pool: Pool, { deviceId, names, bounds, beforeName }: WindowQuery): Promise<readonly PointRow[]> {
  const [property] = names;
  if (property === undefined) return [];
  if (names.length > 1) return (await pool.query<PointRow>(severalSql, [deviceId, names, ...bounds, beforeName])).rows;
  const { rows } = await pool.query<Omit<PointRow, "property">>(querySql, [deviceId, property, ...bounds]);
  return rows.map((row) => ({ ...row, property }));
}

interface PointRow {
  readonly time: Date;
  readonly offset: string;
  readonly message_id: string;
  readonly property: string;
  readonly value: JsonValue;
}
