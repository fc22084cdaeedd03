import type { DeviceRef, Refusal } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, beforeEach, expect, test } from "vitest";
import { newDevice } from "../connections/fixture.test-support.ts";
import { startRefusalSweep } from "../trace/start.ts";
import { createPostgresRefusalStore, refusalsPerDeviceMax } from "./refusal-store.ts";

const database = await openTestDatabase("refusals");
afterAll(() => database.stop());
beforeEach(() => database.pool.query("DELETE FROM refusals"));
const store = createPostgresRefusalStore(database.pool);

const refusal = (device: DeviceRef, atMs: number): Refusal => {
  const what = { topic: `topic ${atMs}`, code: "invalidArgument", reason: "/a: is none" };
  return { device, atMs, protocol: "mqtt-5.0", ...what };
};

async function count(): Promise<number> {
  return (await database.pool.query("SELECT count(*)::int AS count FROM refusals")).rows[0].count;
}

test("refusals are read newest first, a device's own only", async () => {
  const [device, other] = [newDevice(), newDevice()];
  await store.insert([refusal(device, 2), refusal(other, 9), refusal(device, 3), refusal(device, 1)]);
  const { device: _, ...stored } = refusal(device, 3);
  expect((await store.list(device.deviceId, 2))[0]).toEqual(stored);
  expect((await store.list(device.deviceId, 2)).map(({ atMs }) => atMs)).toEqual([3, 2]);
  expect((await store.list(device.deviceId, 9)).map(({ atMs }) => atMs)).toEqual([3, 2, 1]);
});

test("of a device that is refused all the time the newest 200 are kept, and of others nothing is lost", async () => {
  const [noisy, quiet] = [newDevice(), newDevice()];
  await store.insert([refusal(quiet, 1)]);
  for (let at = 0; at < 3; at++) {
    await store.insert(Array.from({ length: 150 }, (_, i) => refusal(noisy, at * 150 + i)));
  }
  const kept = await store.list(noisy.deviceId, 1_000);
  expect(kept.map(({ atMs }) => atMs)).toEqual(Array.from({ length: refusalsPerDeviceMax }, (_, i) => 449 - i));
  expect(await count()).toBe(refusalsPerDeviceMax + 1);
});

test("what is older than it may be goes, the oldest first, no more than asked for at once", async () => {
  const device = newDevice();
  const nowMs = Date.now();
  await store.insert([1, 2, 3, 4, 5].map((hours) => refusal(device, nowMs - hours * 3_600_000)));
  expect(await store.removeOlderThan(1.5 * 3_600_000, 3)).toBe(3);
  expect(await store.list(device.deviceId, 10)).toHaveLength(2);
  expect(await store.removeOlderThan(1.5 * 3_600_000, 3)).toBe(1);
  expect(await store.removeOlderThan(1.5 * 3_600_000, 3)).toBe(0);
});

test("the sweep removes all that is too old, in several batches", async () => {
  const nowMs = Date.now();
  const young = newDevice();
  await store.insert([refusal(young, nowMs)]);
  for (let at = 0; at < 60; at++) {
    const device = newDevice();
    await store.insert(Array.from({ length: 100 }, (_, i) => refusal(device, nowMs - 7_200_000 + i)));
  }
  const batches: number[] = [];
  const counting = {
    ...store,
    async removeOlderThan(ageMs: number, limit: number) {
      const removed = await store.removeOlderThan(ageMs, limit);
      batches.push(removed);
      return removed;
    },
  };
  const sweep = startRefusalSweep({ refusals: counting, settings: { refusalsHours: 1 }, log: silentLog });
  await until("all that is old to be gone", async () => (await count()) === 1);
  await sweep.stop();
  expect(batches).toEqual([5_000, 1_000]);
  expect(await store.list(young.deviceId, 10)).toHaveLength(1);
});
