import { invalidField } from "@mooring/contracts";
import type { Pool } from "pg";
import { propertiesFoundMax } from "../history/ports.ts";
import { dayMs } from "../history/retention.ts";

/**
 * Each day that a statement may touch costs two locks, of which Postgres has some thousands for everybody, and planning time; ten years are 3,650
 * days. So long times are asked for in windows. The first one is short, since most ask for what came last.
 */
const [windowDaysFirst, windowDaysMax] = [8, 92];
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The windows of a time, newest first. What lies ahead of now is in no days, but for some, and belongs to the first. */
export function windowsOf({ fromMs, toMs }: Window, nowMs: number): readonly Window[] {
  const windows: Window[] = [];
  let days = windowDaysFirst;
  for (let end = toMs; end > fromMs; days = Math.min(days * 4, windowDaysMax)) {
    const start = Math.max(fromMs, Math.min(end, nowMs) - days * dayMs);
    windows.push({ fromMs: start, toMs: end });
    end = start;
  }
  return windows;
}

/** A time given in milliseconds as the column holds it: floats of far times are some microseconds off. Bounds leave out the days beside them. */
export const time = (parameter: string): string => `to_timestamp(${parameter}::double precision / 1000.0)::timestamptz(3)`;

/** From one name of the primary key to the next: a device says few properties, each of them often. */
const namesSql = `
  WITH RECURSIVE names AS (
    SELECT min(property) AS property FROM property_history WHERE device_id = $1 AND "time" >= ${time("$2")} AND "time" < ${time("$3")}
    UNION ALL
    SELECT (
      SELECT min(property) FROM property_history AS h
      WHERE h.device_id = $1 AND h.property > names.property AND h."time" >= ${time("$2")} AND h."time" < ${time("$3")}
    ) FROM names WHERE names.property IS NOT NULL
  )
  SELECT property FROM names WHERE property IS NOT NULL LIMIT $4`;

/** The properties that a device has points of in a window. Throws `invalidArgument` when there are too many to be looked for without being named. */
export async function namesIn(pool: Pool, deviceId: string, { fromMs, toMs }: Window): Promise<readonly string[]> {
  const { rows } = await pool.query<{ property: string }>(namesSql, [deviceId, fromMs, toMs, propertiesFoundMax + 1]);
  if (rows.length <= propertiesFoundMax) return rows.map(({ property }) => property);
  throw invalidField("/properties", `must be given: the device has more than ${propertiesFoundMax} properties in this time`);
}
