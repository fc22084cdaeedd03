import type { ErrorCode } from "@mooring/contracts";
import type { Pool, PoolClient } from "pg";
import type { RefusedReport } from "../ports.ts";

/** The longest window in which a message that comes again is the same one: MOORING_LOG_DEDUPLICATION_MINUTES is at most a week. */
const keptMs = 7 * 86_400_000;
/** More than one insert writes, so that the table does not grow beyond its time. */
const forgetMax = 2_000;
const reasonCharactersMax = 512;

/** Writes down which reports no document took, in the transaction that moves the cursor past them. */
export async function saveRefused(client: PoolClient, refused: readonly RefusedReport[], atMs: number): Promise<void> {
  if (refused.length === 0) return;
  await client.query({
    name: "shadow-refuse",
    text: `WITH gone AS (DELETE FROM shadow_refusals WHERE message_id IN (
             SELECT message_id FROM shadow_refusals WHERE at < to_timestamp($5 / 1000.0) ORDER BY at LIMIT $6))
           INSERT INTO shadow_refusals (message_id, at, code, reason)
           SELECT r.message_id, to_timestamp($4 / 1000.0), r.code, r.reason FROM unnest($1::uuid[], $2::text[], $3::text[]) AS r (message_id, code, reason)
           ON CONFLICT DO NOTHING`,
    values: [
      refused.map(({ messageId }) => messageId),
      refused.map(({ code }) => code),
      refused.map(({ reason }) => reason.slice(0, reasonCharactersMax).toWellFormed().replaceAll("\0", "\ufffd")),
      atMs,
      atMs - keptMs,
      forgetMax,
    ],
  });
}

/** Those of these messages that no document took. */
export async function findRefused(pool: Pool, messageIds: readonly string[]): Promise<readonly RefusedReport[]> {
  const { rows } = await pool.query<{ messageId: string; code: ErrorCode; reason: string }>({
    name: "shadow-refused",
    text: `SELECT message_id AS "messageId", code, reason FROM shadow_refusals WHERE message_id = ANY ($1::uuid[])`,
    values: [messageIds],
  });
  return rows;
}
