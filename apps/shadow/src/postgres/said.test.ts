import { randomUUID } from "node:crypto";
import { FakeClock, openTestDatabase } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { keyOf, makeChange, makeDevice } from "../world.test-support.ts";
import { createPostgresShadowRemovals, markRemoved } from "./shadow-removals.ts";
import { createPostgresShadowStore } from "./shadow-store.ts";

const database = await openTestDatabase("shadow");
afterAll(async () => {
  await database.stop();
});
const { pool } = database;
const clock = new FakeClock(Date.now());
const store = createPostgresShadowStore({ pool, clock, documentBytesMax: 65_536, deduplicationMs: 60_000 });

async function versions(...changes: Parameters<typeof store.apply>[0]): Promise<readonly (number | undefined)[]> {
  const outcomes = await store.apply(changes);
  return outcomes.map((outcome) => ("after" in outcome ? outcome.after.version : "repeats" in outcome ? -outcome.repeats : undefined));
}
const rowsOf = async (deviceId: string): Promise<number> =>
  (await pool.query("SELECT FROM shadow_said WHERE device_id = $1", [deviceId])).rowCount ?? 0;

test("an id says the same change within the window, also twice in one transaction, and another one after it", async () => {
  const key = keyOf(makeDevice());
  const change = makeChange(key, { desired: { a: 1 } }, { givenId: randomUUID() });
  const other = makeChange(key, { desired: { a: 2 } });
  expect(await versions(change, other, change)).toEqual([1, 2, -1]);
  clock.advance(60_000);
  expect(await versions(change)).toEqual([-1]);
  clock.advance(1);
  expect(await versions(change, change)).toEqual([3, -3]);
  expect(await rowsOf(key.deviceId)).toBe(1);
});

test("ids beyond the window are forgotten when others come, and those of a device with the device", async () => {
  const [old, young] = [keyOf(makeDevice()), keyOf(makeDevice())];
  await versions(makeChange(old, { desired: { a: 1 } }, { givenId: randomUUID() }));
  clock.advance(60_001);
  await versions(makeChange(young, { desired: { a: 1 } }, { givenId: randomUUID() }));
  expect([await rowsOf(old.deviceId), await rowsOf(young.deviceId)]).toEqual([0, 1]);
  const client = await pool.connect();
  await markRemoved(client, [young.deviceId], clock.now());
  client.release();
  const removals = createPostgresShadowRemovals(pool);
  while ((await removals.clear(clock.now(), 100)) > 0);
  expect(await rowsOf(young.deviceId)).toBe(0);
});
