import { deviceTimeMsMax } from "@mooring/contracts";
import type { Pool } from "pg";
import { type Followed, type HistoryStore, historyConsumer, type KeptTimes } from "../history/ports.ts";
import { aggregatePoints, listProperties } from "./history-aggregate.ts";
import { queryPoints } from "./history-query.ts";

/** Also locked while days are made, so that nothing is written to the history meanwhile. */
export const historyCursor = "property-history";

/**
 * SQL: whether a text is digits with at most one point among them, so that reading it as a number cannot fail. Not by a regular expression, which
 * is put together anew for each statement's every value and would cost a seventh of the whole.
 */
const isTime = (said: string): string =>
  `length(${said}) <= 25 AND translate(${said}, '0123456789', '') IN ('', '.') AND ${said} NOT IN ('', '.')`;

/**
 * Effect and cursor in one statement: each record is applied exactly once, however often this is tried, and no value leaves the database. The
 * commit need not wait for the disk: what a crash takes away, effect and cursor together, is made again from the log. Gateways refuse times that
 * are none; one that got through all the same is passed over rather than stop the history of everybody. The inner OFFSET 0 keep Postgres from
 * reading the time out of the JSON once per mention.
 */
const followSql = (onConflict: string): string => `
  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
  held AS MATERIALIZED (SELECT "offset" FROM history_cursors, relaxed WHERE name = $1 FOR UPDATE OF history_cursors SKIP LOCKED),
  batch AS MATERIALIZED (
    SELECT l."offset", l.message_id, l.device_id, l.product_key, l.kind, l.body
    FROM event_log AS l WHERE l."offset" > (SELECT "offset" FROM held) ORDER BY l."offset" LIMIT $2
  ),
  shorter AS MATERIALIZED (SELECT * FROM unnest($4::text[], $5::double precision[]) AS s (product_key, from_ms)),
  points AS (
    SELECT b."offset", b.message_id, b.device_id, b.product_key, p.key AS property, p.value -> 'value' AS value, t.time_ms
    FROM batch AS b, json_each(b.body -> 'properties') AS p, LATERAL (
      SELECT CASE WHEN ${isTime("said")} THEN said::double precision END AS time_ms
      FROM (SELECT p.value ->> 'time' AS said OFFSET 0) AS s OFFSET 0
    ) AS t
    WHERE b.kind = 'properties'
  ),
  applied AS (
    INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
    SELECT device_id, property, to_timestamp(time_ms / 1000.0), "offset", product_key, message_id, value
    FROM points LEFT JOIN shorter USING (product_key)
    WHERE time_ms BETWEEN greatest(0, coalesce(shorter.from_ms, $3::double precision)) AND ${deviceTimeMsMax}
    ${onConflict}
    RETURNING 1
  ),
  moved AS (
    UPDATE history_cursors SET "offset" = (SELECT max("offset") FROM batch) WHERE name = $1 AND EXISTS (SELECT 1 FROM batch)
  )
  SELECT (SELECT count(*) FROM batch) AS records, (SELECT count(*) FROM applied) AS points, (SELECT max("offset") FROM batch) AS "offset"`;

/** A record cannot meet itself, unless its body names a property twice: looking for that in each point would cost a sixth of the whole. */
const fast = { name: "history-follow", text: followSql("") };
const careful = { name: "history-follow-careful", text: followSql("ON CONFLICT DO NOTHING") };

/** Only while the cursor is where it was when the record after it failed: another process may have passed it over in between. */
const passOverSql = `
  UPDATE history_cursors SET "offset" = (SELECT min("offset") FROM event_log WHERE "offset" > $2)
  WHERE name = $1 AND "offset" = $2 AND EXISTS (SELECT 1 FROM event_log WHERE "offset" > $2)
  RETURNING "offset"`;

/**
 * The cursor that is read here may not be on disk yet, but the commit of this statement waits for the disk, and the disk takes commits in their
 * order: once this is there, so is that.
 */
const reportSql = `
  INSERT INTO log_consumers AS c (name, "offset", seen_at) SELECT $1, "offset", now() FROM history_cursors WHERE name = $2
  ON CONFLICT (name) DO UPDATE SET "offset" = greatest(c."offset", excluded."offset"), seen_at = excluded.seen_at`;

const nothing: Followed = { records: 0, points: 0 };

export function createPostgresHistoryStore(pool: Pool): HistoryStore {
  let hasCursor = false;

  async function makeCursor(): Promise<void> {
    if (!hasCursor) await pool.query(`INSERT INTO history_cursors (name, "offset") VALUES ($1, 0) ON CONFLICT DO NOTHING`, [historyCursor]);
    hasCursor = true;
  }

  async function apply(statement: typeof fast, limit: number, kept: KeptTimes): Promise<Followed> {
    const [keys, times] = [kept.shorter.map(({ productKey }) => productKey), kept.shorter.map(({ fromMs }) => fromMs)];
    const values = [historyCursor, limit, kept.fromMs, keys, times];
    const { rows } = await pool.query<{ records: string; points: string; offset: string | null }>({ ...statement, values });
    const [row] = rows;
    const reached = row?.offset == null ? {} : { offset: Number(row.offset) };
    return { records: Number(row?.records ?? 0), points: Number(row?.points ?? 0), ...reached };
  }

  /** Applies one record, or, when that cannot be, goes on after it. */
  async function followOne(kept: KeptTimes): Promise<Followed> {
    const { rows } = await pool.query<{ offset: string }>('SELECT "offset" FROM history_cursors WHERE name = $1', [historyCursor]);
    try {
      return await apply(careful, 1, kept);
    } catch (error) {
      if (!isDataError(error)) throw error;
      const passed = await pool.query<{ offset: string }>(passOverSql, [historyCursor, rows[0]?.offset]);
      const passedOver = passed.rows[0]?.offset;
      return passedOver === undefined ? nothing : { records: 1, points: 0, passedOver: Number(passedOver) };
    }
  }

  /** A batch with a record that cannot be applied is halved until that record is alone. */
  async function follow(limit: number, kept: KeptTimes): Promise<Followed> {
    if (limit <= 1) return followOne(kept);
    try {
      return await apply(fast, limit, kept);
    } catch (error) {
      // Came in the way of a day that was being made: the statement began before and would have written beside it.
      if (sqlState(error) === "23514") return nothing;
      if (!isDataError(error)) throw error;
      return follow(limit >> 1, kept);
    }
  }

  return {
    async follow(limit, kept) {
      await makeCursor();
      return follow(limit, kept);
    },
    async reportPosition() {
      await makeCursor();
      await pool.query({ name: "history-report", text: reportSql, values: [historyConsumer, historyCursor] });
    },
    query: (query) => queryPoints(pool, query),
    properties: (range) => listProperties(pool, range),
    aggregate: (query) => aggregatePoints(pool, query),
  };
}

/** SQLSTATE class 22 (data exception), a key that is there twice, a value that is missing: the same data will be refused again. */
function isDataError(error: unknown): boolean {
  return /^(22|23505|23502)/.test(sqlState(error));
}

function sqlState(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
