// Sessions to columns for `unnest`, and rows back to sessions.
import {
  type ListedSession,
  type PutSession,
  type SessionSummary,
  type StoredSubscription,
  type StoredWill,
  sessionNeverExpires,
  type WillProperties,
} from "@mooring/contracts";
import { decodeProperties, encodeProperties } from "./message-columns.ts";

export const sessionsSql = `
  INSERT INTO mqtt_sessions (session_id, tenant_id, owner, client_id, protocol_level, expiry_interval_s, node_id, connected_at, disconnected_at,
    expires_at, will, will_payload)
  SELECT session_id, tenant_id, owner, client_id, protocol_level, expiry_interval_s, node_id, to_timestamp(connected_ms / 1000.0),
    to_timestamp(disconnected_ms / 1000.0), to_timestamp(expires_ms / 1000.0), will, will_payload
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::text[], $8::double precision[],
      $9::double precision[], $10::double precision[], $11::json[], $12::bytea[])
    AS r (session_id, tenant_id, owner, client_id, protocol_level, expiry_interval_s, node_id, connected_ms, disconnected_ms, expires_ms, will,
      will_payload)
  ON CONFLICT (session_id) DO UPDATE SET tenant_id = excluded.tenant_id, owner = excluded.owner, client_id = excluded.client_id,
    protocol_level = excluded.protocol_level, expiry_interval_s = excluded.expiry_interval_s, node_id = excluded.node_id,
    connected_at = excluded.connected_at, disconnected_at = excluded.disconnected_at, expires_at = excluded.expires_at, will = excluded.will,
    will_payload = excluded.will_payload`;

export function toSessionValues(sessions: readonly PutSession[]): unknown[] {
  return [
    sessions.map((one) => one.sessionId),
    sessions.map((one) => one.tenantId),
    sessions.map((one) => one.owner),
    sessions.map((one) => one.clientId),
    sessions.map((one) => one.protocolLevel),
    sessions.map((one) => one.expiryIntervalS),
    sessions.map((one) => one.nodeId),
    sessions.map((one) => one.connectedAtMs ?? null),
    sessions.map((one) => one.disconnectedAtMs ?? null),
    sessions.map((one) => expiresAtMs(one)),
    sessions.map(({ will }) => (will === undefined ? null : encodeWill(will))),
    sessions.map(({ will }) => (will === undefined ? null : Buffer.from(will.payload))),
  ];
}

function expiresAtMs({ disconnectedAtMs, expiryIntervalS }: PutSession): number | null {
  if (disconnectedAtMs === undefined || expiryIntervalS === sessionNeverExpires) return null;
  return disconnectedAtMs + expiryIntervalS * 1_000;
}

function encodeWill({ topic, qos, retain, delayS, properties }: StoredWill): string {
  return JSON.stringify({ topic, qos, retain, delayS, properties: encodeProperties(properties) });
}

function decodeWill(text: string, payload: Buffer): StoredWill {
  const { properties, ...rest } = JSON.parse(text) as Omit<StoredWill, "payload" | "properties"> & { readonly properties: string | null };
  return { ...rest, payload, properties: decodeProperties(properties) as WillProperties };
}

const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::bigint`;

/** Of a table or alias `s`. */
const factColumns = `s.session_id, s.owner, s.client_id, s.protocol_level, s.expiry_interval_s, s.node_id, ${ms("s.connected_at")} AS connected_ms,
  ${ms("s.disconnected_at")} AS disconnected_ms, ${ms("s.expires_at")} AS expires_ms, q.count AS queued, q.bytes AS queued_bytes, q.last_seq`;

/** The queue of `s`, weighed. */
const queueFigures = `CROSS JOIN LATERAL (
    SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes, coalesce(max(seq), 0) AS last_seq FROM mqtt_queue WHERE session_id = s.session_id
  ) AS q`;

/** All subscriptions of `s` as JSON. */
export const subscriptionsJson = `(
    SELECT coalesce(json_agg(json_build_array(filter, qos, no_local, retain_as_published, retain_handling, subscription_id) ORDER BY filter), '[]')::text
    FROM mqtt_subscriptions WHERE session_id = s.session_id
  )`;

export const listedSql = `
  SELECT ${factColumns}, s.tenant_id, s.will::text AS will, s.will_payload, ${subscriptionsJson} AS subscriptions,
    (SELECT array_agg(packet_id ORDER BY packet_id) FROM mqtt_received WHERE session_id = s.session_id) AS received
  FROM mqtt_sessions AS s ${queueFigures}
  WHERE s.session_id = ANY($1::uuid[]) ORDER BY s.session_id`;

export const summaryOf = (where: string): string => `
  SELECT ${factColumns}, (SELECT count(*) FROM mqtt_subscriptions WHERE session_id = s.session_id) AS subscriptions
  FROM mqtt_sessions AS s ${queueFigures}
  WHERE ${where}`;

interface FactRow {
  readonly session_id: string;
  readonly owner: string;
  readonly client_id: string;
  readonly protocol_level: number;
  readonly expiry_interval_s: string;
  readonly node_id: string;
  readonly connected_ms: string | null;
  readonly disconnected_ms: string | null;
  readonly expires_ms: string | null;
  readonly queued: string;
  readonly queued_bytes: string;
  readonly last_seq: string;
}

export interface ListedRow extends FactRow {
  readonly tenant_id: string;
  readonly will: string | null;
  readonly will_payload: Buffer | null;
  readonly subscriptions: string;
  readonly received: readonly number[] | null;
}

export interface SummaryRow extends FactRow {
  readonly subscriptions: string;
}

function toFacts(row: FactRow) {
  return {
    sessionId: row.session_id,
    owner: row.owner,
    clientId: row.client_id,
    protocolLevel: row.protocol_level,
    expiryIntervalS: Number(row.expiry_interval_s),
    nodeId: row.node_id,
    ...(row.connected_ms === null ? {} : { connectedAtMs: Number(row.connected_ms) }),
    ...(row.disconnected_ms === null ? {} : { disconnectedAtMs: Number(row.disconnected_ms) }),
  };
}

export function toListed(row: ListedRow): ListedSession {
  return {
    ...toFacts(row),
    tenantId: row.tenant_id,
    ...(row.will === null || row.will_payload === null ? {} : { will: decodeWill(row.will, row.will_payload) }),
    subscriptions: toSubscriptions(row.subscriptions),
    receivedPacketIds: row.received ?? [],
    queue: { count: Number(row.queued), bytes: Number(row.queued_bytes), lastSeq: Number(row.last_seq) },
  };
}

export function toSummary(row: SummaryRow): SessionSummary {
  return {
    ...toFacts(row),
    ...(row.expires_ms === null ? {} : { expiresAtMs: Number(row.expires_ms) }),
    subscriptions: Number(row.subscriptions),
    queuedMessages: Number(row.queued),
    queuedBytes: Number(row.queued_bytes),
  };
}

export function toSubscriptions(json: string): readonly StoredSubscription[] {
  const rows = JSON.parse(json) as readonly [string, number, boolean, boolean, number, number][];
  return rows.map(([filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionId]) => ({
    ...{ filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionId },
  }));
}
