import { asDeviceId, asDeviceName, asProductKey, asTenantId } from "@mooring/contracts";
import type { Pool } from "pg";
import { type ConnectionStore, connectionCursor, type OnlineDevice, type StoredConnection } from "../connections/ports.ts";

/** Above every epoch: what is said of a device after it was deleted no longer counts. */
const deletedEpoch = "9223372036854775807";
const lowestId = "00000000-0000-0000-0000-000000000000";

/**
 * Effect and cursor in one statement, as the history does it: each record counts exactly once. Most of the log is of other kinds, so of those
 * nothing but the kind is looked at. A record counts only when its (epoch, sequence) is above the device's, so it does not matter in which order
 * gateways got theirs into the log. A body that says nothing usable is passed over rather than stop everybody: json takes U+0000, text does not.
 * What is said of a deleted device afterwards, for instance that its connection was cut, must not bring it back.
 */
const followLog = `
  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
  held AS MATERIALIZED (SELECT "offset" FROM history_cursors, relaxed WHERE name = $1 FOR UPDATE OF history_cursors SKIP LOCKED),
  batch AS MATERIALIZED (
    SELECT l."offset", l.kind, l.device_id, l.tenant_id, l.product_key, l.device_name, l.received_at,
      CASE WHEN l.kind IN ('online', 'offline', 'lifecycle') THEN l.body::text END AS body
    FROM event_log AS l WHERE l."offset" > (SELECT "offset" FROM held) ORDER BY l."offset" LIMIT $2
  ),
  said AS MATERIALIZED (
    SELECT b.*, b.body::jsonb AS says FROM batch AS b WHERE b.body IS NOT NULL AND pg_input_is_valid(b.body, 'jsonb')
  ),
  latest AS MATERIALIZED (
    SELECT DISTINCT ON (device_id) device_id, tenant_id, product_key, device_name, received_at,
      kind = 'online' AS online,
      CASE WHEN kind = 'lifecycle' THEN ${deletedEpoch} ELSE (says ->> 'epoch')::bigint END AS epoch,
      CASE WHEN kind = 'online' THEN 0 ELSE 1 END AS sequence,
      coalesce(says ->> 'clientId', '') AS client_id,
      coalesce(says ->> 'nodeId', '') AS node_id,
      coalesce(says ->> 'protocol', '') AS protocol,
      says ->> 'address' AS address,
      CASE kind WHEN 'offline' THEN says ->> 'reason' WHEN 'lifecycle' THEN 'deleted' END AS reason
    FROM said
    WHERE (kind = 'lifecycle' AND says ->> 'action' = 'deleted') OR (kind <> 'lifecycle' AND says ->> 'epoch' ~ '^[0-9]{1,15}$')
    ORDER BY device_id, epoch DESC, sequence DESC
  ),
  applied AS (
    INSERT INTO device_connections AS c
      (device_id, tenant_id, product_key, device_name, online, epoch, sequence, client_id, node_id, protocol, address, reason, since)
    SELECT device_id, tenant_id, product_key, device_name, online, epoch, sequence, client_id, node_id, protocol, address, reason, received_at
    FROM latest
    ON CONFLICT (device_id) DO UPDATE SET online = excluded.online, epoch = excluded.epoch, sequence = excluded.sequence,
      client_id = excluded.client_id, node_id = excluded.node_id, protocol = excluded.protocol, address = excluded.address,
      reason = excluded.reason, since = excluded.since
    WHERE (excluded.epoch, excluded.sequence) > (c.epoch, c.sequence)
  ),
  moved AS (
    UPDATE history_cursors SET "offset" = (SELECT max("offset") FROM batch) WHERE name = $1 AND EXISTS (SELECT 1 FROM batch)
  )
  SELECT (SELECT count(*) FROM batch)::int AS passed,
    coalesce((SELECT max("offset") FROM batch), (SELECT "offset" FROM held)) AS "offset"`;

/** From one node id of the index to the next: few nodes have many devices. */
const nodeIdsSql = `
  WITH RECURSIVE found AS (
    (SELECT node_id FROM device_connections WHERE online ORDER BY node_id LIMIT 1)
    UNION ALL
    SELECT (SELECT node_id FROM device_connections WHERE online AND node_id > found.node_id ORDER BY node_id LIMIT 1)
    FROM found WHERE found.node_id IS NOT NULL
  )
  SELECT node_id FROM found WHERE node_id IS NOT NULL`;

const onlineSql = `
  SELECT device_id, tenant_id, product_key, device_name, node_id, epoch, client_id, protocol, address FROM device_connections`;

const onlineAtSql = `${onlineSql} WHERE online AND node_id = $1 AND device_id > $2 ORDER BY device_id LIMIT $3`;

const findSql = "SELECT online, since, client_id, protocol, node_id, address, reason FROM device_connections WHERE device_id = $1";

const forgetSql = `
  DELETE FROM device_connections WHERE device_id IN (
    SELECT device_id FROM device_connections
    WHERE NOT online AND node_id = '' AND epoch = ${deletedEpoch} AND since < now() - make_interval(secs => $1)
      AND NOT EXISTS (SELECT FROM event_log AS l WHERE l.device_id = device_connections.device_id)
    LIMIT $2
  )`;

/** By an index that holds the deleted ones alone. */
const deletedSql = `
  SELECT device_id, since FROM device_connections
  WHERE epoch = ${deletedEpoch} AND product_key = $1 AND device_name = $2 AND tenant_id = $3 ORDER BY since DESC LIMIT $4`;

interface ConnectionRow {
  readonly online: boolean;
  readonly since: Date;
  readonly client_id: string;
  readonly protocol: string;
  readonly node_id: string;
  readonly address: string | null;
  readonly reason: string | null;
}

interface OnlineRow {
  readonly device_id: string;
  readonly tenant_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly node_id: string;
  readonly epoch: string;
  readonly client_id: string;
  readonly protocol: string;
  readonly address: string | null;
}

export function createPostgresConnectionStore(pool: Pool): ConnectionStore {
  let hasCursor = false;
  return {
    async follow(limit) {
      const begin = `INSERT INTO history_cursors (name, "offset") VALUES ($1, 0) ON CONFLICT DO NOTHING`;
      if (!hasCursor) await pool.query(begin, [connectionCursor]);
      hasCursor = true;
      const query = { name: "connections-follow", text: followLog, values: [connectionCursor, limit] };
      const [row] = (await pool.query<{ passed: number; offset: string | null }>(query)).rows;
      return { passed: row?.passed ?? 0, offset: row?.offset == null ? undefined : Number(row.offset) };
    },

    async position() {
      const { rows } = await pool.query<{ offset: string }>('SELECT "offset" FROM history_cursors WHERE name = $1', [connectionCursor]);
      return Number(rows[0]?.offset ?? 0);
    },

    async find(deviceId) {
      const { rows } = await pool.query<ConnectionRow>({ name: "connection-find", text: findSql, values: [deviceId] });
      return rows[0] === undefined ? undefined : toConnection(rows[0]);
    },

    nodeIds: async () => (await pool.query<{ node_id: string }>(nodeIdsSql)).rows.map((row) => row.node_id),

    async onlineAt(nodeId, after, limit) {
      const { rows } = await pool.query<OnlineRow>(onlineAtSql, [nodeId, after ?? lowestId, limit]);
      return rows.map(toOnlineDevice);
    },

    async onlineAmong(deviceIds) {
      const { rows } = await pool.query<OnlineRow>(`${onlineSql} WHERE online AND device_id = ANY($1::uuid[])`, [deviceIds]);
      return rows.map(toOnlineDevice);
    },

    async findDeleted(tenantId, { productKey, deviceName }, limit) {
      const query = { name: "connections-deleted", text: deletedSql, values: [productKey, deviceName, tenantId, limit] };
      const { rows } = await pool.query<{ device_id: string; since: Date }>(query);
      return rows.map(({ device_id, since }) => ({ deviceId: device_id, deletedAtMs: since.getTime() }));
    },

    forgetDeleted: async (ageMs, limit) => (await pool.query(forgetSql, [ageMs / 1_000, limit])).rowCount ?? 0,
  };
}

function toConnection(row: ConnectionRow): StoredConnection {
  return {
    online: row.online,
    sinceMs: row.since.getTime(),
    clientId: row.client_id,
    protocol: row.protocol,
    nodeId: row.node_id,
    address: row.address ?? undefined,
    reason: row.reason ?? undefined,
  };
}

function toOnlineDevice(row: OnlineRow): OnlineDevice {
  const device = {
    tenantId: asTenantId(row.tenant_id),
    deviceId: asDeviceId(row.device_id),
    productKey: asProductKey(row.product_key),
    deviceName: asDeviceName(row.device_name),
  };
  const { node_id: nodeId, client_id: clientId, protocol, address } = row;
  return { device, nodeId, epoch: Number(row.epoch), clientId, protocol, address: address ?? undefined };
}
