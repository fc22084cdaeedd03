import type { NewRecord } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, describe, expect, test } from "vitest";
import { deleted, newDevice, offline, online, recordOf, report } from "../connections/fixture.test-support.ts";
import { startConnectionFollower } from "../connections/follow.ts";
import { Signal } from "../signal.ts";
import { createPostgresConnectionStore } from "./connection-store.ts";
import { createPostgresEventLog } from "./event-log.ts";

const database = await openTestDatabase("connections");
afterAll(() => database.stop());
const log = createPostgresEventLog(database.pool);
const store = createPostgresConnectionStore(database.pool);
const noAge = -1_000;

/** Brings the records into the log and the projection to its end, `limit` records at a time. */
async function follow(records: readonly NewRecord[], limit = 5_000): Promise<void> {
  const end = await log.append(records);
  while ((await store.position()) < end) await store.follow(limit);
}

describe("who is connected", () => {
  test("a device is online from its online record on, and offline from its offline record on, with what they say", async () => {
    const device = newDevice();
    expect(await store.find(device.deviceId)).toBeUndefined();
    await follow([online(device, 7, { atMs: 1_000 })]);
    const came = { online: true, sinceMs: 1_000, clientId: "c1", protocol: "mqtt-5.0", nodeId: "n1", address: "192.0.2.1" };
    expect(await store.find(device.deviceId)).toEqual({ ...came, reason: undefined });
    await follow([offline(device, 7, { atMs: 2_000, clientId: "c2" })]);
    const went = { online: false, sinceMs: 2_000, clientId: "c2", address: undefined, reason: "clientLeft" };
    expect(await store.find(device.deviceId)).toEqual({ ...came, ...went });
  });

  test.each([1, 2, 5_000])("the last word has the highest epoch, whatever order records come in, %i at a time", async (limit) => {
    const said = (device: ReturnType<typeof newDevice>) => [online(device, 3), offline(device, 3), online(device, 9), offline(device, 9)];
    const orders = [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 0, 3, 2],
      [2, 3, 0, 1],
      [3, 0, 2, 1],
    ];
    const devices = orders.map(() => newDevice());
    const all = devices.map((device) => said(device));
    await follow(
      orders.flatMap((order, i) => order.map((at) => all[i]?.[at] as NewRecord)),
      limit,
    );
    for (const device of devices) expect(await store.find(device.deviceId)).toMatchObject({ online: false });
    const back = newDevice();
    await follow([offline(back, 3), online(back, 9), online(back, 3)], limit);
    expect(await store.find(back.deviceId)).toMatchObject({ online: true });
  });

  test("several followers racing apply every record, and move past records of other kinds", async () => {
    const devices = Array.from({ length: 300 }, () => newDevice());
    const start = await store.position();
    const records = devices.flatMap((device, i) => [online(device, i), report(device), ...(i % 2 === 0 ? [] : [offline(device, i)])]);
    const end = await log.append(records);
    const followers = [1, 2, 3, 4].map(() => createPostgresConnectionStore(database.pool));
    let passed = 0;
    while (passed < records.length) {
      for (const followed of await Promise.all(followers.map((follower) => follower.follow(7)))) passed += followed.passed;
    }
    expect(passed).toBe(records.length);
    expect(await store.position()).toBe(end);
    expect(end).toBeGreaterThan(start);
    const found = await Promise.all(devices.map((device) => store.find(device.deviceId)));
    expect(found.map((connection) => connection?.online)).toEqual(devices.map((_, i) => i % 2 === 0));
  });

  test("a record that says nothing usable is passed over and stops nobody", async () => {
    const [odd, good] = [newDevice(), newDevice()];
    const bodies = [
      '{"epoch":5,"clientId":"a\\u0000b"}',
      '{"epoch":5,"clientId":"\\ud800"}',
      '{"epoch":1e400}',
      '{"epoch":-1}',
      '{"epoch":1.5}',
      '{"epoch":"99999999999999999999"}',
      "{}",
      "[]",
      "7",
      "null",
    ];
    await follow([...bodies.map((body) => recordOf(odd, "online", body)), recordOf(odd, "lifecycle", "[]"), online(good, 1)]);
    expect(await store.find(odd.deviceId)).toBeUndefined();
    expect(await store.find(good.deviceId)).toMatchObject({ online: true });
  });

  test("a deleted device is offline for good, is at no node, and is forgotten after its time", async () => {
    const [device, other] = [newDevice(), newDevice()];
    await follow([online(device, 5, { nodeId: "gone" }), online(other, 5, { nodeId: "gone" }), offline(other, 5)]);
    await follow([deleted(device)]);
    await follow([offline(device, 5), online(device, 6, { nodeId: "gone" })]);
    expect(await store.find(device.deviceId)).toMatchObject({ online: false, reason: "deleted" });
    expect(await store.nodeIds()).not.toContain("gone");
    expect(await store.forgetDeleted(86_400_000, 100)).toBe(0);
    expect((await store.findDeleted(device.tenantId, device, 9)).map(({ deviceId }) => deviceId)).toEqual([device.deviceId]);
    expect(await store.forgetDeleted(noAge, 100), "the log has something of it").toBe(0);
    await database.pool.query("DELETE FROM event_log WHERE device_id = $1", [device.deviceId]);
    expect(await store.forgetDeleted(noAge, 100)).toBe(1);
    expect(await store.findDeleted(device.tenantId, device, 9)).toEqual([]);
    expect(await store.find(device.deviceId)).toBeUndefined();
    expect(await store.find(other.deviceId)).toMatchObject({ online: false });
  });

  test("the nodes that devices are online at are named once each, and their devices page by page", async () => {
    const devices = Array.from({ length: 5 }, () => newDevice());
    const names = ["page-b", "page-a", "page-b", "page-a", "page-b"];
    await follow(devices.map((device, i) => online(device, 10 + i, { nodeId: names[i] ?? "" })));
    const nodeIds = await store.nodeIds();
    expect(nodeIds.filter((nodeId) => nodeId.startsWith("page-"))).toEqual(["page-a", "page-b"]);
    const first = await store.onlineAt("page-b", undefined, 2);
    const rest = await store.onlineAt("page-b", first[1]?.device.deviceId, 2);
    expect([first.length, rest.length]).toEqual([2, 1]);
    const found = new Map([...first, ...rest].map((row) => [row.device.deviceId, row]));
    for (const at of [0, 2, 4]) {
      const device = devices[at] as ReturnType<typeof newDevice>;
      const row = { device, nodeId: "page-b", epoch: 10 + at, clientId: "c1", protocol: "mqtt-5.0", address: "192.0.2.1" };
      expect(found.get(device.deviceId)).toEqual(row);
    }
    const [one, two] = devices as [ReturnType<typeof newDevice>, ReturnType<typeof newDevice>];
    await follow([offline(two, 11)]);
    const among = await store.onlineAmong([one.deviceId, two.deviceId, newDevice().deviceId]);
    expect(among.map((row) => [row.device, row.nodeId])).toEqual([[one, "page-b"]]);
  });
});

test("the follower applies what is appended, goes on after a failure, and says how far it is", async () => {
  const device = newDevice();
  const appended = new Signal();
  const reports: [string, number][] = [];
  const consumers = { report: (name: string, offset: number) => void reports.push([name, offset]) };
  let failures = 3;
  const flaky = {
    ...store,
    follow: (limit: number) => (failures-- > 0 ? Promise.reject(new Error("the database is away")) : store.follow(limit)),
  };
  const running = startConnectionFollower({ connections: flaky, appended, consumers, log: silentLog });
  const end = await log.append([online(device, 1)]);
  appended.notify();
  await until("the device to be online", async () => (await store.find(device.deviceId))?.online);
  await until("the position to be told", () => reports.some(([name, offset]) => name === "connections" && offset >= end));
  await running.stop();
  expect(failures).toBeLessThan(0);
});
