import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, deviceTimeMsMax, type NewRecord, PlatformError } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { FakeClock, openTestDatabase } from "@mooring/testkit";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createPostgresEventLog } from "../postgres/event-log.ts";
import { createPostgresHistoryDays } from "../postgres/history-days.ts";
import { createPostgresHistoryStore } from "../postgres/history-store.ts";
import { createHistoryCounts } from "./metrics.ts";
import { dayMs, keptAt } from "./retention.ts";
import { createHistoryUpkeep } from "./upkeep.ts";

const database = await openTestDatabase("history-upkeep");
const { pool } = database;
afterAll(() => database.stop());

const days = createPostgresHistoryDays(pool);
const history = createPostgresHistoryStore(pool);
const log = createPostgresEventLog(pool);
const never = new AbortController().signal;
const todayMs = Date.UTC(2026, 10, 21);
const dayAt = (daysAgo: number): number => todayMs - daysAgo * dayMs;

beforeEach(async () => {
  for (const { startMs } of await days.list()) await days.drop(startMs);
  await pool.query('TRUNCATE property_history, event_log; UPDATE history_cursors SET "offset" = 0');
});

const options = { acknowledgement: "persisted", deduplicateIds: false, pushDelta: true };

function createUpkeep(historyDays: Record<string, number> = { usual: 90 }) {
  const clock = new FakeClock(todayMs + 5 * 3_600_000);
  const counts = createHistoryCounts();
  const world = { historyDays, isDown: false };
  const devices = {
    // A page holds one product, so that there is always a next one.
    async listProductOptions(_: unknown, { pageToken = "0" }: { readonly pageToken?: string }) {
      if (world.isDown) throw new PlatformError("unavailable", "down");
      const all = Object.entries(world.historyDays).map(([productKey, of]) => ({ productKey, historyDays: of, ...options }));
      const next = Number(pageToken) + 1;
      return { products: all.slice(next - 1, next), ...(next < all.length ? { nextPageToken: `${next}` } : {}) };
    },
  };
  const upkeep = createHistoryUpkeep({ days, devices, counts, clock, log: silentLog });
  return { upkeep, clock, counts, world, pass: (signal = never) => upkeep.pass(signal) };
}

async function write(productKey: string, timeMs: number, count = 1): Promise<void> {
  await pool.query(
    `INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
     SELECT gen_random_uuid(), 'n', to_timestamp($2::double precision / 1000.0), i, $1, gen_random_uuid(), '1' FROM generate_series(1, $3) AS i`,
    [productKey, timeMs, count],
  );
}

/** Partition, product and number of points of what there is. */
async function contents(): Promise<readonly string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT concat_ws(' ', replace(tableoid::regclass::text, 'partitions.property_history_', ''), product_key, count(*)) AS line
     FROM property_history GROUP BY tableoid, product_key ORDER BY line`,
  );
  return rows.map(({ line }) => line);
}

const listDays = async (): Promise<readonly number[]> => (await days.list()).map(({ startMs }) => (startMs - todayMs) / dayMs);

describe("days of the history", () => {
  test("from yesterday to two days ahead are there before their points, in UTC, and go on being made", async () => {
    const { pass, clock, counts } = createUpkeep();
    await pass();
    expect(await listDays()).toEqual([-1, 0, 1, 2]);
    await write("usual", todayMs - 1);
    await write("usual", todayMs);
    expect(await contents()).toEqual(["20261120 usual 1", "20261121 usual 1"]);
    clock.advance(dayMs);
    await pass();
    expect(await listDays()).toEqual([-1, 0, 1, 2, 3]);
    expect(counts.days).toBe(5);
  });

  test("are made by one of several processes", async () => {
    const passes = [createUpkeep(), createUpkeep(), createUpkeep()];
    await Promise.all(passes.map(({ pass }) => pass()));
    expect(await listDays()).toEqual([-1, 0, 1, 2]);
    expect(passes.map(({ upkeep }) => upkeep.rules())).toEqual(Array(3).fill({ longestDays: 90, shorter: [] }));
  });

  test("are looked after by one at a time, and by the next one after a failure", async () => {
    let ran = 0;
    const work = async (): Promise<void> => void ran++;
    const outer = days.exclusively(async () => {
      expect(await days.exclusively(work)).toBe(false);
      throw new Error("failed meanwhile");
    });
    await expect(outer).rejects.toThrow("failed meanwhile");
    expect(ran).toBe(0);
    expect(await days.exclusively(work)).toBe(true);
    expect(ran).toBe(1);
  });

  test("long past that devices post in number are made, and their points move; a few points stay where they are", async () => {
    const { pass } = createUpkeep();
    await write("usual", dayAt(40) + 1, 1_000);
    await write("usual", dayAt(41) + 1, 999);
    await pass();
    expect(await listDays()).toEqual([-40, -1, 0, 1, 2]);
    expect(await contents()).toEqual(["20261012 usual 1000", "default usual 999"]);
  });

  test("far ahead are not made however many points they have; when their time comes the points move", async () => {
    const { pass, clock } = createUpkeep();
    await write("usual", dayAt(-10), 2_000);
    await write("usual", deviceTimeMsMax, 2_000);
    await pass();
    expect(await contents()).toEqual(["default usual 4000"]);
    clock.advance(8 * dayMs);
    await pass();
    expect(await contents()).toEqual(["20261201 usual 2000", "default usual 2000"]);
  });

  test("are made while the history is being written, and no point is lost or doubled", async () => {
    const { pass } = createUpkeep();
    const device = {
      tenantId: asTenantId(randomUUID()),
      deviceId: asDeviceId(randomUUID()),
      productKey: asProductKey("usual"),
      deviceName: asDeviceName("d"),
    };
    const report = (i: number): NewRecord => {
      const properties = { n: { value: i, time: dayAt(20 + (i % 3)) + i } };
      return { messageId: randomUUID(), device, kind: "properties", receivedAtMs: 1, body: JSON.stringify({ properties }) };
    };
    const count = 12_000;
    for (let i = 0; i < count; i += 1_000) await log.append(Array.from({ length: 1_000 }, (_, j) => report(i + j)));
    const end = await log.end();
    const isDone = async () => Number((await pool.query('SELECT "offset" FROM history_cursors')).rows[0]?.offset ?? 0) >= end;
    const following = (async () => {
      while (!(await isDone())) await history.follow(100, keptAt({ longestDays: 90, shorter: [] }, todayMs));
    })();
    while (!(await isDone())) await pass();
    await following;
    await pass();
    expect(await contents()).toEqual(["20261030 usual 4000", "20261031 usual 4000", "20261101 usual 4000"]);
    expect((await pool.query("SELECT count(DISTINCT value::text) FROM property_history")).rows).toEqual([{ count: `${count}` }]);
  });
});

describe("retention", () => {
  test("days past the longest retention of any product are dropped whole, and so is what a cut-off drop left behind", async () => {
    const { pass, counts } = createUpkeep({ usual: 30, short: 1 });
    for (const daysAgo of [30, 31, 32]) {
      await days.ensure(dayAt(daysAgo));
      await write("usual", dayAt(daysAgo));
    }
    await pool.query("ALTER TABLE property_history DETACH PARTITION partitions.property_history_20261020");
    await pass();
    expect(await listDays()).toEqual([-30, -1, 0, 1, 2]);
    expect(await contents()).toEqual(["20261022 usual 1"]);
    expect(counts.daysDropped).toBe(2);
  });

  test("a product with a shorter one loses the days that are wholly past it, and the others keep theirs", async () => {
    const { pass, counts } = createUpkeep({ usual: 30, week: 7, day: 1 });
    for (const daysAgo of [1, 2, 7, 8]) {
      await days.ensure(dayAt(daysAgo));
      for (const product of ["usual", "week", "day"]) await write(product, dayAt(daysAgo), 3);
    }
    await pass();
    expect(await contents()).toEqual([
      "20261113 usual 3",
      "20261114 usual 3",
      "20261114 week 3",
      "20261119 usual 3",
      "20261119 week 3",
      "20261120 day 3",
      "20261120 usual 3",
      "20261120 week 3",
    ]);
    expect(counts.pointsRemoved).toBe(12);
  });

  test("a day is gone through once, and again only when another product is past keeping", async () => {
    const { pass, world, counts, clock } = createUpkeep({ usual: 30, week: 7 });
    await days.ensure(dayAt(8));
    await write("week", dayAt(8));
    await pass();
    expect(counts.pointsRemoved).toBe(1);
    await write("week", dayAt(8));
    await write("usual", dayAt(8));
    await pass();
    expect(counts.pointsRemoved).toBe(1);
    world.historyDays = { usual: 7, week: 7, long: 30 };
    clock.advance(60_000);
    await pass();
    expect(await contents()).toEqual([]);
  });

  test("large days are gone through to their end", async () => {
    const { pass } = createUpkeep({ usual: 30, week: 7 });
    await days.ensure(dayAt(8));
    // Some 20 MB, which is more than one batch.
    await pool.query(
      `INSERT INTO property_history SELECT gen_random_uuid(), 'n', $1::timestamptz, i, CASE WHEN i % 10 = 0 THEN 'usual' ELSE 'week' END, gen_random_uuid(),
         to_json(repeat('x', 700)) FROM generate_series(1, 20000) AS i`,
      [new Date(dayAt(8)).toISOString()],
    );
    await pass();
    expect(await contents()).toEqual(["20261113 usual 2000"]);
  });

  test("what lies in no day is removed by each product's own measure", async () => {
    const { pass } = createUpkeep({ usual: 30, week: 7 });
    for (const product of ["usual", "week", "unknown"]) for (const daysAgo of [5, 20, 50]) await write(product, dayAt(daysAgo));
    await write("usual", 0);
    await pass();
    expect(await contents()).toEqual(["default unknown 2", "default usual 2", "default week 1"]);
  });

  test("nothing is removed while products cannot be asked, and days ahead are made all the same", async () => {
    const { pass, upkeep, world, clock } = createUpkeep();
    world.isDown = true;
    await days.ensure(dayAt(200));
    await write("usual", dayAt(200));
    await write("usual", 0);
    await expect(pass()).rejects.toMatchObject({ code: "unavailable" });
    expect(await listDays()).toEqual([-200, -1, 0, 1, 2]);
    expect(await contents()).toEqual(["20260505 usual 1", "default usual 1"]);
    expect(keptAt(upkeep.rules(), clock.now()).fromMs).toBe(Number.NEGATIVE_INFINITY);
    world.isDown = false;
    await pass();
    expect(await contents()).toEqual([]);
  });

  test("a pass that is stopped leaves the rest to the next one", async () => {
    const { pass, counts } = createUpkeep({ usual: 30, week: 7 });
    await days.ensure(dayAt(8));
    await write("week", dayAt(8));
    await pass(AbortSignal.abort());
    expect(counts.pointsRemoved).toBe(0);
    await pass();
    expect(counts.pointsRemoved).toBe(1);
  });
});
