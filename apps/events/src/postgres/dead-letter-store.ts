import { asDeviceId, asDeviceName, asProductKey, asTenantId, type LogRecord, type RecordKind } from "@mooring/contracts";
import type { Pool } from "pg";
import { deadLettersMax } from "../delivery/limits.ts";
import type { DeadLetterStore, NewDeadLetter, OwnedState, StoredDeadLetter } from "../delivery/ports.ts";

interface Row {
  readonly offset: string;
  readonly tenant_id: string;
  readonly message_id: string;
  readonly device_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly kind: string;
  readonly received_at: Date;
  readonly body: string;
  readonly deliveries: number;
  readonly reason: string;
  readonly failed_at: Date;
  readonly replayed_at: Date | null;
}

const select = `SELECT "offset", tenant_id, message_id, device_id, product_key, device_name, kind, received_at, body::text AS body, deliveries, reason,
  failed_at, replayed_at FROM dead_letters WHERE tenant_id = $1 AND subscription = $2`;

/**
 * The cursor passes and the copies are there in one transaction, or neither. The row of the subscription is locked by its update, so that two owners
 * do not bury at once and the count holds.
 */
const bury = `
  WITH held AS (
    UPDATE subscriptions SET cursor = greatest(cursor, $5)
    WHERE tenant_id = $1 AND name = $2 AND owner = $3 AND epoch = $4
      AND (SELECT count(*) FROM dead_letters WHERE tenant_id = $1 AND subscription = $2) + cardinality($6::bigint[]) <= ${deadLettersMax}
    RETURNING 1
  )
  INSERT INTO dead_letters (tenant_id, subscription, "offset", message_id, device_id, product_key, device_name, kind, received_at, body, deliveries,
    reason, failed_at)
  SELECT $1, $2, l."offset", l.message_id, l.device_id, l.product_key, l.device_name, l.kind, to_timestamp(l.received_ms / 1000.0), l.body,
    l.deliveries, l.reason, clock_timestamp()
  FROM held, unnest($6::bigint[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::double precision[], $13::json[], $14::int[],
    $15::text[]) AS l ("offset", message_id, device_id, product_key, device_name, kind, received_ms, body, deliveries, reason)
  ON CONFLICT (tenant_id, subscription, "offset") DO UPDATE
    SET deliveries = excluded.deliveries, reason = excluded.reason, failed_at = excluded.failed_at, replayed_at = NULL`;

/** What is noted is bounded by the log: what lies below its beginning nobody traces any more. */
const discard = `
  WITH gone AS (
    DELETE FROM dead_letters WHERE tenant_id = $1 AND subscription = $2 AND ($3::bigint[] IS NULL OR "offset" = ANY ($3))
    RETURNING tenant_id, subscription, "offset", deliveries, reason
  ), noted AS (
    INSERT INTO discarded_letters (tenant_id, subscription, "offset", deliveries, reason, discarded_at)
    SELECT tenant_id, subscription, "offset", deliveries, reason, clock_timestamp() FROM gone
    ON CONFLICT (tenant_id, subscription, "offset") DO UPDATE
      SET deliveries = excluded.deliveries, reason = excluded.reason, discarded_at = excluded.discarded_at
  ), outdated AS (
    DELETE FROM discarded_letters WHERE tenant_id = $1 AND subscription = $2 AND "offset" < (SELECT min("offset") FROM event_log)
      AND "offset" NOT IN (SELECT "offset" FROM gone)
  )
  SELECT count(*) FROM gone`;

const find = `
  SELECT d.subscription, d."offset", d.deliveries, d.reason, d.state
  FROM subscriptions AS s JOIN (
    SELECT tenant_id, subscription, "offset", deliveries, reason, 'deadLetter' AS state FROM dead_letters WHERE tenant_id = $1
    UNION ALL
    SELECT tenant_id, subscription, "offset", deliveries, reason, 'discarded' AS state FROM discarded_letters WHERE tenant_id = $1
  ) AS d ON d.tenant_id = s.tenant_id AND d.subscription = s.name AND d."offset" = ANY ($2::bigint[])
  WHERE s.tenant_id = $1 ORDER BY d.state DESC`;

type FoundRow = Pick<Row, "offset" | "deliveries" | "reason"> & {
  readonly subscription: string;
  readonly state: "deadLetter" | "discarded";
};

const reasonMax = 1_000;

export function createPostgresDeadLetterStore(pool: Pool): DeadLetterStore {
  return {
    async bury(owner, state, letters) {
      const { rowCount } = await pool.query({
        name: "events-bury",
        text: bury,
        values: [state.tenantId, state.name, owner, state.epoch, state.cursor, ...columnsOf(letters)],
      });
      if (rowCount === letters.length) return "stored";
      return (await isHeld(pool, owner, state)) ? "full" : "fenced";
    },

    async list(tenantId, name, after, limit) {
      const { rows } = await pool.query<Row>(`${select} AND "offset" > $3 ORDER BY "offset" LIMIT $4`, [tenantId, name, after, limit]);
      return rows.map(toDeadLetter);
    },

    async replay(tenantId, name, offsets) {
      const { rows } = await pool.query<{ count: string }>(
        `WITH marked AS (
           UPDATE dead_letters SET replayed_at = clock_timestamp()
           WHERE tenant_id = $1 AND subscription = $2 AND ($3::bigint[] IS NULL OR "offset" = ANY ($3)) RETURNING 1
         ), told AS (
           UPDATE subscriptions SET revision = revision + 1 WHERE tenant_id = $1 AND name = $2 AND EXISTS (SELECT FROM marked)
         )
         SELECT count(*) FROM marked`,
        [tenantId, name, offsets ?? null],
      );
      return Number(rows[0]?.count);
    },

    async replayed(tenantId, name, after, limit) {
      const marked = `${select} AND replayed_at IS NOT NULL AND "offset" > $3 ORDER BY "offset" LIMIT $4`;
      const { rows } = await pool.query<Row>(marked, [tenantId, name, after, limit]);
      return rows.map(toDeadLetter);
    },

    async unmark(tenantId, name, letters) {
      await pool.query(
        `UPDATE dead_letters AS d SET replayed_at = NULL, reason = v.reason, deliveries = d.deliveries + 1, failed_at = clock_timestamp()
         FROM unnest($3::bigint[], $4::text[]) AS v ("offset", reason)
         WHERE d.tenant_id = $1 AND d.subscription = $2 AND d."offset" = v."offset"`,
        [tenantId, name, letters.map(({ offset }) => offset), letters.map(({ reason }) => reason.slice(0, reasonMax))],
      );
    },

    async delete(tenantId, name, offsets) {
      const { rowCount } = await pool.query(
        `DELETE FROM dead_letters WHERE tenant_id = $1 AND subscription = $2 AND ($3::bigint[] IS NULL OR "offset" = ANY ($3))`,
        [tenantId, name, offsets ?? null],
      );
      return rowCount ?? 0;
    },

    async discard(tenantId, name, offsets) {
      const { rows } = await pool.query<{ count: string }>(discard, [tenantId, name, offsets ?? null]);
      return Number(rows[0]?.count);
    },

    async find(tenantId, offsets) {
      const { rows } = await pool.query<FoundRow>(find, [tenantId, offsets]);
      return rows.map((row) => ({ ...row, offset: Number(row.offset) }));
    },
  };
}

async function isHeld(pool: Pool, owner: string, { tenantId, name, epoch }: OwnedState): Promise<boolean> {
  const { rowCount } = await pool.query("SELECT FROM subscriptions WHERE tenant_id = $1 AND name = $2 AND owner = $3 AND epoch = $4", [
    tenantId,
    name,
    owner,
    epoch,
  ]);
  return rowCount === 1;
}

function columnsOf(letters: readonly NewDeadLetter[]): unknown[] {
  return [
    letters.map(({ record }) => record.offset),
    letters.map(({ record }) => record.messageId),
    letters.map(({ record }) => record.device.deviceId),
    letters.map(({ record }) => record.device.productKey),
    letters.map(({ record }) => record.device.deviceName),
    letters.map(({ record }) => record.kind),
    letters.map(({ record }) => record.receivedAtMs),
    letters.map(({ record }) => record.body),
    letters.map(({ deliveries }) => deliveries),
    letters.map(({ reason }) => reason.slice(0, reasonMax)),
  ];
}

function toDeadLetter(row: Row): StoredDeadLetter {
  const record: LogRecord = {
    offset: Number(row.offset),
    messageId: row.message_id,
    device: {
      tenantId: asTenantId(row.tenant_id),
      deviceId: asDeviceId(row.device_id),
      productKey: asProductKey(row.product_key),
      deviceName: asDeviceName(row.device_name),
    },
    kind: row.kind as RecordKind,
    receivedAtMs: row.received_at.getTime(),
    body: row.body,
  };
  return {
    record,
    deliveries: row.deliveries,
    reason: row.reason,
    failedAtMs: row.failed_at.getTime(),
    ...(row.replayed_at === null ? {} : { replayedAtMs: row.replayed_at.getTime() }),
  };
}
