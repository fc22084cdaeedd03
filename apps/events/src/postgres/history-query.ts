import { type HistoryInterval, type JsonValue, PlatformError } from "@mooring/contracts";
import type { Pool } from "pg";
import type { HistoryStoreAggregate, HistoryStoreQuery, StoredPoint } from "../history/ports.ts";
import { dayMs } from "../history/retention.ts";

/**
 * Each day that a statement may touch costs two locks, of which Postgres has some thousands for everybody, and planning time; ten years are 3,650
 * days. So long times are asked for in windows. The first one is short, since most ask for what came last.
 */
const [windowDaysFirst, windowDaysMax] = [8, 92];
/** For all windows of an aggregate together. */
const aggregateMsMax = 15_000;

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The windows of a time, newest first. What lies ahead of now is in no days, but for some, and belongs to the first. */
function windowsOf({ fromMs, toMs }: Window, nowMs: number): readonly Window[] {
  const windows: Window[] = [];
  let days = windowDaysFirst;
  for (let end = toMs; end > fromMs; days = Math.min(days * 4, windowDaysMax)) {
    const start = Math.max(fromMs, Math.min(end, nowMs) - days * dayMs);
    windows.push({ fromMs: start, toMs: end });
    end = start;
  }
  return windows;
}

/** A time given in milliseconds as the column holds it: floats of far times are some microseconds off. Bounds leave out the days beside them. */
const time = (parameter: string): string => `to_timestamp(${parameter}::double precision / 1000.0)::timestamptz(3)`;

/** Along the primary key backwards. The row comparison goes on exactly after a point, whatever has come in since. */
const querySql = `
  SELECT "time", "offset", message_id, value FROM property_history
  WHERE device_id = $1 AND property = $2 AND "time" >= ${time("$3")} AND "time" < ${time("$4")} AND ("time", "offset") < (${time("$5")}, $6::bigint)
  ORDER BY "time" DESC, "offset" DESC LIMIT $7`;

/** No offset is higher. */
const offsetMax = Number.MAX_SAFE_INTEGER;

/** Statements have no name, so that each is planned with its bounds: a plan that is kept locks all days there are. */
export async function queryPoints(pool: Pool, query: HistoryStoreQuery): Promise<readonly StoredPoint[]> {
  const { deviceId, property, before, limit } = query;
  // The days after the point that the page begins at need not be looked at.
  const toMs = before === undefined ? query.toMs : Math.min(query.toMs, before.timeMs + 1);
  const after = before ?? { timeMs: toMs, offset: offsetMax };
  const points: StoredPoint[] = [];
  for (const window of windowsOf({ fromMs: query.fromMs, toMs }, Date.now())) {
    const values = [deviceId, property, window.fromMs, window.toMs, after.timeMs, after.offset, limit - points.length];
    const { rows } = await pool.query<PointRow>(querySql, values);
    for (const row of rows) {
      points.push({ timeMs: row.time.getTime(), value: row.value, messageId: row.message_id, offset: Number(row.offset) });
    }
    if (points.length >= limit) break;
  }
  return points;
}

interface PointRow {
  readonly time: Date;
  readonly offset: string;
  readonly message_id: string;
  readonly value: JsonValue;
}

/**
 * Numbers as they stand in the JSON: those with an exponent are taken when surely within a double's range, where Postgres would throw, and plain
 * ones are when they are short enough for that.
 */
const number = `
  CASE WHEN json_typeof(value) <> 'number' THEN NULL
    WHEN strpos(value::text, 'e') = 0 AND strpos(value::text, 'E') = 0 THEN CASE WHEN length(value::text) <= 300 THEN value::text::double precision END
    WHEN value::text ~ '^-?[0-9]([.][0-9]{1,40})?[eE][+-]?([12]?[0-9]?[0-9]|30[0-7])$' THEN value::text::double precision
  END`;

/** Above, sums could leave a double's range, in which Postgres throws. */
const sumSafe = 1e290;
const scale = 1e18;

/**
 * One scan of the points' range of the primary key. The last value of each interval is then looked up by its time, which costs far less than sorting
 * all points: intervals are few. Values of other types count, and may be the last one. The OFFSET 0 keep Postgres from reading a number once per
 * mention.
 */
const aggregateSql = `
  WITH intervals AS MATERIALIZED (
    SELECT date_bin($5::double precision * interval '1 millisecond', "time", '1970-01-01T00:00:00Z') AS start, max("time") AS last_time,
      count(*)::double precision AS count, count(number)::double precision AS numbers, min(number) AS min, max(number) AS max,
      sum(number) FILTER (WHERE abs(number) <= ${sumSafe}) AS sum, sum(number / ${scale}) FILTER (WHERE abs(number) > ${sumSafe}) AS large
    FROM (
      SELECT "time", ${number} AS number FROM property_history
      WHERE device_id = $1 AND property = $2 AND "time" >= ${time("$3")} AND "time" < ${time("$4")} OFFSET 0
    ) AS points
    GROUP BY start
  )
  SELECT start, count, numbers, min, max, sum, large, latest.value::text AS last
  FROM intervals AS i, LATERAL (
    SELECT value FROM property_history AS h
    WHERE device_id = $1 AND property = $2 AND h."time" = i.last_time AND h."time" >= ${time("$3")} AND h."time" < ${time("$4")}
    ORDER BY "offset" DESC LIMIT 1
  ) AS latest
  ORDER BY start`;

interface IntervalRow {
  readonly start: Date;
  readonly count: number;
  readonly numbers: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly sum: number | null;
  /** Divided by `scale`. */
  readonly large: number | null;
  readonly last: string;
}

const tooMuch = "there are too many points in this time to aggregate at once; ask for less of it";

export async function aggregatePoints(pool: Pool, query: HistoryStoreAggregate): Promise<readonly HistoryInterval[]> {
  const { deviceId, property, intervalMs } = query;
  const endMs = performance.now() + aggregateMsMax;
  const intervals = new Map<number, IntervalRow>();
  try {
    for (const { fromMs, toMs } of windowsOf(query, Date.now()).toReversed()) {
      if (performance.now() > endMs) throw new PlatformError("timeout", tooMuch);
      const { rows } = await pool.query<IntervalRow>(aggregateSql, [deviceId, property, fromMs, toMs, intervalMs]);
      for (const row of rows) intervals.set(row.start.getTime(), merge(intervals.get(row.start.getTime()), row));
    }
    return [...intervals.values()].map(toInterval);
  } catch (error) {
    // query_canceled: the statement took longer than the database allows.
    if (error instanceof Error && "code" in error && error.code === "57014") {
      throw new PlatformError("timeout", "there are too many points in this time to aggregate at once; ask for less of it", {
        cause: error,
      });
    }
    throw error;
  }
}

/** An interval that begins in one window and goes on in the next one. */
function merge(earlier: IntervalRow | undefined, later: IntervalRow): IntervalRow {
  if (earlier === undefined) return later;
  const both = (a: number | null, b: number | null, of: (a: number, b: number) => number) => (a === null ? b : b === null ? a : of(a, b));
  const add = (a: number, b: number): number => a + b;
  return {
    start: later.start,
    count: earlier.count + later.count,
    numbers: earlier.numbers + later.numbers,
    min: both(earlier.min, later.min, Math.min),
    max: both(earlier.max, later.max, Math.max),
    sum: both(earlier.sum, later.sum, add),
    large: both(earlier.large, later.large, add),
    last: later.last,
  };
}

function toInterval(row: IntervalRow): HistoryInterval {
  const figures = row.min === null || row.max === null ? {} : { min: row.min, max: row.max, avg: average(row) };
  return { startMs: row.start.getTime(), count: row.count, ...figures, last: JSON.parse(row.last) as JsonValue };
}

function average({ sum, large, numbers }: IntervalRow): number {
  if (large === null) return (sum ?? 0) / numbers;
  return (large / numbers + (sum ?? 0) / scale / numbers) * scale;
}
