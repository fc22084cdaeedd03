import type { StoredMessage } from "@mooring/contracts";
import { queueBytesMax } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { Pool } from "pg";
import type { SessionReader } from "../ports.ts";
import { type MessageRow, messageColumns, toMessage } from "./message-columns.ts";
import {
  type ListedRow,
  listedSql,
  type SummaryRow,
  subscriptionsJson,
  summaryOf,
  toListed,
  toSubscriptions,
  toSummary,
} from "./session-rows.ts";
import { isOwed } from "./statements.ts";
import { afterWriters } from "./write-lock.ts";

/** Bytes of a page: half of what gRPC takes in one message. A session's subscriptions, the largest there may be, fit the other half. */
const pageBytesMax = queueBytesMax;

/** Times are the process's, as the gateways': those that were stored are. */
const isLive = (now: string): string => `(s.expires_at IS NULL OR s.expires_at > to_timestamp(${now} / 1000.0))`;

/** What each session weighs on a page, so that a page is cut before it is read. */
const weighSql = `
  SELECT s.session_id, 200 + coalesce(octet_length(s.will_payload) + octet_length(s.will::text), 0)
    + (SELECT coalesce(sum(octet_length(filter) + 24), 0) FROM mqtt_subscriptions WHERE session_id = s.session_id)
    + (SELECT count(*) * 3 FROM mqtt_received WHERE session_id = s.session_id) AS bytes
  FROM mqtt_sessions AS s
  WHERE ($1::uuid IS NULL OR s.session_id > $1) AND (${isLive("$2::double precision")} OR ${isOwed})
  ORDER BY s.session_id LIMIT $3`;

const queueSql = `
  WITH page AS (
    SELECT q.*, row_number() OVER (ORDER BY q.seq) AS place, sum(q.bytes) OVER (ORDER BY q.seq) AS total
    FROM mqtt_queue AS q JOIN mqtt_messages AS m ON m.message_id = q.message_id
    WHERE q.session_id = $1 AND q.seq > $2 AND (m.expires_at IS NULL OR q.packet_id <> 0 OR m.expires_at > to_timestamp($3::double precision / 1000.0))
    ORDER BY q.seq LIMIT $4 + 1
  )
  SELECT q.seq, q.packet_id, q.is_released, q.qos AS target_qos, q.retain, q.subscription_ids, q.share, ${messageColumns},
    (SELECT count(*) FROM page) AS found
  FROM page AS q JOIN mqtt_messages AS m ON m.message_id = q.message_id
  WHERE q.place <= $4 AND (q.place = 1 OR q.total <= $5) ORDER BY q.seq`;

const retainedSql = `
  WITH page AS (
    SELECT m.tenant_id, m.topic, row_number() OVER w AS place, sum(m.bytes) OVER w AS total
    FROM mqtt_retained AS m
    WHERE ($1::uuid IS NULL OR (m.tenant_id, m.topic) > ($1, $2)) AND (m.expires_at IS NULL OR m.expires_at > to_timestamp($3::double precision / 1000.0))
    WINDOW w AS (ORDER BY m.tenant_id, m.topic)
    ORDER BY m.tenant_id, m.topic LIMIT $4 + 1
  )
  SELECT ${messageColumns}, (SELECT count(*) FROM page) AS found
  FROM page AS p JOIN mqtt_retained AS m ON m.tenant_id = p.tenant_id AND m.topic = p.topic
  WHERE p.place <= $4 AND (p.place = 1 OR p.total <= $5) ORDER BY p.tenant_id, p.topic`;

const summariesSql = summaryOf(`s.tenant_id = $1 AND ($2::uuid IS NULL OR s.session_id > $2) AND ${isLive("$3::double precision")}
    AND ($4::text IS NULL OR s.client_id = $4) AND ($5::text IS NULL OR s.owner = $5) ORDER BY s.session_id LIMIT $6`);

const findSql = summaryOf(`s.tenant_id = $1 AND s.session_id = $2 AND ${isLive("$3::double precision")}`);

interface QueueRow extends MessageRow {
  readonly seq: string;
  readonly packet_id: number;
  readonly is_released: boolean;
  readonly target_qos: number;
  readonly retain: boolean;
  readonly subscription_ids: readonly number[] | null;
  readonly share: string | null;
  readonly found: string;
}

export function createPostgresSessionReader(pool: Pool, clock: Clock): SessionReader {
  return {
    async sessions(after, limit) {
      if (after === undefined) await afterWriters(pool);
      const weighed = await pool.query<{ session_id: string; bytes: string }>(weighSql, [after ?? null, clock.now(), limit + 1]);
      const ids = cutAt(weighed.rows, limit);
      const { rows } = await pool.query<ListedRow>({ name: "sessions-listed", text: listedSql, values: [ids] });
      return { items: rows.map(toListed), next: ids.length < weighed.rows.length ? ids.at(-1) : undefined };
    },

    async queue(sessionId, { afterSeq, limit, bytesMax }) {
      const values = [sessionId, afterSeq, clock.now(), limit, bytesMax];
      const { rows } = await pool.query<QueueRow>({ name: "sessions-queue", text: queueSql, values });
      const items = rows.map((row) => ({
        seq: Number(row.seq),
        packetId: row.packet_id,
        isReleased: row.is_released,
        qos: row.target_qos,
        retain: row.retain,
        subscriptionIds: row.subscription_ids ?? [],
        ...(row.share === null ? {} : { share: row.share }),
        message: toMessage(row),
      }));
      return { items, isLast: Number(rows[0]?.found ?? 0) === rows.length };
    },

    async retained(after, limit) {
      const values = [after?.tenantId ?? null, after?.topic ?? "", clock.now(), limit, pageBytesMax];
      const { rows } = await pool.query<MessageRow & { readonly found: string }>({ name: "sessions-retained", text: retainedSql, values });
      const items: StoredMessage[] = rows.map(toMessage);
      return { items, next: Number(rows[0]?.found ?? 0) > rows.length ? items.at(-1) : undefined };
    },

    async summaries(tenantId, { after, limit, clientId, owner }) {
      const values = [tenantId, after ?? null, clock.now(), clientId ?? null, owner ?? null, limit + 1];
      const { rows } = await pool.query<SummaryRow>(summariesSql, values);
      const items = rows.slice(0, limit).map(toSummary);
      return { items, next: rows.length > limit ? items.at(-1)?.sessionId : undefined };
    },

    async find(tenantId, sessionId) {
      const { rows } = await pool.query<SummaryRow>(findSql, [tenantId, sessionId, clock.now()]);
      if (rows[0] === undefined) return undefined;
      const found = await pool.query<{ subscriptions: string }>(
        `SELECT ${subscriptionsJson} AS subscriptions FROM (SELECT $1::uuid AS session_id) AS s`,
        [sessionId],
      );
      return { session: toSummary(rows[0]), subscriptions: toSubscriptions(found.rows[0]?.subscriptions ?? "[]") };
    },
  };
}

/** The ids that fit one page; the first one always does. */
function cutAt(rows: readonly { readonly session_id: string; readonly bytes: string }[], limit: number): readonly string[] {
  const ids: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += Number(row.bytes);
    if (ids.length === limit || (ids.length > 0 && bytes > pageBytesMax)) break;
    ids.push(row.session_id);
  }
  return ids;
}
