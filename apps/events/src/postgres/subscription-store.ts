import { asTenantId, PlatformError, type SubscriptionFilter, type TenantId } from "@mooring/contracts";
import { transaction } from "@mooring/db";
import type { Pool } from "pg";
import { deliveriesMax as deliveries, subscriptionsPerTenantMax, acknowledgeWithinMs as withinMs } from "../delivery/limits.ts";
import type {
  HeldSubscription,
  NewSubscription,
  OwnedState,
  Progress,
  StoredSubscription,
  SubscriptionChange,
  SubscriptionStore,
  SubscriptionView,
} from "../delivery/ports.ts";

/** With the tenant: so that creations of two tenants do not meet. */
const createLockClass = 7_270_003;

interface Row {
  readonly tenant_id: string;
  readonly name: string;
  readonly filter: SubscriptionFilter;
  readonly cursor: string;
  readonly began: string;
  readonly filter_since: string;
  readonly epoch: string;
  readonly revision: string;
  readonly acknowledge_within_ms: number;
  readonly deliveries_max: number;
  readonly webhook_url: string | null;
  readonly webhook_secret: string | null;
  readonly lost: string;
  readonly created_at: Date;
  readonly owner: string | null;
  readonly owned_until: Date | null;
  readonly left_ms: number | null;
  readonly progress: Progress;
}

interface ViewRow extends Row {
  readonly log_end: string | null;
  readonly log_first: string | null;
  readonly lag_ms: number | null;
  readonly dead_letters: string;
}

const columns = `s.tenant_id, s.name, s.filter, s.cursor, s.began, s.filter_since, s.epoch, s.revision, s.acknowledge_within_ms, s.deliveries_max, s.webhook_url,
  s.webhook_secret, s.lost, s.created_at, s.owner, s.owned_until, s.progress,
  (extract(epoch FROM s.owned_until - clock_timestamp()) * 1000)::double precision AS left_ms`;

const view = `SELECT ${columns}, l.log_end, l.log_first, n.lag_ms,
    (SELECT count(*) FROM dead_letters AS d WHERE d.tenant_id = s.tenant_id AND d.subscription = s.name) AS dead_letters
  FROM subscriptions AS s
    CROSS JOIN (SELECT max("offset") AS log_end, min("offset") AS log_first FROM event_log) AS l
    LEFT JOIN LATERAL (
      SELECT (extract(epoch FROM clock_timestamp() - e.received_at) * 1000)::double precision AS lag_ms
      FROM event_log AS e WHERE e."offset" > s.cursor ORDER BY e."offset" LIMIT 1
    ) AS n ON true`;

/** The subscriptions of back ends, with the lease that keeps each of them to one process. Times are the database's. */
export function createPostgresSubscriptionStore(pool: Pool): SubscriptionStore {
  return {
    async find(tenantId, name) {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM subscriptions AS s WHERE s.tenant_id = $1 AND s.name = $2`, [
        tenantId,
        name,
      ]);
      return rows[0] === undefined ? undefined : toSubscription(rows[0]);
    },

    async view(tenantId, name) {
      const { rows } = await pool.query<ViewRow>(`${view} WHERE s.tenant_id = $1 AND s.name = $2`, [tenantId, name]);
      return rows[0] === undefined ? undefined : toView(rows[0]);
    },

    async list(tenantId, after, limit) {
      // By bytes, as every index can give them, whatever the database's language.
      const order = `WHERE s.tenant_id = $1 AND s.name COLLATE "C" > $2 ORDER BY s.name COLLATE "C" LIMIT $3`;
      const { rows } = await pool.query<ViewRow>(`${view} ${order}`, [tenantId, after, limit]);
      return rows.map(toView);
    },

    async all(tenantId) {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM subscriptions AS s WHERE s.tenant_id = $1 ORDER BY s.name`, [
        tenantId,
      ]);
      return rows.map(toSubscription);
    },

    async withWebhook() {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM subscriptions AS s WHERE s.webhook_url IS NOT NULL`);
      return rows.map(toSubscription);
    },

    async unheld(limit) {
      const { rows } = await pool.query<ViewRow>(
        `${view} JOIN (
           SELECT tenant_id, name FROM subscriptions WHERE owner IS NULL OR owned_until <= clock_timestamp() ORDER BY cursor LIMIT $1
         ) AS u ON u.tenant_id = s.tenant_id AND u.name = s.name ORDER BY s.cursor`,
        [limit],
      );
      return rows.map(toView).map(({ tenantId, name, backlog, lagMs }) => ({ tenantId, name, backlog, lagMs }));
    },

    create: (subscription) => create(pool, subscription),
    update: (tenantId, name, change) => update(pool, tenantId, name, change),

    async seek(tenantId, name, cursor) {
      const { rowCount } = await pool.query(
        `WITH noted AS (DELETE FROM discarded_letters WHERE tenant_id = $1 AND subscription = $2 AND "offset" > $3)
         UPDATE subscriptions SET cursor = $3, began = $3, epoch = epoch + 1, revision = revision + 1, progress = '{}'
         WHERE tenant_id = $1 AND name = $2`,
        [tenantId, name, cursor],
      );
      return rowCount === 1;
    },

    async delete(tenantId, name) {
      const { rowCount } = await pool.query(
        `WITH letters AS (DELETE FROM dead_letters WHERE tenant_id = $1 AND subscription = $2),
           noted AS (DELETE FROM discarded_letters WHERE tenant_id = $1 AND subscription = $2)
         DELETE FROM subscriptions WHERE tenant_id = $1 AND name = $2`,
        [tenantId, name],
      );
      return rowCount === 1;
    },

    async take(tenantId, name, { owner, leaseMs, force }) {
      const { rows } = await pool.query<Row>(
        `UPDATE subscriptions AS s SET owner = $3, owned_until = clock_timestamp() + $4 * interval '1 ms', epoch = s.epoch + 1
         WHERE s.tenant_id = $1 AND s.name = $2 AND ($5 OR s.owner IS NULL OR s.owner = $3 OR s.owned_until <= clock_timestamp())
         RETURNING ${columns}`,
        [tenantId, name, owner, leaseMs, force],
      );
      return rows[0] === undefined ? undefined : toSubscription(rows[0]);
    },

    hold: (owner, leaseMs, states) => hold(pool, owner, leaseMs, states),

    async release(owner, state) {
      await pool.query(
        `UPDATE subscriptions SET owner = NULL, owned_until = NULL, cursor = greatest(cursor, $5), lost = lost + $6, progress = $7
         WHERE tenant_id = $1 AND name = $2 AND owner = $3 AND epoch = $4`,
        [state.tenantId, state.name, owner, state.epoch, state.cursor, state.lost, JSON.stringify(state.progress)],
      );
    },
  };
}

/** One after the other per tenant: a count is right only once the creation before has committed. */
async function create(pool: Pool, subscription: NewSubscription): Promise<void> {
  const { tenantId, name, filter = {}, cursor, acknowledgeWithinMs, deliveriesMax, webhook } = subscription;
  await transaction(pool, async (client) => {
    await client.query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [createLockClass, tenantId]);
    const { rows } = await client.query<{ count: string }>("SELECT count(*) FROM subscriptions WHERE tenant_id = $1 AND name <> $2", [
      tenantId,
      name,
    ]);
    if (Number(rows[0]?.count) >= subscriptionsPerTenantMax) {
      throw new PlatformError("quotaExceeded", `the tenant has ${subscriptionsPerTenantMax} subscriptions already`);
    }
    const { rowCount } = await client.query(
      `INSERT INTO subscriptions (tenant_id, name, filter, cursor, began, acknowledge_within_ms, deliveries_max, webhook_url, webhook_secret)
       VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, name) DO NOTHING`,
      [
        tenantId,
        name,
        JSON.stringify(filter),
        cursor,
        acknowledgeWithinMs ?? withinMs.default,
        deliveriesMax ?? deliveries.default,
        webhook?.url ?? null,
        webhook?.sealedSecret ?? null,
      ],
    );
    if (rowCount !== 1) throw new PlatformError("alreadyExists", `there is a subscription ${name} already`);
  });
}

async function update(pool: Pool, tenantId: TenantId, name: string, change: SubscriptionChange): Promise<boolean> {
  const { filter, acknowledgeWithinMs, deliveriesMax, webhook } = change;
  const { rowCount } = await pool.query(
    `UPDATE subscriptions SET filter = coalesce($3::text::json, filter), filter_since = CASE
         WHEN $3 IS NOT NULL AND $3::text <> filter::text THEN (SELECT coalesce(max("offset"), 0) FROM event_log) ELSE filter_since END,
       acknowledge_within_ms = coalesce($4, acknowledge_within_ms),
       deliveries_max = coalesce($5, deliveries_max), webhook_url = coalesce($6, webhook_url), webhook_secret = coalesce($7, webhook_secret),
       revision = revision + 1
     WHERE tenant_id = $1 AND name = $2`,
    [
      tenantId,
      name,
      filter === undefined ? null : JSON.stringify(filter),
      acknowledgeWithinMs ?? null,
      deliveriesMax ?? null,
      webhook?.url ?? null,
      webhook?.sealedSecret ?? null,
    ],
  );
  return rowCount === 1;
}

async function hold(pool: Pool, owner: string, leaseMs: number, states: readonly OwnedState[]): Promise<readonly HeldSubscription[]> {
  const { rows } = await pool.query<{ tenant_id: string; name: string; revision: string }>({
    name: "events-hold-subscriptions",
    text: `UPDATE subscriptions AS s
      SET cursor = greatest(s.cursor, v.cursor), lost = s.lost + v.lost, progress = v.progress, owned_until = clock_timestamp() + $2 * interval '1 ms'
      FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::json[]) AS v (tenant_id, name, epoch, cursor, lost, progress)
      WHERE s.tenant_id = v.tenant_id AND s.name = v.name AND s.epoch = v.epoch AND s.owner = $1
      RETURNING s.tenant_id, s.name, s.revision`,
    values: [
      owner,
      leaseMs,
      states.map((state) => state.tenantId),
      states.map((state) => state.name),
      states.map((state) => state.epoch),
      states.map((state) => state.cursor),
      states.map((state) => state.lost),
      states.map((state) => JSON.stringify(state.progress)),
    ],
  });
  return rows.map((row) => ({ tenantId: asTenantId(row.tenant_id), name: row.name, revision: Number(row.revision) }));
}

function toSubscription(row: Row): StoredSubscription {
  const { webhook_url: url, webhook_secret: sealedSecret, owner, owned_until: until, left_ms: leftMs } = row;
  return {
    tenantId: asTenantId(row.tenant_id),
    name: row.name,
    filter: row.filter,
    cursor: Number(row.cursor),
    began: Number(row.began),
    filterSince: Number(row.filter_since),
    epoch: Number(row.epoch),
    revision: Number(row.revision),
    acknowledgeWithinMs: row.acknowledge_within_ms,
    deliveriesMax: row.deliveries_max,
    ...(url === null || sealedSecret === null ? {} : { webhook: { url, sealedSecret } }),
    lost: Number(row.lost),
    createdAtMs: row.created_at.getTime(),
    ...(owner === null || until === null || leftMs === null ? {} : { owner: { id: owner, untilMs: until.getTime(), leftMs } }),
    progress: row.progress,
  };
}

function toView(row: ViewRow): SubscriptionView {
  const subscription = toSubscription(row);
  // What retention has removed waits no more.
  const from = Math.max(subscription.cursor, Number(row.log_first ?? 0) - 1);
  return {
    ...subscription,
    backlog: Math.max(0, Number(row.log_end ?? 0) - from),
    lagMs: Math.max(0, Math.round(row.lag_ms ?? 0)),
    deadLetters: Number(row.dead_letters),
  };
}
