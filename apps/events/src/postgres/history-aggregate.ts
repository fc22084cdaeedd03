import { type HistoryInterval, type JsonValue, PlatformError } from "@mooring/contracts";
import type { Pool } from "pg";
import type { HistoryStoreAggregate, HistoryStoreRange } from "../history/ports.ts";
import { namesIn, time, windowsOf } from "./history-windows.ts";

/** For all windows of an aggregate together. */
const aggregateMsMax = 15_000;

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

/** Property by property, in the order of their names. */
export async function aggregatePoints(pool: Pool, query: HistoryStoreAggregate): Promise<readonly HistoryInterval[]> {
  const endMs = performance.now() + aggregateMsMax;
  const found: HistoryInterval[] = [];
  try {
    for (const property of [...query.properties].sort()) {
      const intervals = new Map<number, IntervalRow>();
      for (const { fromMs, toMs } of windowsOf(query, Date.now()).toReversed()) {
        if (performance.now() > endMs) throw new PlatformError("timeout", tooMuch);
        const { rows } = await pool.query<IntervalRow>(aggregateSql, [query.deviceId, property, fromMs, toMs, query.intervalMs]);
        for (const row of rows) intervals.set(row.start.getTime(), merge(intervals.get(row.start.getTime()), row));
      }
      for (const row of intervals.values()) found.push(toInterval(property, row));
    }
    return found;
  } catch (error) {
    throw inWords(error);
  }
}

/** The properties that a device has points of in a time, however long it is. Throws `timeout` when there is too much to go through. */
export async function listProperties(pool: Pool, { deviceId, fromMs, toMs }: HistoryStoreRange): Promise<readonly string[]> {
  const endMs = performance.now() + aggregateMsMax;
  const names = new Set<string>();
  try {
    for (const window of windowsOf({ fromMs, toMs }, Date.now())) {
      if (performance.now() > endMs) throw new PlatformError("timeout", tooMuch);
      for (const name of await namesIn(pool, deviceId, window)) names.add(name);
    }
    return [...names];
  } catch (error) {
    throw inWords(error);
  }
}

/** query_canceled: the statement took longer than the database allows. */
function inWords(error: unknown): unknown {
  const isCanceled = error instanceof Error && "code" in error && error.code === "57014";
  return isCanceled ? new PlatformError("timeout", tooMuch, { cause: error }) : error;
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

function toInterval(property: string, row: IntervalRow): HistoryInterval {
  const figures = row.min === null || row.max === null ? {} : { min: row.min, max: row.max, avg: average(row) };
  return { property, startMs: row.start.getTime(), count: row.count, ...figures, last: JSON.parse(row.last) as JsonValue };
}

function average({ sum, large, numbers }: IntervalRow): number {
  if (large === null) return (sum ?? 0) / numbers;
  return (large / numbers + (sum ?? 0) / scale / numbers) * scale;
}
