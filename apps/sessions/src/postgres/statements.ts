// Hot: a plan as statements, at most one for each kind of change. The order in which they run is that of the list.
import type { PutSession, PutSubscription } from "@mooring/contracts";
import type { PlannedQueued, PlannedSession } from "../plan.ts";
import { type Plan, QueueFate } from "../plan.ts";
import { MessageColumns, messageArrays, messageNames, messageParameters, storedMessage, storedMessageNames } from "./message-columns.ts";
import { sessionsSql, toSessionValues } from "./session-rows.ts";

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/**
 * Deletes the messages whose last rows of queues are being deleted in `gone`. The snapshot still has those rows: when they are all that the message
 * has, none is left. It counts no further than it must.
 */
const withLastRows = `counted AS (SELECT message_id, count(*) AS rows FROM gone GROUP BY message_id)
  DELETE FROM mqtt_messages AS m USING counted AS c
  WHERE m.message_id = c.message_id
    AND (SELECT count(*) FROM (SELECT FROM mqtt_queue AS q WHERE q.message_id = c.message_id LIMIT c.rows + 1) AS all_rows) = c.rows`;

/** $1: session ids, $2: places. The rows go, and messages with the last of their rows. */
export const deleteQueued = `
  WITH gone AS (
    DELETE FROM mqtt_queue AS q USING unnest($1::uuid[], $2::bigint[]) AS d (session_id, seq)
    WHERE q.session_id = d.session_id AND q.seq = d.seq RETURNING q.message_id
  ), ${withLastRows}`;

/** $1: session ids. */
export const deleteSessions = `
  WITH gone AS (DELETE FROM mqtt_queue WHERE session_id = ANY($1::uuid[]) RETURNING message_id),
  subscriptions AS (DELETE FROM mqtt_subscriptions WHERE session_id = ANY($1::uuid[])),
  received AS (DELETE FROM mqtt_received WHERE session_id = ANY($1::uuid[])),
  sessions AS (DELETE FROM mqtt_sessions WHERE session_id = ANY($1::uuid[])),
  ${withLastRows}`;

/** Of an expired session `s`: something of it is still for others. */
export const isOwed = `(s.will IS NOT NULL OR EXISTS (SELECT FROM mqtt_queue AS q WHERE q.session_id = s.session_id AND q.share IS NOT NULL))`;

const at = (offset: number): string => `$${messageParameters + offset}`;

/**
 * One row per place in a queue; the first of a message's rows has the message too. A row whose session is not there, or is another tenant's, is passed
 * over; a message without rows is not stored. No join but to the sessions, by key: what belongs together stands in one row. `IS TRUE` keeps a plan
 * made while there are few sessions from going over all those of the tenant.
 */
const enqueue = `
  WITH r AS MATERIALIZED (
    SELECT r.*, s.session_id IS NOT NULL AS is_wanted, bool_or(s.session_id IS NOT NULL) OVER (PARTITION BY r.message_id) AS is_message_wanted
    FROM unnest(${messageArrays}, ${at(1)}::uuid[], ${at(2)}::bigint[], ${at(3)}::smallint[], ${at(4)}::boolean[], ${at(5)}::text[],
        ${at(6)}::int[], ${at(7)}::text[], ${at(8)}::boolean[])
      AS r (${messageNames}, session_id, seq, target_qos, retain, subscription_ids, packet_id, share, is_released)
    LEFT JOIN mqtt_sessions AS s ON s.session_id = r.session_id AND (s.tenant_id = r.tenant_id) IS TRUE
  ),
  put AS (
    INSERT INTO mqtt_queue (session_id, seq, message_id, qos, retain, subscription_ids, packet_id, share, is_released, bytes)
    SELECT session_id, seq, message_id, target_qos, retain, subscription_ids::int[], packet_id, share, is_released, bytes FROM r WHERE is_wanted
    ON CONFLICT (session_id, seq) DO UPDATE SET message_id = excluded.message_id, qos = excluded.qos, retain = excluded.retain,
      subscription_ids = excluded.subscription_ids, packet_id = excluded.packet_id, share = excluded.share,
      is_released = excluded.is_released, bytes = excluded.bytes
  )
  INSERT INTO mqtt_messages (${storedMessageNames})
  SELECT ${storedMessage} FROM r WHERE is_message_wanted AND start IS NOT NULL
  ON CONFLICT (message_id) DO NOTHING`;

const changeQueued = `
  UPDATE mqtt_queue AS q
  SET packet_id = CASE WHEN r.packet_id < 0 THEN q.packet_id ELSE r.packet_id END, is_released = q.is_released OR r.is_released
  FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::boolean[]) AS r (session_id, seq, packet_id, is_released)
  WHERE q.session_id = r.session_id AND q.seq = r.seq`;

const putSubscriptions = `
  INSERT INTO mqtt_subscriptions (session_id, filter, qos, no_local, retain_as_published, retain_handling, subscription_id)
  SELECT r.* FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::boolean[], $5::boolean[], $6::smallint[], $7::int[])
    AS r (session_id, filter, qos, no_local, retain_as_published, retain_handling, subscription_id)
  JOIN mqtt_sessions AS s ON s.session_id = r.session_id
  ON CONFLICT (session_id, filter) DO UPDATE SET qos = excluded.qos, no_local = excluded.no_local,
    retain_as_published = excluded.retain_as_published, retain_handling = excluded.retain_handling, subscription_id = excluded.subscription_id`;

const deleteSubscriptions = `DELETE FROM mqtt_subscriptions AS d USING unnest($1::uuid[], $2::text[]) AS r (session_id, filter)
  WHERE d.session_id = r.session_id AND d.filter = r.filter`;

const putReceived = `INSERT INTO mqtt_received (session_id, packet_id)
  SELECT r.* FROM unnest($1::uuid[], $2::int[]) AS r (session_id, packet_id) JOIN mqtt_sessions AS s ON s.session_id = r.session_id
  ON CONFLICT DO NOTHING`;

const deleteReceived = `DELETE FROM mqtt_received AS d USING unnest($1::uuid[], $2::int[]) AS r (session_id, packet_id)
  WHERE d.session_id = r.session_id AND d.packet_id = r.packet_id`;

const putRetained = `
  INSERT INTO mqtt_retained (${storedMessageNames}, bytes)
  SELECT ${storedMessage}, bytes FROM unnest(${messageArrays}) AS r (${messageNames})
  ON CONFLICT (tenant_id, topic) DO UPDATE SET message_id = excluded.message_id, payload = excluded.payload, qos = excluded.qos,
    received_at = excluded.received_at, expires_at = excluded.expires_at, properties = excluded.properties, publisher = excluded.publisher,
    bytes = excluded.bytes`;

const deleteRetained = `DELETE FROM mqtt_retained AS d USING unnest($1::uuid[], $2::text[]) AS r (tenant_id, topic)
  WHERE d.tenant_id = r.tenant_id AND d.topic = r.topic`;

/** Sessions among $1 with more than $2 subscriptions. */
export const crowdedSql = `SELECT session_id FROM mqtt_subscriptions WHERE session_id = ANY($1::uuid[]) GROUP BY session_id HAVING count(*) > $2`;

/** The statements of a plan, and the sessions that got subscriptions. */
export interface Statements {
  readonly list: readonly Statement[];
  readonly subscribed: readonly string[];
}

export function toStatements(plan: Plan): Statements {
  const sorted = sort(plan);
  const statements: Statement[] = [];
  const add = (name: string, text: string, values: unknown[]): void => {
    if ((values[values.length - 1] as unknown[]).length > 0) statements.push({ name: `sessions-${name}`, text, values });
  };
  add("delete", deleteSessions, [sorted.deleted]);
  add("put", sessionsSql, toSessionValues(sorted.put));
  add(
    "unsubscribe",
    deleteSubscriptions,
    columns(sorted.unsubscribed, (one) => one),
  );
  add("subscribe", putSubscriptions, toSubscriptionValues(sorted.subscribed));
  add(
    "unreceive",
    deleteReceived,
    columns(sorted.unreceived, (one) => one),
  );
  add(
    "receive",
    putReceived,
    columns(sorted.received, (one) => one),
  );
  add("enqueue", enqueue, toQueueValues(sorted.queued));
  add(
    "change",
    changeQueued,
    columns(sorted.changed, (one) => [one.sessionId, one.seq, one.packetId, one.isReleased]),
  );
  add(
    "dequeue",
    deleteQueued,
    columns(sorted.dequeued, (one) => [one.sessionId, one.seq]),
  );
  add(
    "unretain",
    deleteRetained,
    columns(sorted.unretained, (one) => one),
  );
  add("retain", putRetained, sorted.retained.values());
  return { list: statements, subscribed: [...new Set(sorted.subscribed.map(({ sessionId }) => sessionId))] };
}

interface Sorted {
  readonly deleted: string[];
  readonly put: PutSession[];
  readonly subscribed: PutSubscription[];
  readonly unsubscribed: [string, string][];
  readonly received: [string, number][];
  readonly unreceived: [string, number][];
  readonly queued: PlannedQueued[];
  readonly changed: PlannedQueued[];
  readonly dequeued: PlannedQueued[];
  readonly retained: MessageColumns;
  readonly unretained: [string, string][];
}

function sort({ sessions, retained }: Plan): Sorted {
  const rows = {
    deleted: [],
    put: [],
    subscribed: [],
    unsubscribed: [],
    received: [],
    unreceived: [],
    queued: [],
    changed: [],
    dequeued: [],
  };
  const sorted: Sorted = { ...rows, retained: new MessageColumns(), unretained: [] };
  for (const session of sessions.values()) sortSession(session, sorted);
  for (const op of retained.values()) {
    if (op.op === "putRetained") sorted.retained.add(op.message);
    else sorted.unretained.push([op.tenantId, op.topic]);
  }
  return sorted;
}

function sortSession(session: PlannedSession, sorted: Sorted): void {
  const { sessionId } = session;
  if (session.isDeleted) sorted.deleted.push(sessionId);
  if (session.put !== undefined) sorted.put.push(session.put);
  for (const [filter, put] of session.subscriptions) {
    if (put === null) sorted.unsubscribed.push([sessionId, filter]);
    else sorted.subscribed.push(put);
  }
  for (const [packetId, isThere] of session.received) (isThere ? sorted.received : sorted.unreceived).push([sessionId, packetId]);
  for (const row of session.queue.values()) {
    if (row.fate === QueueFate.Put) sorted.queued.push(row);
    else if (row.fate === QueueFate.Deleted) sorted.dequeued.push(row);
    else sorted.changed.push(row);
  }
}

/** Rows as columns; one empty column when there are no rows. */
function columns<T>(rows: readonly T[], toRow: (row: T) => readonly unknown[]): unknown[] {
  const result: unknown[][] = [];
  for (const row of rows) {
    const values = toRow(row);
    for (let i = 0; i < values.length; i++) {
      const column = result[i];
      if (column === undefined) result.push([values[i]]);
      else column.push(values[i]);
    }
  }
  return result.length === 0 ? [[]] : result;
}

function toSubscriptionValues(subscriptions: readonly PutSubscription[]): unknown[] {
  return columns(subscriptions, (one) => [
    one.sessionId,
    one.filter,
    one.qos,
    one.noLocal,
    one.retainAsPublished,
    one.retainHandling,
    one.subscriptionId,
  ]);
}

function toQueueValues(rows: readonly PlannedQueued[]): unknown[] {
  const messages = new MessageColumns();
  /** Bytes of the messages that have a row. */
  const seen = new Map<string, number>();
  const [sessionIds, seqs, qos, retain]: [string[], number[], number[], boolean[]] = [[], [], [], []];
  const [subscriptionIds, packetIds, released]: [(string | null)[], number[], boolean[]] = [[], [], []];
  const shares: (string | null)[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as PlannedQueued;
    const { message, target } = row;
    if (message === undefined || target === undefined) continue;
    const bytes = seen.get(message.messageId);
    if (bytes === undefined) seen.set(message.messageId, messages.add(message));
    else messages.addAgain(message, bytes);
    sessionIds.push(row.sessionId);
    seqs.push(row.seq);
    qos.push(target.qos);
    retain.push(target.retain);
    // Arrays of unequal length are no array to Postgres: each goes as its text.
    subscriptionIds.push(target.subscriptionIds.length === 0 ? null : `{${target.subscriptionIds.join(",")}}`);
    packetIds.push(row.packetId);
    shares.push(target.share ?? null);
    released.push(row.isReleased);
  }
  return [...messages.values(), sessionIds, seqs, qos, retain, subscriptionIds, packetIds, shares, released];
}
