import { transaction } from "@mooring/db";
import type { Pool, PoolClient } from "pg";

/** A number of our own among the advisory locks. */
const writeLock = 7_270_011;

/**
 * Taken before anything is written, held until commit: one writer at a time, over all processes. So a statement sees all that was written before it;
 * rows that belong together need no locks of their own, and nothing can deadlock. Writers gather what waits meanwhile, so little is lost.
 *
 * Statements that follow look rows up by key. The tables run empty and full: a plan made for the empty table, which reads it from end to end, may not
 * be kept for the full one.
 */
const lockSql = `SELECT pg_advisory_xact_lock(${writeLock}), set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true)`;

/** Runs `work` as the only writer. Resolves when it is committed and on disk. */
export function writing<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return transaction(pool, work, lockSql);
}

/** Resolves when what is being written now is committed, or rolled back. */
export async function afterWriters(pool: Pool): Promise<void> {
  await pool.query(`SELECT pg_advisory_xact_lock(${writeLock})`);
}
