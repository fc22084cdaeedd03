import { randomUUID } from "node:crypto";
import type { DeviceRef, LogRecord } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { Applied } from "./applied.ts";
import { createPostgresShadowHistory, createPostgresShadowStore, startShadowFollower } from "./index.ts";
import { createPostgresShadowRemovals } from "./postgres/shadow-removals.ts";
import { startShadowRemoval } from "./removal.ts";
import { keyOf, makeChange, makeDevice } from "./world.test-support.ts";

const database = await openTestDatabase("shadow");
const { pool } = database;
afterAll(async () => {
  await database.stop();
});

const store = createPostgresShadowStore({ pool, clock: systemClock, documentBytesMax: 65_536 });
const removals = createPostgresShadowRemovals(pool);
await createPostgresShadowHistory(pool).ensureDay(Date.now());

function record(device: DeviceRef, offset: number, kind: "properties" | "lifecycle"): LogRecord {
  const body = kind === "lifecycle" ? { action: "deleted", principal: "key:1" } : { properties: { late: { value: offset, time: 1 } } };
  return { offset, messageId: randomUUID(), device, kind, receivedAtMs: Date.now(), body: JSON.stringify(body) };
}

/** Follows the records until the cursor is at the last. */
async function follow(make: (from: number) => readonly LogRecord[]): Promise<void> {
  const records = make(await store.cursor());
  const applied = new Applied(() => store.cursor());
  const events = {
    recordRefusals: async () => ({}),
    read: async (_: unknown, { after }: { readonly after: number }) => {
      await new Promise((resolve) => setImmediate(resolve));
      return { records: records.filter(({ offset }) => offset > after) };
    },
  };
  const follower = startShadowFollower({ events, store, applied, log: silentLog });
  const to = records.at(-1)?.offset;
  await until("the records to be applied", async () => (await store.cursor()) === to);
  await follower.stop();
}

async function rowsOf({ deviceId }: DeviceRef): Promise<{ readonly shadows: number; readonly changes: number; readonly marks: number }> {
  const text = `SELECT (SELECT count(*)::int FROM shadows WHERE device_id = $1) AS shadows,
                       (SELECT count(*)::int FROM shadow_changes WHERE device_id = $1) AS changes,
                       (SELECT count(*)::int FROM shadow_removals WHERE device_id = $1) AS marks`;
  const { rows } = await pool.query<{ shadows: number; changes: number; marks: number }>(text, [deviceId]);
  return rows[0] ?? { shadows: 0, changes: 0, marks: 0 };
}

/** Five shadows with ten changes each. */
async function fill(device: DeviceRef): Promise<void> {
  const names = ["", "a", "b", "c", "d"];
  for (let n = 0; n < 10; n++) await store.apply(names.map((name) => makeChange(keyOf(device, name), { desired: { n } })));
}

test("the rows of a deleted device go in batches of at most so many, those of others stay", async () => {
  const [gone, other] = [makeDevice(), makeDevice("dev-2")];
  for (const device of [gone, other]) await fill(device);
  await follow((from) => [record(gone, from + 1, "lifecycle")]);
  const batches: number[] = [];
  do batches.push(await removals.clear(Date.now(), 20));
  while (batches.at(-1) !== 0);
  expect(batches).toEqual([20, 20, 15, 0]);
  expect(await rowsOf(gone)).toEqual({ shadows: 0, changes: 0, marks: 1 });
  expect(await rowsOf(other)).toEqual({ shadows: 5, changes: 50, marks: 0 });
});

test("nothing is stored for a deleted device any more: neither what it reported before and comes late, nor what somebody still asks for", async () => {
  const device = makeDevice();
  await fill(device);
  await follow((from) => [record(device, from + 1, "properties"), record(device, from + 2, "lifecycle")]);
  while ((await removals.clear(Date.now(), 500)) > 0);
  // The store that knows its documents, and one that knows nothing.
  const stores = [store, createPostgresShadowStore({ pool, clock: systemClock, documentBytesMax: 65_536 })];
  for (const one of stores) {
    for (const name of ["", "a", "new"]) {
      const [outcome] = await one.apply([makeChange(keyOf(device, name), { desired: { n: 1 } })]);
      expect(outcome).toMatchObject({ refused: { code: "notFound" } });
    }
  }
  await follow((from) => [record(device, from + 1, "properties")]);
  expect(await rowsOf(device)).toEqual({ shadows: 0, changes: 0, marks: 1 });
  // Others in the same transaction are none the worse.
  const other = makeDevice();
  const outcomes = await store.apply([device, other].map((one) => makeChange(keyOf(one), { desired: { n: 1 } })));
  expect(outcomes).toMatchObject([{ refused: { code: "notFound" } }, { after: { version: 1 } }]);
});

test("rows that were under way when the device was deleted are found later; the mark is forgotten after a day", async () => {
  const device = makeDevice();
  await fill(device);
  await follow((from) => [record(device, from + 1, "lifecycle")]);
  const markedMs = Date.now();
  while ((await removals.clear(markedMs, 500)) > 0);
  // A transaction that had begun before the mark was there, and is committed now.
  await pool.query(
    `INSERT INTO shadows (device_id, name, tenant_id, version, desired, reported, metadata, desired_versions, updated_at)
     VALUES ($1, 'late', $2, 1, '{}', '{}', '{}', '{}', now())`,
    [device.deviceId, device.tenantId],
  );
  expect(await removals.clear(markedMs + 30_000, 500)).toBe(0);
  expect((await rowsOf(device)).shadows).toBe(1);
  expect(await removals.clear(markedMs + 61_000, 500)).toBe(1);
  expect(await removals.clear(markedMs + 61_000, 500)).toBe(0);
  await removals.forget(markedMs - 1_000);
  expect(await rowsOf(device)).toEqual({ shadows: 0, changes: 0, marks: 1 });
  await removals.forget(markedMs + 1_000);
  expect(await rowsOf(device)).toEqual({ shadows: 0, changes: 0, marks: 0 });
});

test("several processes remove at the same time, while devices that live are written to", async () => {
  const devices = Array.from({ length: 30 }, (_, i) => makeDevice(`d${i}`));
  for (const device of devices) await fill(device);
  const alive = makeDevice("alive");
  const loops = [1, 2, 3].map(() => startShadowRemoval({ removals, clock: systemClock, log: silentLog }));
  await follow((from) => devices.map((device, i) => record(device, from + 1 + i, "lifecycle")));
  let written = 0;
  await until("all rows to be gone", async () => {
    await store.apply([...devices, alive].map((device) => makeChange(keyOf(device), { desired: { n: ++written } })));
    const counts = await Promise.all(devices.map(rowsOf));
    return counts.every(({ shadows, changes }) => shadows + changes === 0);
  });
  await Promise.all(loops.map((loop) => loop.stop()));
  expect((await store.load(keyOf(alive))).version).toBe((await rowsOf(alive)).changes);
});
