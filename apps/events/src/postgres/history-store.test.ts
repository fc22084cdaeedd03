import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, deviceTimeMsMax, type NewRecord } from "@mooring/contracts";
import { openDatabase } from "@mooring/db";
import { pause, silentLog } from "@mooring/kit";
import { createTestDatabase } from "@mooring/testkit";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { HistoryStore, KeptTimes } from "../history/ports.ts";
import { createPostgresEventLog } from "./event-log.ts";
import { createPostgresHistoryStore } from "./history-store.ts";

const { connectionString, drop } = await createTestDatabase();
const open = (applicationName: string) => openDatabase({ connectionString, poolSize: 2, applicationName, log: silentLog });
const database = open("history-test");
const { pool } = database;
afterAll(async () => {
  await database.close();
  await drop();
});

const log = createPostgresEventLog(pool);
const history = createPostgresHistoryStore(pool);
const everything: KeptTimes = { fromMs: Number.NEGATIVE_INFINITY, shorter: [] };
const tenantId = asTenantId(randomUUID());

beforeEach(() =>
  pool.query('DELETE FROM event_log; DELETE FROM property_history; DELETE FROM log_consumers; UPDATE history_cursors SET "offset" = 0'),
);

function createDevice(productKey = "pk11") {
  const device = { tenantId, deviceId: asDeviceId(randomUUID()), productKey: asProductKey(productKey), deviceName: asDeviceName("dev1") };
  const said = (body: string): NewRecord => ({ messageId: randomUUID(), device, kind: "properties", receivedAtMs: 1, body });
  const valuesOf = async (property: string): Promise<readonly unknown[]> => {
    const range = { fromMs: 0, toMs: deviceTimeMsMax + 1, before: undefined, limit: 100_000 };
    return (await history.query({ deviceId: device.deviceId, properties: [property], ...range })).map((point) => point.value);
  };
  return { device, said, report: (properties: object) => said(JSON.stringify({ properties })), valuesOf };
}

async function isCaughtUp(end: number): Promise<boolean> {
  const { rows } = await pool.query<{ offset: string }>('SELECT "offset" FROM history_cursors');
  return Number(rows[0]?.offset ?? 0) >= end;
}

/** Until the end of the log: a call may find the cursor still held by the one before, whose connection is busy rolling back. */
async function followAll(
  store: HistoryStore,
  kept = everything,
): Promise<{ readonly points: number; readonly passedOver: readonly number[] }> {
  const end = await log.end();
  let points = 0;
  const passedOver: number[] = [];
  while (!(await isCaughtUp(end))) {
    const followed = await store.follow(100, kept);
    points += followed.points;
    if (followed.passedOver !== undefined) passedOver.push(followed.passedOver);
  }
  return { points, passedOver };
}

describe("the follower", () => {
  test("values stay what they were, and other records say nothing", async () => {
    const { device, report, valuesOf } = createDevice();
    const odd = { text: 'ü "quoted" \u{1f600}', list: [1, null, { a: [] }], nothing: null, big: 1e300, deep: { "a.b": { "": true } } };
    const event: NewRecord = { ...report({ n: { value: 1, time: 1 } }), device, kind: "event" };
    await log.append([report(Object.fromEntries(Object.entries(odd).map(([name, value]) => [name, { value, time: 5 }]))), event]);
    expect(await followAll(history)).toEqual({ points: 5, passedOver: [] });
    for (const [property, value] of Object.entries(odd)) expect(await valuesOf(property)).toEqual([value]);
    expect(await valuesOf("n")).toEqual([]);
  });

  test("several at once, whose connections are cut time and again, apply each record exactly once", async () => {
    const { report, valuesOf } = createDevice();
    const count = 3_000;
    for (let i = 0; i < count; i += 500) {
      await log.append(Array.from({ length: 500 }, (_, j) => report({ n: { value: i + j, time: i + j } })));
    }
    const end = await log.end();
    let failures = 0;
    const follow = async (name: string): Promise<void> => {
      const mine = open(name);
      const store = createPostgresHistoryStore(mine.pool);
      while (!(await isCaughtUp(end))) {
        await store.follow(17, everything).catch(() => failures++);
      }
      await mine.close();
    };
    const followers = Promise.all(["cut-1", "cut-2", "cut-3"].map(follow));
    while (!(await isCaughtUp(end))) {
      await pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cut-%' AND datname = current_database()",
      );
      await pause(5);
    }
    await followers;
    expect(failures).toBeGreaterThan(0);
    expect(await valuesOf("n")).toEqual(Array.from({ length: count }, (_, i) => count - 1 - i));
  });

  test("a record is applied by one of several, and each is counted once", async () => {
    const { report, valuesOf } = createDevice();
    await log.append(Array.from({ length: 300 }, (_, i) => report({ n: { value: i, time: i } })));
    const followers = [1, 2, 3, 4].map(() => createPostgresHistoryStore(pool));
    let [records, points] = [0, 0];
    for (let round = 0; records < 300 && round < 1_000; round++) {
      for (const followed of await Promise.all(followers.map((follower) => follower.follow(7, everything)))) {
        records += followed.records;
        points += followed.points;
      }
    }
    expect([records, points]).toEqual([300, 300]);
    expect(await valuesOf("n")).toEqual(Array.from({ length: 300 }, (_, i) => 299 - i));
  });

  test.each([
    ["a time that is none", '{"properties":{"a":{"value":1,"time":"noon"},"n":{"value":2,"time":2}}}', [2]],
    ["a time beyond all numbers", '{"properties":{"a":{"value":1,"time":1e400},"n":{"value":2,"time":2}}}', [2]],
    ["a time after the last", `{"properties":{"a":{"value":1,"time":${deviceTimeMsMax + 1}},"n":{"value":2,"time":2}}}`, [2]],
    ["no time", '{"properties":{"a":{"value":1},"b":7,"n":{"value":2,"time":2}}}', [2]],
    ["no properties", "{}", []],
  ])("%s is left out, and the rest applied", async (_, body, values) => {
    const { said, report, valuesOf } = createDevice();
    await log.append([said(body), report({ m: { value: 3, time: 3 } })]);
    expect(await followAll(history)).toMatchObject({ passedOver: [] });
    expect([await valuesOf("a"), await valuesOf("n"), await valuesOf("m")]).toEqual([[], values, [3]]);
  });

  test("a property that a body names twice is applied once", async () => {
    const { said, report, valuesOf } = createDevice();
    await log.append([report({ n: { value: 1, time: 1 } }), said('{"properties":{"n":{"value":2,"time":2},"n":{"value":3,"time":2}}}')]);
    expect(await followAll(history)).toEqual({ points: 2, passedOver: [] });
    expect(await valuesOf("n")).toEqual([2, 1]);
  });

  test.each([
    ["properties that are a list", '{"properties":[1]}'],
    ["no value", '{"properties":{"n":{"time":5}}}'],
    ["text that Postgres has not", '{"properties":{"n\\u0000":{"value":1,"time":5}}}'],
  ])("a record with %s is passed over and named, and all others are applied", async (_, body) => {
    const { said, report, valuesOf } = createDevice();
    const good = Array.from({ length: 40 }, (_, i) => report({ n: { value: i, time: i } }));
    await log.append([...good.slice(0, 23), said(body), ...good.slice(23)]);
    const { rows } = await pool.query<{ offset: string }>('SELECT "offset" FROM event_log ORDER BY "offset" OFFSET 23 LIMIT 1');
    expect(await followAll(history)).toMatchObject({ passedOver: [Number(rows[0]?.offset)] });
    expect(await valuesOf("n")).toEqual(Array.from({ length: 40 }, (_, i) => 39 - i));
  });

  test("points that are not worth keeping are not written, by each product's own measure", async () => {
    const [usual, short] = [createDevice("pkusual"), createDevice("pkshort")];
    for (const { report } of [usual, short]) {
      await log.append([99, 100, 499, 500].map((time) => report({ n: { value: time, time } })));
    }
    const { points } = await followAll(history, { fromMs: 100, shorter: [{ productKey: "pkshort", fromMs: 500 }] });
    expect(points).toBe(4);
    expect([await usual.valuesOf("n"), await short.valuesOf("n")]).toEqual([[500, 499, 100], [500]]);
  });
});

describe("the position", () => {
  test("that the log's retention is told is the cursor's, also before there is anything, and never goes back", async () => {
    const position = async () => (await pool.query(`SELECT name, "offset" FROM log_consumers`)).rows;
    const fresh = createPostgresHistoryStore(pool);
    await fresh.reportPosition();
    expect(await position()).toEqual([{ name: "history", offset: "0" }]);
    const { report } = createDevice();
    await log.append([report({ n: { value: 1, time: 1 } })]);
    await followAll(fresh);
    await fresh.reportPosition();
    const end = `${await log.end()}`;
    expect(await position()).toEqual([{ name: "history", offset: end }]);
    await pool.query('UPDATE history_cursors SET "offset" = 0');
    await fresh.reportPosition();
    expect(await position()).toEqual([{ name: "history", offset: end }]);
  });
});
