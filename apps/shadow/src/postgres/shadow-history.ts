import type { Pool } from "pg";
import type { HistoryRow, ShadowHistory, ShadowKey } from "../ports.ts";
import { dropDaysBefore, ensureDay } from "./history-days.ts";

interface ChangeRow {
  readonly version: string;
  readonly at: Date;
  readonly said_at: Date | null;
  readonly principal: string;
  readonly desired: string | null;
  readonly reported: string | null;
  readonly client_token: string | null;
  readonly offset: string | null;
  readonly snapshot: string | null;
}

/** JSON as text, which tells a section that was cleared (`null`) from one that was left alone (NULL). */
const columns = `version, at, said_at, principal, desired::text AS desired, reported::text AS reported, client_token, "offset"`;

export function createPostgresShadowHistory(pool: Pool): ShadowHistory {
  return {
    ensureDay: (timeMs) => ensureDay(pool, timeMs),
    dropDaysBefore: (timeMs) => dropDaysBefore(pool, timeMs),

    async list(key, before, limit) {
      const { rows } = await pool.query<ChangeRow>({
        name: "shadow-history",
        text: `SELECT ${columns}, NULL AS snapshot FROM shadow_changes
               WHERE device_id = $1 AND name = $2 AND version < $3 ORDER BY version DESC LIMIT $4`,
        values: [key.deviceId, key.name, before ?? Number.MAX_SAFE_INTEGER, limit],
      });
      return rows.map(toRow);
    },

    async range(key, from, to) {
      const { rows } = await pool.query<ChangeRow>({
        name: "shadow-history-range",
        text: `SELECT ${columns}, snapshot::text AS snapshot FROM shadow_changes
               WHERE device_id = $1 AND name = $2 AND version BETWEEN $3 AND $4 ORDER BY version`,
        values: [key.deviceId, key.name, from, to],
      });
      return rows.map(toRow);
    },

    versionAt: (key, timeMs) =>
      findVersion(pool, key, {
        name: "shadow-version-at",
        text: `SELECT version FROM shadow_changes
               WHERE device_id = $1 AND name = $2 AND at <= to_timestamp($3 / 1000.0) ORDER BY version DESC LIMIT 1`,
        values: [timeMs],
      }),

    firstKept: (key) =>
      findVersion(pool, key, {
        name: "shadow-first-kept",
        text: `SELECT version FROM shadow_changes
               WHERE device_id = $1 AND name = $2 AND snapshot IS NOT NULL ORDER BY version LIMIT 1`,
        values: [],
      }),
  };
}

async function findVersion(
  pool: Pool,
  key: ShadowKey,
  query: { readonly name: string; readonly text: string; readonly values: readonly unknown[] },
): Promise<number | undefined> {
  const { rows } = await pool.query<{ version: string }>({ ...query, values: [key.deviceId, key.name, ...query.values] });
  return rows[0] === undefined ? undefined : Number(rows[0].version);
}

function toRow(row: ChangeRow): HistoryRow {
  return {
    version: Number(row.version),
    atMs: row.at.getTime(),
    saidAtMs: row.said_at?.getTime(),
    principal: row.principal,
    desired: row.desired ?? undefined,
    reported: row.reported ?? undefined,
    clientToken: row.client_token ?? undefined,
    offset: row.offset === null ? undefined : Number(row.offset),
    snapshot: row.snapshot ?? undefined,
  };
}
