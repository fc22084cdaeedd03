import type { Pool } from "pg";
import { transaction } from "./transaction.ts";

/** Partitions lie in a schema of their own, which Prisma's migrations do not look at. */
const schema = "partitions";
/** With the table's name: so that two processes that make the same partition do not meet. */
const lockClass = 7_270_002;

/** One range partition of a table, `from` inclusive, `to` exclusive, as Postgres writes the bounds without quotes. */
export interface Partition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** With indexes and TOAST. */
  readonly bytes: number;
}

export interface NewPartition {
  readonly table: string;
  /** The column that the table is partitioned by. */
  readonly key: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** More statements for the empty table, given its quoted name: indexes that only partitions have. */
  readonly prepare?: (quotedName: string) => string;
}

/**
 * Makes a partition unless there is one of that name. Writers and readers go on meanwhile: it is made apart and attached. Rows of its range
 * that lie in the table's default partition, if it has one, move into it. Throws when the range overlaps another partition's.
 */
export async function ensurePartition(pool: Pool, { table, key, name, from, to, prepare }: NewPartition): Promise<void> {
  const target = `${schema}.${quote(name)}`;
  await transaction(pool, async (client) => {
    await client.query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [lockClass, table]);
    const { rows } = await client.query<{ there: boolean; fallback: string | null }>(
      `SELECT to_regclass($1) IS NOT NULL AS there,
         (SELECT partdefid::regclass::text FROM pg_partitioned_table WHERE partrelid = $2::regclass AND partdefid <> 0) AS fallback`,
      [target, quote(table)],
    );
    if (rows[0]?.there) return;
    await client.query(`CREATE TABLE ${target} (LIKE ${quote(table)} INCLUDING ALL)`);
    if (prepare !== undefined) await client.query(prepare(target));
    const range = [from, to].map((bound) => client.escapeLiteral(bound));
    const fallback = rows[0]?.fallback;
    if (fallback != null) {
      const within = `${quote(key)} >= ${range[0]} AND ${quote(key)} < ${range[1]}`;
      await client.query(`WITH moved AS (DELETE FROM ${fallback} WHERE ${within} RETURNING *) INSERT INTO ${target} SELECT * FROM moved`);
    }
    await client.query(`ALTER TABLE ${quote(table)} ATTACH PARTITION ${target} FOR VALUES FROM (${range[0]}) TO (${range[1]})`);
  });
}

/** The table's partitions, lowest first; the default partition and those with an open bound are left out. */
export async function listPartitions(pool: Pool, table: string): Promise<readonly Partition[]> {
  const { rows } = await pool.query<{ name: string; bounds: string; bytes: string }>(
    `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds, pg_total_relation_size(c.oid) AS bytes
     FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
     WHERE i.inhparent = $1::regclass AND NOT i.inhdetachpending`,
    [quote(table)],
  );
  const partitions = rows.flatMap(({ name, bounds, bytes }) => {
    const match = /^FOR VALUES FROM \('?([^']*)'?\) TO \('?([^']*)'?\)$/.exec(bounds);
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ name, from: match[1], to: match[2], bytes: Number(bytes) }];
  });
  return partitions.sort((a, b) => compare(a.from, b.from));
}

/**
 * Drops a partition with all its rows. Readers and writers of the others are not held up: it is detached first, which waits for who reads it.
 * Idempotent, and goes on where a process that died meanwhile left it.
 */
export async function dropPartition(pool: Pool, table: string, name: string): Promise<void> {
  const target = `${schema}.${quote(name)}`;
  const { rows } = await pool.query<{ attached: boolean; pending: boolean; fallback: boolean }>(
    `SELECT i.inhparent IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS pending,
       (SELECT partdefid <> 0 FROM pg_partitioned_table WHERE partrelid = $2::regclass) AS fallback
     FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = $2::regclass WHERE c.oid = to_regclass($1)`,
    [target, quote(table)],
  );
  const there = rows[0];
  if (there === undefined) return;
  if (there.attached) {
    // Postgres does not detach concurrently from a table with a default partition.
    const how = there.pending ? "FINALIZE" : there.fallback ? "" : "CONCURRENTLY";
    await pool.query(`ALTER TABLE ${quote(table)} DETACH PARTITION ${target} ${how}`);
  }
  await pool.query(`DROP TABLE IF EXISTS ${target}`);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Numbers by value, times (which Postgres writes with their highest part first) by text. */
function compare(a: string, b: string): number {
  const numeric = /^-?\d+$/;
  if (numeric.test(a) && numeric.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
