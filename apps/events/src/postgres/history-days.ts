import { dropPartition, ensurePartition, transaction } from "@mooring/db";
import type { Pool } from "pg";
import type { HistoryDay, HistoryDays, KeptTimes } from "../history/ports.ts";
import { dayMs } from "../history/retention.ts";
import { historyCursor } from "./history-store.ts";

const table = "property_history";
const rest = `partitions.${table}_default`;
/** Of the one process that looks after the days. */
const upkeepLock = 7_270_005;
/** Of the table, gone through at a time: 8 MB, some 100,000 points, so that no statement takes long or writes much. */
const blocksPerBatch = 1_000;

/**
 * How the database is opened that this works with: the lock, the cursor and the work take a connection each, and moving a day's points into its
 * partition is one statement, which takes minutes when there are millions.
 */
export const historyDaysDatabase = { poolSize: 3, statementTimeoutMs: 600_000 } as const;

/** The history's days, partitions named `property_history_20261121`. */
export function createPostgresHistoryDays(pool: Pool): HistoryDays {
  return {
    exclusively: (work) => exclusively(pool, work),
    list: () => listDays(pool),
    ensure: (startMs) => ensureDay(pool, startMs),
    drop: (startMs) => dropPartition(pool, table, nameOf(startMs)),

    async findMissing({ fromMs, toMs, pointsMin, limit }) {
      const { rows } = await pool.query<{ start: Date }>(
        `SELECT date_bin('1 day', "time", '1970-01-01T00:00:00Z') AS start FROM ${rest}
         WHERE "time" >= to_timestamp($1::double precision / 1000.0) AND "time" < to_timestamp($2::double precision / 1000.0)
         GROUP BY 1 HAVING count(*) >= $3 ORDER BY count(*) DESC LIMIT $4`,
        [fromMs, toMs, pointsMin, limit],
      );
      return rows.map(({ start }) => start.getTime());
    },

    async sweep(startMs, { productKeys, mark, signal }) {
      const target = `partitions.${nameOf(startMs)}`;
      const removed = await sweepTable(pool, target, signal, "p.product_key = ANY($3::text[])", [productKeys]);
      if (!signal.aborted) await pool.query(`COMMENT ON TABLE ${target} IS '${mark.replaceAll("'", "''")}'`);
      return removed;
    },

    sweepRest(kept: KeptTimes, signal) {
      const [keys, times] = [kept.shorter.map(({ productKey }) => productKey), kept.shorter.map(({ fromMs }) => fromMs)];
      const isPast = `p."time" < to_timestamp(coalesce(s.from_ms, $5) / 1000.0)`;
      const shorter = "LEFT JOIN unnest($3::text[], $4::double precision[]) AS s (product_key, from_ms) USING (product_key)";
      return sweepTable(pool, rest, signal, isPast, [keys, times, kept.fromMs], shorter);
    },
  };
}

/** The lock is the connection's: it goes with it when this process dies. */
async function exclusively(pool: Pool, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  let isFree = false;
  try {
    const { rows } = await client.query<{ held: boolean }>("SELECT pg_try_advisory_lock($1) AS held", [upkeepLock]);
    isFree = rows[0]?.held !== true;
    if (isFree) return false;
    try {
      await work();
    } finally {
      await client.query("SELECT pg_advisory_unlock($1)", [upkeepLock]);
      isFree = true;
    }
    return true;
  } finally {
    client.release(!isFree);
  }
}

/** By name, so that a day whose removal was cut off after it was detached is still among them. */
async function listDays(pool: Pool): Promise<readonly HistoryDay[]> {
  const { rows } = await pool.query<{ day: string; mark: string | null }>(
    `SELECT right(relname, 8) AS day, obj_description(oid, 'pg_class') AS mark FROM pg_class
     WHERE relnamespace = 'partitions'::regnamespace AND relkind = 'r' AND relname ~ '^${table}_[0-9]{8}$' ORDER BY relname`,
  );
  return rows.map(({ day, mark }) => {
    const startMs = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6)));
    return { startMs, mark: mark ?? undefined };
  });
}

/** Holds the follower's cursor: a point written to the rest after the day's points were moved out of it would make attaching the day fail. */
async function ensureDay(pool: Pool, startMs: number): Promise<void> {
  await transaction(pool, async (client) => {
    await client.query("SET LOCAL idle_in_transaction_session_timeout = 0");
    await client.query("SELECT 1 FROM history_cursors WHERE name = $1 FOR UPDATE", [historyCursor]);
    const [from, to] = [startMs, startMs + dayMs].map((ms) => new Date(ms).toISOString()) as [string, string];
    await ensurePartition(pool, { table, key: "time", name: nameOf(startMs), from, to });
  });
}

/** Goes through a table once, in batches of blocks: there is no index by product or time alone, which every point would have to pay for. */
async function sweepTable(
  pool: Pool,
  target: string,
  signal: AbortSignal,
  isPast: string,
  values: readonly unknown[],
  join = "",
): Promise<number> {
  const { rows } = await pool.query<{ blocks: string }>(
    "SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint AS blocks",
    [target],
  );
  const blocks = Number(rows[0]?.blocks ?? 0);
  let removed = 0;
  for (let block = 0; block < blocks && !signal.aborted; block += blocksPerBatch) {
    const { rowCount } = await pool.query(
      `DELETE FROM ${target} WHERE ctid = ANY(ARRAY(
         SELECT p.ctid FROM ${target} AS p ${join} WHERE p.ctid >= $1::tid AND p.ctid < $2::tid AND ${isPast}))`,
      [`(${block},0)`, `(${block + blocksPerBatch},0)`, ...values],
    );
    removed += rowCount ?? 0;
  }
  return removed;
}

function nameOf(startMs: number): string {
  return `${table}_${new Date(startMs).toISOString().slice(0, 10).replaceAll("-", "")}`;
}
