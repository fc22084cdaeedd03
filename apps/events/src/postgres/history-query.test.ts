import { randomUUID } from "node:crypto";
import type { HistoryInterval, JsonValue } from "@mooring/contracts";
import { openDatabase } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { createTestDatabase } from "@mooring/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayMs } from "../history/retention.ts";
import { createPostgresHistoryDays } from "./history-days.ts";
import { createPostgresHistoryStore } from "./history-store.ts";

const { connectionString, drop } = await createTestDatabase();
const database = openDatabase({ connectionString, poolSize: 4, applicationName: "history-query-test", log: silentLog });
const hasty = openDatabase({ connectionString, poolSize: 1, applicationName: "history-query-test", log: silentLog, statementTimeoutMs: 5 });
const { pool } = database;
afterAll(async () => {
  await hasty.close();
  await database.close();
  await drop();
});

const store = createPostgresHistoryStore(pool);
const firstDayMs = Date.UTC(2026, 8, 1);
/** As far apart as the windows that long times are asked for in, so that points lie on both sides of where they meet. */
const days = [0, 32, 40, 47];

// The first three days are partitions, the fourth lies in the rest.
beforeAll(async () => {
  for (const day of days.slice(0, 3)) await createPostgresHistoryDays(pool).ensure(firstDayMs + day * dayMs);
});

interface Said {
  readonly timeMs: number;
  readonly value: JsonValue;
}

async function write(points: readonly Said[]): Promise<string> {
  const deviceId = randomUUID();
  await pool.query(
    `INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
     SELECT $1, 'n', to_timestamp(p.ms / 1000.0), p.place, 'pk11', gen_random_uuid(), p.value
     FROM unnest($2::double precision[], $3::json[]) WITH ORDINALITY AS p (ms, value, place)`,
    [deviceId, points.map(({ timeMs }) => timeMs), points.map(({ value }) => JSON.stringify(value))],
  );
  return deviceId;
}

/** What aggregating means, in the plainest words. */
function aggregateNaively(points: readonly Said[], range: { readonly fromMs: number; readonly toMs: number; readonly intervalMs: number }) {
  const intervals = new Map<number, Said[]>();
  for (const point of points) {
    if (point.timeMs < range.fromMs || point.timeMs >= range.toMs) continue;
    const startMs = Math.floor(point.timeMs / range.intervalMs) * range.intervalMs;
    intervals.set(startMs, [...(intervals.get(startMs) ?? []), point]);
  }
  return [...intervals]
    .sort(([a], [b]) => a - b)
    .map(([startMs, inside]): HistoryInterval => {
      const numbers = inside.flatMap(({ value }) => (typeof value === "number" ? [value] : []));
      const last = inside.reduce((latest, point) => (point.timeMs >= latest.timeMs ? point : latest));
      const sum = numbers.reduce((total, number) => total + number, 0);
      const figures = numbers.length === 0 ? {} : { min: Math.min(...numbers), max: Math.max(...numbers), avg: sum / numbers.length };
      return { property: "n", startMs, count: inside.length, ...figures, last: last.value };
    });
}

const aTime = fc
  .tuple(fc.constantFrom(...days), fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 1, 999, 500))
  .map(([day, second, ms]) => firstDayMs + day * dayMs + second * 1_000 + ms);
const aValue: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -1_000, max: 1_000 }) },
  { weight: 2, arbitrary: fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((number) => (Math.abs(number) < 1e-200 ? 0 : number)) },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue>(null, true, "5", "e", { a: [1] }, [], 1.5e-7, 1e21, -2.5e250) },
);

describe("aggregates", () => {
  test("are what a plain computation gives, over any points, within days and across them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ timeMs: aTime, value: aValue }), { maxLength: 60 }),
        fc.constantFrom(1_000, 1_001, 7_000, 60_000, 86_400_000, 604_800_000, 60 * dayMs),
        fc.tuple(aTime, aTime),
        async (points, intervalMs, [a, b]) => {
          const range = { fromMs: Math.min(a, b), toMs: Math.max(a, b) + 1, intervalMs };
          const deviceId = await write(points);
          const found = await store.aggregate({ deviceId, properties: ["n"], ...range });
          const expected = aggregateNaively(points, range);
          expect(found.map(({ avg, ...rest }) => rest)).toEqual(expected.map(({ avg, ...rest }) => rest));
          for (const [i, { avg, min = 0, max = 0 }] of expected.entries()) {
            const tolerance = 1e-9 * Math.max(1, Math.abs(min), Math.abs(max));
            if (avg === undefined) expect(found[i]).not.toHaveProperty("avg");
            else expect(Math.abs((found[i]?.avg as number) - avg)).toBeLessThanOrEqual(tolerance);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("that take longer than the database allows end with a timeout that says what to do", async () => {
    const deviceId = randomUUID();
    await pool.query(
      `INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
       SELECT $1, 'n', to_timestamp($2::double precision / 1000.0) + i * interval '1 ms', i, 'pk11', gen_random_uuid(), '1' FROM generate_series(1, 50000) AS i`,
      [deviceId, firstDayMs],
    );
    const query = { deviceId, properties: ["n"], fromMs: firstDayMs, toMs: firstDayMs + dayMs, intervalMs: 1_000 };
    expect((await store.aggregate(query)).reduce((sum, { count }) => sum + count, 0)).toBe(50_000);
    await expect(createPostgresHistoryStore(hasty.pool).aggregate(query)).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("ask for less"),
    });
  });
});

describe("pages", () => {
  test("lock the days they are asked for, however many there are", async () => {
    const firstMs = firstDayMs + 100 * dayMs;
    for (let day = 0; day < 40; day++) await createPostgresHistoryDays(pool).ensure(firstMs + day * dayMs);
    const client = await pool.connect();
    await client.query("BEGIN");
    const locking = createPostgresHistoryStore(client as unknown as typeof pool);
    const range = { deviceId: randomUUID(), properties: ["n"], fromMs: firstMs + 20 * dayMs, toMs: firstMs + 22 * dayMs };
    await locking.query({ ...range, before: undefined, limit: 10 });
    await locking.aggregate({ ...range, intervalMs: dayMs });
    const { rows } = await client.query<{ name: string }>(
      "SELECT DISTINCT relation::regclass::text AS name FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '_[0-9]{8}$' ORDER BY name",
    );
    await client.query("COMMIT");
    client.release();
    expect(rows.map(({ name }) => name)).toEqual(["partitions.property_history_20261230", "partitions.property_history_20261231"]);
  });

  test("of any size, put together, are all points of the range, newest first", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aTime, { maxLength: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.tuple(aTime, aTime),
        async (times, limit, [a, b]) => {
          const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)];
          const deviceId = await write(times.map((timeMs, value) => ({ timeMs, value })));
          const seen: Said[] = [];
          let before: { readonly timeMs: number; readonly offset: number } | undefined;
          for (;;) {
            const page = await store.query({ deviceId, properties: ["n"], fromMs, toMs, before, limit });
            expect(page.length).toBeLessThanOrEqual(limit);
            seen.push(...page);
            before = page.at(-1);
            if (page.length < limit) break;
          }
          const expected = times
            .map((timeMs, value) => ({ timeMs, value }))
            .filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs)
            .sort((x, y) => y.timeMs - x.timeMs || y.value - x.value);
          expect(seen.map(({ timeMs, value }) => ({ timeMs, value }))).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});
