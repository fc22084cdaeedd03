// The log's segments: partitions of `event_log` by ranges of offsets.
//
//   event_log   [0 ........ 1,000,000) [1,000,000 .... 2,000,000) [2,000,000 .... 3,000,000)
//               closed: never grows     current: written          made ahead, empty
import { dropPartition, ensurePartition, listPartitions } from "@mooring/db";
import type { Pool } from "pg";
import type { LogSegments, LogState, Segment } from "../log/ports.ts";

const table = "event_log";
export const sequence = "event_log_offset_seq";
/** Offsets in a segment: some hundreds of MB of reports. Small enough to be dropped often, large enough that there are few. */
export const segmentSize = 1_000_000;
/** Held from before the first offset is drawn until commit, so that offsets become visible in their order and no reader can step over one. */
export const appendLock = 7_270_001;
/** Held while old segments are looked after: one process at a time. */
const upkeepLock = 7_270_003;

/** SQL: where the segment begins that the offset after `last` lies in. */
export const segmentAfter = (last: string): string => `(${last} + 1) / ${segmentSize} * ${segmentSize}`;

/** Makes the segment that begins at `from` unless it is there. Appends and reads go on meanwhile. */
export function ensureSegment(pool: Pool, from: number): Promise<void> {
  return ensurePartition(pool, {
    table,
    key: "offset",
    name: `${table}_${from}`,
    from: String(from),
    to: String(from + segmentSize),
    prepare: (name) => `CREATE UNIQUE INDEX ON ${name} (message_id)`,
  });
}

/** The lowest offset that a record can have: where the first segment begins. */
export async function firstOffset(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ first: string | null }>({
    name: "events-first",
    text: `
      SELECT min(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''?(\\d+)')::bigint) AS first
      FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
      WHERE i.inhparent = '${table}'::regclass AND NOT i.inhdetachpending`,
  });
  return Math.max(1, Number(rows[0]?.first ?? 0));
}

export function createPostgresSegments(pool: Pool): LogSegments {
  return {
    ensure: (from) => ensureSegment(pool, from),
    state: () => loadState(pool),
    list: () => listSegments(pool),
    close: (from) => closeSegment(pool, from),
    drop: (segment) => dropPartition(pool, table, segment.name),
    dropRests: () => dropRests(pool),
    alone: (work) => alone(pool, work),
  };
}

async function loadState(pool: Pool): Promise<LogState> {
  const { rows } = await pool.query<{ current: string; next_there: boolean; end: string; consumers: LogState["consumers"] | null }>({
    name: "events-state",
    text: `
      WITH seen AS MATERIALIZED (SELECT ${segmentAfter(`coalesce(pg_sequence_last_value('${sequence}'), 0)`)} AS current),
      reached AS MATERIALIZED (
        SELECT c.name, c."offset", coalesce(extract(epoch FROM now() - r.received_at), 0)::float8 AS "lagS"
        FROM log_consumers AS c
        LEFT JOIN LATERAL (SELECT received_at FROM event_log AS l WHERE l."offset" > c."offset" ORDER BY l."offset" LIMIT 1) AS r ON true
        ORDER BY c.name LIMIT 100
      )
      SELECT current, to_regclass('partitions.${table}_' || (current + ${segmentSize})) IS NOT NULL AS next_there,
        (SELECT coalesce(max("offset"), 0) FROM event_log) AS "end", (SELECT json_agg(reached) FROM reached) AS consumers
      FROM seen`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error("the state of the log is one row");
  const current = Number(row.current);
  const consumers = (row.consumers ?? []).map((consumer) => ({ ...consumer, lagS: Math.max(0, consumer.lagS) }));
  return { current, next: current + segmentSize, isNextThere: row.next_there, end: Number(row.end), consumers };
}

async function listSegments(pool: Pool): Promise<readonly Segment[]> {
  const partitions = await listPartitions(pool, table);
  return Promise.all(
    partitions.map(async ({ name, from, to, bytes }) => {
      const bound = async (order: "ASC" | "DESC") => {
        const { rows } = await pool.query<{ offset: string; received_at: Date }>(
          `SELECT "offset", received_at FROM event_log WHERE "offset" >= $1 AND "offset" < $2 ORDER BY "offset" ${order} LIMIT 1`,
          [from, to],
        );
        return rows[0];
      };
      const [first, last] = [await bound("ASC"), await bound("DESC")];
      return {
        name,
        from: Number(from),
        to: Number(to),
        bytes,
        last: last === undefined ? undefined : Number(last.offset),
        firstReceivedMs: first?.received_at.getTime(),
        lastReceivedMs: last?.received_at.getTime(),
      };
    }),
  );
}

/** The next offset drawn will be the next segment's first. Under the lock of appends, so that what is in the segment then is all there will ever be. */
async function closeSegment(pool: Pool, from: number): Promise<boolean> {
  const { rowCount } = await pool.query(
    `WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(${appendLock})),
     seen AS MATERIALIZED (SELECT coalesce(pg_sequence_last_value('${sequence}'), 0) AS last FROM held)
     SELECT setval('${sequence}', $1::bigint + ${segmentSize} - 1) FROM seen WHERE ${segmentAfter("last")} = $1`,
    [from],
  );
  return rowCount === 1;
}

/** Tables that a process which died had taken out of the log and not dropped yet. */
async function dropRests(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = '${table}'::regclass
     WHERE n.nspname = 'partitions' AND c.relkind = 'r' AND c.relname ~ '^${table}_\\d+$' AND (i.inhrelid IS NULL OR i.inhdetachpending)`,
  );
  for (const { name } of rows) await dropPartition(pool, table, name);
}

/** A session's lock, not a transaction's: detaching a partition waits for transactions. */
async function alone(pool: Pool, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  let isHeld = false;
  try {
    const { rows } = await client.query<{ held: boolean }>(`SELECT pg_try_advisory_lock(${upkeepLock}) AS held`);
    isHeld = rows[0]?.held === true;
    if (isHeld) await work();
    return isHeld;
  } finally {
    // A connection that may still hold the lock is closed rather than given back.
    const isFree = !isHeld || (await client.query(`SELECT pg_advisory_unlock(${upkeepLock})`).then(Boolean, () => false));
    client.release(!isFree);
  }
}
