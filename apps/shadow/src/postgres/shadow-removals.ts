import { transaction } from "@mooring/db";
import type { Pool, PoolClient } from "pg";
import type { ShadowRemovals } from "../ports.ts";

/** Devices looked at in one transaction. */
const devicesMax = 100;
/** A change that began before its device was marked may be committed after it: no transaction takes as long. */
const settleMs = 60_000;
/** Tombstones taken away in one statement. */
const forgetMax = 1_000;

/** Writes down that devices are gone, in the transaction of whoever knows. From its commit on no new row is made for them. */
export async function markRemoved(client: PoolClient, deviceIds: readonly string[], atMs: number): Promise<void> {
  if (deviceIds.length === 0) return;
  await client.query({
    name: "shadow-remove",
    text: `INSERT INTO shadow_removals (device_id, removed_at, next_at)
           SELECT DISTINCT d, to_timestamp($2 / 1000.0), to_timestamp($2 / 1000.0) FROM unnest($1::uuid[]) AS d ON CONFLICT DO NOTHING`,
    values: [deviceIds, atMs],
  });
}

export function createPostgresShadowRemovals(pool: Pool): ShadowRemovals {
  return {
    clear: (nowMs, rowsMax) => transaction(pool, (client) => clear(client, nowMs, rowsMax)),

    async forget(beforeMs) {
      await pool.query({
        name: "shadow-removals-forget",
        text: `DELETE FROM shadow_removals WHERE device_id IN (
                 SELECT device_id FROM shadow_removals
                 WHERE removed_at < to_timestamp($1 / 1000.0) AND next_at IS NULL ORDER BY removed_at LIMIT $2)`,
        values: [beforeMs, forgetMax],
      });
    },
  };
}

async function clear(client: PoolClient, nowMs: number, rowsMax: number): Promise<number> {
  const { rows } = await client.query<{ device_id: string }>({
    name: "shadow-removals-due",
    text: `SELECT device_id FROM shadow_removals WHERE next_at <= to_timestamp($1 / 1000.0) ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
    values: [nowMs, devicesMax],
  });
  if (rows.length === 0) return 0;
  const deviceIds = rows.map(({ device_id }) => device_id);
  const documents = await deleteDocuments(client, deviceIds, rowsMax);
  const changes = documents < rowsMax ? await deleteChanges(client, deviceIds, rowsMax - documents) : 0;
  const said = documents + changes < rowsMax ? await deleteSaid(client, deviceIds, rowsMax - documents - changes) : 0;
  if (documents + changes + said < rowsMax) await settle(client, deviceIds, nowMs);
  return documents + changes + said;
}

/** In the order in which everyone locks: by device, the classic shadow first, which is the lock of the others. */
async function deleteDocuments(client: PoolClient, deviceIds: readonly string[], rowsMax: number): Promise<number> {
  const { rowCount } = await client.query({
    name: "shadow-removals-documents",
    text: `DELETE FROM shadows WHERE (device_id, name) IN (
             SELECT device_id, name FROM shadows WHERE device_id = ANY ($1::uuid[]) ORDER BY device_id, name COLLATE "C" LIMIT $2 FOR UPDATE)`,
    values: [deviceIds, rowsMax],
  });
  return rowCount ?? 0;
}

async function deleteChanges(client: PoolClient, deviceIds: readonly string[], rowsMax: number): Promise<number> {
  const { rowCount } = await client.query({
    name: "shadow-removals-changes",
    text: `DELETE FROM shadow_changes WHERE (device_id, name, version, at) IN (
             SELECT device_id, name, version, at FROM shadow_changes WHERE device_id = ANY ($1::uuid[]) LIMIT $2)`,
    values: [deviceIds, rowsMax],
  });
  return rowCount ?? 0;
}

async function deleteSaid(client: PoolClient, deviceIds: readonly string[], rowsMax: number): Promise<number> {
  const { rowCount } = await client.query({
    name: "shadow-removals-said",
    text: `DELETE FROM shadow_said WHERE (device_id, name, message_id) IN (
             SELECT device_id, name, message_id FROM shadow_said WHERE device_id = ANY ($1::uuid[]) LIMIT $2)`,
    values: [deviceIds, rowsMax],
  });
  return rowCount ?? 0;
}

/** Nothing of them is there now. Once more later, unless it is late enough to be sure. */
async function settle(client: PoolClient, deviceIds: readonly string[], nowMs: number): Promise<void> {
  await client.query({
    name: "shadow-removals-settle",
    text: `UPDATE shadow_removals
           SET next_at = CASE WHEN removed_at > to_timestamp($2 / 1000.0) THEN removed_at + make_interval(secs => $3) END
           WHERE device_id = ANY ($1::uuid[])`,
    values: [deviceIds, nowMs - settleMs, settleMs / 1_000],
  });
}
