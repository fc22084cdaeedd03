// Hot path (style: Hot): one statement per group of frames.
import { hash } from "node:crypto";
import type { LogRecord, NewRecord } from "@mooring/contracts";
import { type Clock, systemClock } from "@mooring/kit";
import type { Pool } from "pg";
import { EarlierSegments, isChosen, onTheWayMsMax } from "../log/earlier-segments.ts";
import { type EventLog, UnstorableRecord } from "../ports.ts";
import { type LogRow, recordColumns, toColumns, toRecord } from "./log-columns.ts";
import { findOffsetAt } from "./log-search.ts";
import { appendLock, ensureSegment, firstOffset, segmentAfter, segmentSize, sequence } from "./segments.ts";

const defaultDeduplicationMs = 3_600_000;
/** A statement is sent again when a segment has begun or was missing. Twice in a row is possible, more often is not. */
const attemptsMax = 5;

export interface PostgresEventLogOptions {
  /** What is not the appending of records runs on it. The pool of the appends when not given. */
  readonly control?: Pool;
  /** For how long a message id is stored once. An hour when not given. */
  readonly deduplicationMs?: number;
  readonly clock?: Clock;
}

export interface PostgresEventLog extends EventLog {
  /** Counted by this process. */
  readonly figures: { readonly stored: number; readonly duplicates: number };
}

/**
 * The statement that stores a group. It stores nothing unless the current segment, found out under the lock, is the one that was expected ($9), and
 * says which one it is. What lies between:
 *
 * - A group never spans two segments: when there is no room for it (as if every record drew an offset), the rest of the segment is left unused. The
 *   sequence only grows and is only drawn from under the lock, so a segment that is not the current one never grows again.
 * - A statement sees what was committed before it began, which is before the lock was granted: the records of whoever held the lock meanwhile are not
 *   seen. In the current segment that does no harm, since a unique index knows no snapshot: it finds rows that were committed a moment ago. An
 *   earlier segment is searched with the snapshot ($10); it was told by an answer under the lock, before this statement began, that the current segment
 *   had begun, so by then all that is in the earlier ones was committed. At the moment of rolling the expectation is wrong, and the statement is
 *   sent again with a snapshot that is new enough.
 */
const insertInto = (messageId: string, probe: string): string => `
  WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(${appendLock})),
  seen AS MATERIALIZED (SELECT coalesce(pg_sequence_last_value('${sequence}'), 0) AS last FROM held),
  place AS MATERIALIZED (
    SELECT CASE WHEN ${segmentAfter("last")} + ${segmentSize} <= last + cardinality($1::uuid[])
      THEN setval('${sequence}', ${segmentAfter("last")} + ${segmentSize} - 1) ELSE last END AS last
    FROM seen
  ),
  stored AS (
    INSERT INTO event_log (message_id, tenant_id, device_id, product_key, device_name, kind, received_at, body)
    SELECT ${messageId}, r.tenant_id, r.device_id, r.product_key, r.device_name, r.kind, to_timestamp(r.received_ms / 1000.0), r.body
    FROM place, ${probe}
    ORDER BY r.place
    ON CONFLICT DO NOTHING
    RETURNING "offset"
  )
  SELECT ${segmentAfter("last")} AS segment, (SELECT max("offset") FROM stored) AS last, (SELECT count(*) FROM stored) AS count FROM place`;

const parameters = "$1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::double precision[], $8::json[]";
const names = "message_id, tenant_id, device_id, product_key, device_name, kind, received_ms, body";
const expected = `WHERE ${segmentAfter("place.last")} = $9::bigint`;

const insertPlain = insertInto("r.message_id", `unnest(${parameters}) WITH ORDINALITY AS r (${names}, place) ${expected}`);
/**
 * Scalar subqueries, which are not made into joins: each record is looked up in the indexes of the segments that it may be in. One received longer
 * before this one than the window ($13, ms) is another record that somebody gave the same id. In the current segment the unique index knows the id
 * only, so there the new record has another one (`again`): the same for all that come in one window's time, so that the index tells of them what the
 * snapshot does not. Those of the times before and after (`before`, `next`: a copy that was received later may be here first) may be
 * within the window as well.
 *
 * It has no name, so it is planned each time, for the sizes that tables have then and without the segments below the lowest place to look at ($14). A
 * plan that is kept would be the one for a segment that had just begun: reading all of it, for each record.
 */
const isOther = "r.again <> r.message_id";
const insertProbing = insertInto(
  `CASE WHEN r.probe_from >= 0 AND ${isOther} AND (
      SELECT e."offset" FROM event_log AS e
      WHERE e.message_id = r.message_id AND e."offset" >= $9::bigint AND e."offset" < $9::bigint + ${segmentSize} LIMIT 1
    ) IS NOT NULL THEN r.again ELSE r.message_id END`,
  `unnest(${parameters}, $10::bigint[], $11::uuid[], $12::uuid[], $15::uuid[]) WITH ORDINALITY
      AS r (${names}, probe_from, again, before, next, place) ${expected}
    AND (r.probe_from < 0 OR coalesce(
      ${inEarlier("r.message_id")},
      CASE WHEN ${isOther} THEN ${inEarlier("r.again")} END,
      CASE WHEN ${isOther} THEN ${inEarlier("r.before")} END,
      CASE WHEN ${isOther} THEN ${inEarlier("r.next")} END
    ) IS NULL)`,
);

/** Of one id at a time: there is nothing cheaper than the index of ids, whatever Postgres believes of the sizes. */
function inEarlier(id: string): string {
  return `(SELECT e."offset" FROM event_log AS e
        WHERE e.message_id = ${id} AND e."offset" >= $14::bigint AND e."offset" >= r.probe_from AND e."offset" < $9::bigint + ${segmentSize}
          AND e.received_at > to_timestamp((r.received_ms - $13::double precision) / 1000.0) LIMIT 1)`;
}

export function createPostgresEventLog(pool: Pool, options: PostgresEventLogOptions = {}): PostgresEventLog {
  const control = options.control ?? pool;
  const clock = options.clock ?? systemClock;
  const deduplicationMs = options.deduplicationMs ?? defaultDeduplicationMs;
  const earlier = new EarlierSegments(deduplicationMs);
  const figures = { stored: 0, duplicates: 0 };

  const log: PostgresEventLog = {
    figures,

    async append(records) {
      const columns = toColumns(records);
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const segment = earlier.current;
        const stored = await insert(pool, columns, segment, probesOf(records, earlier, { nowMs: clock.now(), deduplicationMs }));
        if (stored === undefined) {
          await ensureSegment(control, segment);
        } else if (stored.segment !== segment) {
          const windowFrom = segment >= 0 ? undefined : await log.offsetAt(clock.now() - deduplicationMs - onTheWayMsMax);
          earlier.moveTo(stored.segment, clock.now());
          if (windowFrom !== undefined) earlier.startAt(windowFrom + 1, clock.now());
        } else {
          figures.stored += stored.count;
          figures.duplicates += records.length - stored.count;
          // Offsets that were drawn for duplicates are nobody's: a reader would wait for them in vain. So the last record's is told.
          return stored.last ?? log.end();
        }
      }
      throw new Error(`segments of the log began ${attemptsMax} times while one group was to be stored`);
    },

    async read(after, limit) {
      const { rows } = await control.query<LogRow>({
        name: "events-read",
        text: `SELECT ${recordColumns} FROM event_log WHERE "offset" > $1 ORDER BY "offset" LIMIT $2`,
        values: [after, limit],
        rowMode: "array",
      });
      const records: LogRecord[] = [];
      for (const row of rows) records.push(toRecord(row));
      return records;
    },

    first: () => firstOffset(control),

    async end() {
      const { rows } = await control.query<{ end: string | null }>(`SELECT max("offset") AS "end" FROM event_log`);
      const end = rows[0]?.end;
      return end == null ? (await log.first()) - 1 : Number(end);
    },

    offsetAt: (timeMs) => findOffsetAt(control, log, timeMs),
  };
  return log;
}

interface Stored {
  /** Where the current segment begins. When it is not the expected one, nothing was stored. */
  readonly segment: number;
  /** Undefined when all were duplicates. */
  readonly last: number | undefined;
  readonly count: number;
}

/** Undefined when the segment is not there. */
async function insert(pool: Pool, columns: unknown[], segment: number, probes: unknown[] | undefined): Promise<Stored | undefined> {
  const statement =
    probes === undefined
      ? { name: "events-append", text: insertPlain, values: [...columns, segment] }
      : { text: insertProbing, values: [...columns, segment, ...probes] };
  try {
    const { rows } = await pool.query<{ segment: string; last: string | null; count: string }>(statement);
    const [row] = rows;
    if (row === undefined) throw new Error("an append answers with one row");
    return { segment: Number(row.segment), last: row.last === null ? undefined : Number(row.last), count: Number(row.count) };
  } catch (error) {
    if (isMissingSegment(error)) return undefined;
    if (isDataError(error)) throw new UnstorableRecord(`a record cannot be stored: ${error.message}`, { cause: error });
    throw error;
  }
}

interface Window {
  readonly nowMs: number;
  readonly deduplicationMs: number;
}

/**
 * What the probing statement has beside the records, column by column: per record the offset to look from, -1 for nowhere, and the ids it has when its
 * own is that of an older record; the window, and the lowest of those offsets. Undefined when there is nowhere to look for any.
 */
function probesOf(records: readonly NewRecord[], earlier: EarlierSegments, { nowMs, deduplicationMs }: Window): unknown[] | undefined {
  const isCurrentOld = earlier.isCurrentOld(nowMs);
  if (earlier.expire(nowMs) && !isCurrentOld) return undefined;
  const probes: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (const { messageId } of records) {
    const from = earlier.probeFrom(messageId, isCurrentOld);
    probes.push(from);
    if (from >= 0 && from < lowest) lowest = from;
  }
  if (lowest === Number.POSITIVE_INFINITY) return undefined;
  const { again, before, next } = otherIds(records, probes, deduplicationMs);
  return [probes, again, before, deduplicationMs, lowest, next];
}

/** The ids that stand for each record's own in the time that it was received in, and in those before and after; its own where no other is needed. */
function otherIds(records: readonly NewRecord[], probes: readonly number[], deduplicationMs: number) {
  const again: string[] = [];
  const before: string[] = [];
  const next: string[] = [];
  const times = new Map<string, { readonly time: number; readonly receivedAtMs: number }>();
  for (let i = 0; i < records.length; i++) {
    const { messageId, receivedAtMs } = records[i] as NewRecord;
    const isOther = (probes[i] as number) >= 0 && isChosen(messageId);
    // Copies in one group do not see each other but in the index: they are of one time.
    const copy = times.get(messageId);
    const isCopy = copy !== undefined && Math.abs(receivedAtMs - copy.receivedAtMs) < deduplicationMs;
    const time = isCopy ? copy.time : Math.floor(receivedAtMs / deduplicationMs);
    if (isOther && !isCopy) times.set(messageId, { time, receivedAtMs });
    again.push(isOther ? idInTime(messageId, time) : messageId);
    before.push(isOther ? idInTime(messageId, time - 1) : messageId);
    next.push(isOther ? idInTime(messageId, time + 1) : messageId);
  }
  return { again, before, next };
}

/** A UUID of version 8 (RFC 9562 §5.8) that follows from the id and the window's time. */
function idInTime(messageId: string, time: number): string {
  const hex = hash("sha256", `${messageId}|${time}`, "hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** check_violation of the table as a whole and of no constraint: there is no partition for the row. The text depends on the server's language. */
function isMissingSegment(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error && error.code === "23514")) return false;
  return "table" in error && error.table === "event_log" && (!("constraint" in error) || error.constraint === undefined);
}

/**
 * SQLSTATE classes 22 (data exception), 23 (integrity), 54 (beyond a limit of the program, for instance JSON nested too deep for its stack): the
 * same data will be refused again. So will what makes a statement too long for a string of ours.
 */
function isDataError(error: unknown): error is Error {
  if (error instanceof RangeError) return true;
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^(22|23|54)/.test(error.code);
}
