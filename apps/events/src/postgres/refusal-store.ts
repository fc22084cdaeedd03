import type { Refusal } from "@mooring/contracts";
import type { Pool } from "pg";
import type { RefusalStore } from "../trace/ports.ts";

/** Twice what a trace shows: a device that is refused all the time may not fill the disk. */
export const refusalsPerDeviceMax = 200;

const insertSql = `
  INSERT INTO refusals (device_id, tenant_id, at, protocol, topic, code, reason)
  SELECT r.device_id, r.tenant_id, to_timestamp(r.at_ms / 1000.0), r.protocol, r.topic, r.code, r.reason
  FROM unnest($1::uuid[], $2::uuid[], $3::double precision[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS r (device_id, tenant_id, at_ms, protocol, topic, code, reason)`;

/** What the devices just written about have too much, the oldest of it. */
const trimSql = `
  DELETE FROM refusals WHERE id IN (
    SELECT old.id FROM unnest($1::uuid[]) AS d (device_id), LATERAL (
      SELECT id FROM refusals AS r WHERE r.device_id = d.device_id ORDER BY r.at DESC, r.id DESC OFFSET ${refusalsPerDeviceMax}
    ) AS old
  )`;

const listSql = "SELECT at, protocol, topic, code, reason FROM refusals WHERE device_id = $1 ORDER BY at DESC, id DESC LIMIT $2";

const removeSql = `
  DELETE FROM refusals WHERE id IN (
    SELECT id FROM refusals WHERE at < now() - make_interval(secs => $1) ORDER BY at LIMIT $2
  )`;

interface RefusalRow {
  readonly at: Date;
  readonly protocol: string;
  readonly topic: string;
  readonly code: string;
  readonly reason: string;
}

export function createPostgresRefusalStore(pool: Pool): RefusalStore {
  return {
    async insert(refusals) {
      await pool.query({ name: "refusals-insert", text: insertSql, values: columnsOf(refusals) });
      const deviceIds = [...new Set(refusals.map(({ device }) => device.deviceId))];
      await pool.query({ name: "refusals-trim", text: trimSql, values: [deviceIds] });
    },

    async list(deviceId, limit) {
      const { rows } = await pool.query<RefusalRow>({ name: "refusals-list", text: listSql, values: [deviceId, limit] });
      return rows.map(({ at, ...refusal }) => ({ ...refusal, atMs: at.getTime() }));
    },

    removeOlderThan: async (ageMs, limit) => (await pool.query(removeSql, [ageMs / 1_000, limit])).rowCount ?? 0,
  };
}

function columnsOf(refusals: readonly Refusal[]): unknown[] {
  return [
    refusals.map(({ device }) => device.deviceId),
    refusals.map(({ device }) => device.tenantId),
    refusals.map(({ atMs }) => atMs),
    refusals.map(({ protocol }) => protocol),
    refusals.map(({ topic }) => topic),
    refusals.map(({ code }) => code),
    refusals.map(({ reason }) => reason),
  ];
}
