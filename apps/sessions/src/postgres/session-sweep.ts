import type { RetainedPlace } from "@mooring/contracts";
import type { Pool, PoolClient } from "pg";
import type { SessionSweep } from "../ports.ts";
import { deleteQueued, deleteSessions, isOwed } from "./statements.ts";
import { writing } from "./write-lock.ts";

/** Rows that one step of a walk looks at. */
const walkedRows = 2_000;
/** Rows of queues deleted in one transaction: writers wait for it. */
const deletedRows = 1_000;
/** Sessions deleted in one transaction, when their queues are empty. */
const deletedSessions = 100;

/** A session of which something is still for others stays for a day: its gateway may be down. */
const hasExpired = `(s.expires_at <= to_timestamp($2::double precision / 1000.0)
    AND (s.expires_at <= to_timestamp($2::double precision / 1000.0) - interval '1 day' OR NOT ${isOwed}))`;

const tables = ["mqtt_sessions", "mqtt_subscriptions", "mqtt_messages", "mqtt_queue", "mqtt_received", "mqtt_retained"];

export function createPostgresSessionSweep(pool: Pool): SessionSweep {
  /** Deletes sessions with all that is theirs, the queues piece by piece. `which`, over `s`, says again under the lock which of them still have to go. */
  const remove = async (ids: readonly string[], which: string, parameter: unknown): Promise<number> => {
    const chosen = `SELECT s.session_id FROM mqtt_sessions AS s WHERE s.session_id = ANY($1::uuid[]) AND ${which}`;
    const piece = `(SELECT q.session_id, q.seq FROM mqtt_queue AS q WHERE q.session_id IN (${chosen}) LIMIT ${deletedRows})`;
    let removed = 0;
    for (let from = 0; from < ids.length; from += deletedSessions) {
      const some = ids.slice(from, from + deletedSessions);
      await inPieces(pool, piece, [some, parameter]);
      removed += await writing(pool, async (client) => {
        const { rows } = await client.query<{ session_id: string }>(chosen, [some, parameter]);
        if (rows.length > 0) await client.query(deleteSessions, [rows.map((row) => row.session_id)]);
        return rows.length;
      });
    }
    return removed;
  };

  return {
    async sessions(after, expiredBeforeMs) {
      const { rows } = await pool.query<{ session_id: string; expired: boolean }>(
        `SELECT session_id, coalesce(${hasExpired}, false) AS expired FROM mqtt_sessions AS s
         WHERE $1::uuid IS NULL OR session_id > $1 ORDER BY session_id LIMIT ${walkedRows}`,
        [after ?? null, expiredBeforeMs],
      );
      const expired = rows.flatMap((row) => (row.expired ? [row.session_id] : []));
      const removed = await remove(expired, hasExpired, expiredBeforeMs);
      return { removed, next: rows.length < walkedRows ? undefined : rows.at(-1)?.session_id };
    },

    async messages(after, expiredBeforeMs) {
      const { rows } = await pool.query<{ message_id: string; expired: boolean; lost: boolean }>(
        `SELECT m.message_id, coalesce(m.expires_at <= to_timestamp($2::double precision / 1000.0), false) AS expired,
           NOT EXISTS (SELECT FROM mqtt_queue AS q WHERE q.message_id = m.message_id) AS lost
         FROM mqtt_messages AS m WHERE $1::uuid IS NULL OR m.message_id > $1 ORDER BY m.message_id LIMIT ${walkedRows}`,
        [after ?? null, expiredBeforeMs],
      );
      const [expired, lost] = [rows.filter((row) => row.expired), rows.filter((row) => row.lost)];
      const ids = expired.map((row) => row.message_id);
      const piece = `(SELECT q.session_id, q.seq FROM mqtt_queue AS q WHERE q.message_id = ANY($1::uuid[]) AND q.packet_id = 0 LIMIT ${deletedRows})`;
      const removed = ids.length > 0 ? await inPieces(pool, piece, [ids]) : 0;
      const lostIds = lost.map((row) => row.message_id);
      if (lostIds.length > 0) await writing(pool, (client) => deleteLost(client, lostIds));
      return { removed: removed + lostIds.length, next: rows.length < walkedRows ? undefined : rows.at(-1)?.message_id };
    },

    async retained(after, expiredBeforeMs) {
      const { rows } = await pool.query<{ tenant_id: string; topic: string; expired: boolean }>(
        `SELECT tenant_id, topic, coalesce(expires_at <= to_timestamp($3::double precision / 1000.0), false) AS expired FROM mqtt_retained
         WHERE $1::uuid IS NULL OR (tenant_id, topic) > ($1, $2) ORDER BY tenant_id, topic LIMIT ${walkedRows}`,
        [after?.tenantId ?? null, after?.topic ?? "", expiredBeforeMs],
      );
      const expired = rows.filter((row) => row.expired);
      const removed = expired.length === 0 ? 0 : await writing(pool, (client) => deleteRetained(client, expired, expiredBeforeMs));
      const last = rows.at(-1);
      const next: RetainedPlace | undefined =
        rows.length < walkedRows || last === undefined ? undefined : { tenantId: last.tenant_id, topic: last.topic };
      return { removed, next };
    },

    async owningDevices(after, limit) {
      const { rows } = await pool.query<{ owner: string }>(
        `SELECT DISTINCT owner FROM mqtt_sessions WHERE owner > $1 AND owner < 'device;' ORDER BY owner LIMIT $2`,
        [`device:${after ?? ""}`, limit],
      );
      return rows.map(({ owner }) => owner.slice("device:".length));
    },

    async sessionsOfDevices(deviceIds) {
      const owners = deviceIds.map((id) => `device:${id}`);
      let removed = 0;
      for (;;) {
        const { rows } = await pool.query<{ session_id: string }>(
          `SELECT session_id FROM mqtt_sessions WHERE owner = ANY($1::text[]) LIMIT ${walkedRows}`,
          [owners],
        );
        if (rows.length === 0) return removed;
        removed += await remove(
          rows.map((row) => row.session_id),
          "s.owner = ANY($2::text[])",
          owners,
        );
      }
    },

    async sizes() {
      const { rows } = await pool.query<{ table: string; rows: string; bytes: string }>(
        `SELECT relname AS table, n_live_tup AS rows, pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables
         WHERE schemaname = current_schema() AND relname = ANY($1::text[])`,
        [tables],
      );
      return rows.map((row) => ({ table: row.table, rows: Number(row.rows), bytes: Number(row.bytes) }));
    },
  };
}

/** Deletes rows of queues that `piece` finds until it finds none, each piece in a transaction of its own, between those of the writers. Returns how many. */
async function inPieces(pool: Pool, piece: string, values: readonly unknown[]): Promise<number> {
  let removed = 0;
  for (let found = deletedRows; found >= deletedRows; removed += found) {
    found = await writing(pool, async (client) => {
      const { rows } = await client.query<{ session_id: string; seq: string }>(piece, [...values]);
      if (rows.length === 0) return 0;
      const places = [rows.map((row) => row.session_id), rows.map((row) => row.seq)];
      await client.query(deleteQueued, places);
      return rows.length;
    });
  }
  return removed;
}

async function deleteLost(client: PoolClient, ids: readonly string[]): Promise<void> {
  await client.query(
    `DELETE FROM mqtt_messages AS m WHERE m.message_id = ANY($1::uuid[])
       AND NOT EXISTS (SELECT FROM mqtt_queue AS q WHERE q.message_id = m.message_id)`,
    [ids],
  );
}

async function deleteRetained(
  client: PoolClient,
  rows: readonly { readonly tenant_id: string; readonly topic: string }[],
  expiredBeforeMs: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM mqtt_retained AS m USING unnest($1::uuid[], $2::text[]) AS r (tenant_id, topic)
     WHERE m.tenant_id = r.tenant_id AND m.topic = r.topic AND m.expires_at <= to_timestamp($3::double precision / 1000.0)`,
    [rows.map((row) => row.tenant_id), rows.map((row) => row.topic), expiredBeforeMs],
  );
  return rowCount ?? 0;
}
