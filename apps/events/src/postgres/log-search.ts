import type { Pool } from "pg";
import type { EventLog } from "../ports.ts";

/**
 * Halves the log until the place is found: about 25 looks into the primary key for a billion records. Records are received in about the order
 * in which they are stored, so near the place some may be on the wrong side of it.
 */
export async function findOffsetAt(pool: Pool, log: Pick<EventLog, "first" | "end">, timeMs: number): Promise<number> {
  // Up to `low` all were received before the time, after `high` all at it or later.
  let low = (await log.first()) - 1;
  let high = await log.end();
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { rows } = await pool.query<{ offset: string; is_before: boolean }>({
      name: "events-search",
      text: `
        SELECT "offset", received_at < to_timestamp($3::double precision / 1000.0) AS is_before
        FROM event_log WHERE "offset" > $1 AND "offset" <= $2 ORDER BY "offset" LIMIT 1`,
      values: [middle, high, timeMs],
    });
    const found = rows[0];
    if (found?.is_before) low = Number(found.offset);
    else high = middle;
  }
  return low;
}
