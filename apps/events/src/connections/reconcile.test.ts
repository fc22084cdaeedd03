import { createMemoryCluster, deadAfterMs } from "@mooring/cluster";
import { type DeviceRef, PlatformError } from "@mooring/contracts";
import { createMetrics, silentLog } from "@mooring/kit";
import { FakeClock, openTestDatabase, until } from "@mooring/testkit";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { GroupCommit } from "../group-commit.ts";
import { createPostgresConnectionStore } from "../postgres/connection-store.ts";
import { createPostgresEventLog } from "../postgres/event-log.ts";
import { newDevice, offline, online } from "./fixture.test-support.ts";
import type { ClusterView } from "./ports.ts";
import { createReconciler, startReconciler } from "./reconcile.ts";

const database = await openTestDatabase("reconcile");
afterAll(() => database.stop());
const log = createPostgresEventLog(database.pool);
const connections = createPostgresConnectionStore(database.pool);
const graceMs = deadAfterMs * 2;

async function catchUp(): Promise<void> {
  const end = await log.end();
  while ((await connections.position()) < end) await connections.follow(5_000);
}

async function offlineRecords(device: DeviceRef) {
  const { rows } = await database.pool.query<{ body: object; message_id: string }>(
    `SELECT body, message_id FROM event_log WHERE device_id = $1 AND kind = 'offline' ORDER BY "offset"`,
    [device.deviceId],
  );
  return rows;
}

describe("devices of a node that died without a word", () => {
  let clock: FakeClock;
  let cluster: ReturnType<typeof createMemoryCluster>;
  beforeEach(async () => {
    await database.pool.query("DELETE FROM device_connections");
    clock = new FakeClock();
    cluster = createMemoryCluster({ log: silentLog, clock });
  });

  function create(view: ClusterView = cluster) {
    const commits = new GroupCommit(log, () => undefined);
    return createReconciler({ connections, cluster: view, commits, clock, log: silentLog, metrics: createMetrics() });
  }

  const startNode = (nodeId: string) => cluster.nodes.register({ nodeId, kind: "gateway", address: "here" });

  async function connect(nodeId: string, device = newDevice()) {
    const { epoch } = await cluster.presence.claim({ deviceId: device.deviceId, clientId: "c1", nodeId });
    await log.append([online(device, epoch, { nodeId })]);
    await catchUp();
    return { device, epoch };
  }

  /** Sees what is missing, lets the time pass, and sees again. */
  async function lookTwice(reconciler: ReturnType<typeof create>, ms = graceMs): Promise<void> {
    await reconciler.look();
    clock.advance(ms);
    await reconciler.look();
    await catchUp();
  }

  test("are said to be offline once it has been missing for twice the time after which a node is dead, not before", async () => {
    const node = await startNode("n1");
    const { device, epoch } = await connect("n1");
    const reconciler = create();
    await lookTwice(reconciler);
    expect(await connections.find(device.deviceId)).toMatchObject({ online: true });
    await node.stop();
    await lookTwice(reconciler, graceMs - 1);
    expect(await connections.find(device.deviceId)).toMatchObject({ online: true });
    clock.advance(1);
    await reconciler.look();
    await catchUp();
    const lost = { online: false, reason: "nodeLost", nodeId: "n1", clientId: "c1", sinceMs: clock.now() };
    expect(await connections.find(device.deviceId)).toMatchObject(lost);
    const body = { clientId: "c1", epoch, sequence: 1, protocol: "mqtt-5.0", nodeId: "n1", address: "192.0.2.1", reason: "nodeLost" };
    expect((await offlineRecords(device)).map((record) => record.body)).toEqual([body]);
  });

  test("are said to be offline after a restart of the only process, which knows nothing of its former life", async () => {
    const { device } = await connect("former-life");
    await startNode("this-life");
    const stays = await connect("this-life");
    await lookTwice(create());
    expect(await connections.find(device.deviceId)).toMatchObject({ online: false, reason: "nodeLost" });
    expect(await connections.find(stays.device.deviceId)).toMatchObject({ online: true });
  });

  test("are left alone when they are connected elsewhere, and are said to be offline when that ends as well", async () => {
    const [one, two] = [await startNode("n1"), await startNode("n2")];
    const { device, epoch } = await connect("n1");
    // A second connection of the device, elsewhere: it came while the first was there, so no record says so.
    await cluster.presence.claim({ deviceId: device.deviceId, clientId: "c2", nodeId: "n2" });
    await one.stop();
    const reconciler = create();
    await lookTwice(reconciler);
    expect(await connections.find(device.deviceId)).toMatchObject({ online: true });
    expect(await offlineRecords(device)).toEqual([]);
    await two.stop();
    await lookTwice(reconciler);
    expect(await offlineRecords(device)).toMatchObject([{ body: { epoch, reason: "nodeLost" } }]);
  });

  test("that have come back since keep the last word", async () => {
    const one = await startNode("n1");
    const { device, epoch } = await connect("n1");
    await one.stop();
    await startNode("n2");
    const reconciler = create();
    await reconciler.look();
    clock.advance(graceMs);
    // It is back, but the reconciler sees neither its presence nor its record yet.
    const again = online(device, epoch + 1_000, { nodeId: "n2" });
    await reconciler.look();
    await log.append([again]);
    await catchUp();
    expect(await offlineRecords(device)).toHaveLength(1);
    expect(await connections.find(device.deviceId)).toMatchObject({ online: true, nodeId: "n2" });
  });

  /** The device's record names n1, which lives; its connection has moved to n2, which no record says. */
  async function connectAndMove() {
    const { device, epoch } = await connect("n1");
    const moved = await cluster.presence.claim({ deviceId: device.deviceId, clientId: "c1", nodeId: "n2" });
    expect(moved.first).toBe(false);
    return { device, epoch };
  }

  test("are said to be offline although their record names another node, which lives", async () => {
    await startNode("n1");
    const two = await startNode("n2");
    const { device, epoch } = await connectAndMove();
    const stays = await connect("n1");
    const reconciler = create();
    await lookTwice(reconciler);
    await two.stop();
    await reconciler.look();
    clock.advance(graceMs - 1);
    await reconciler.look();
    expect(await offlineRecords(device)).toEqual([]);
    clock.advance(1);
    await reconciler.look();
    expect(await offlineRecords(device)).toMatchObject([{ body: { epoch, reason: "nodeLost" } }]);
    expect(await offlineRecords(stays.device)).toEqual([]);
    await catchUp();
    await lookTwice(reconciler);
    expect(await offlineRecords(device)).toHaveLength(1);
  });

  test("are found after a restart of this process, too, which has not seen the node go", async () => {
    await startNode("n1");
    const two = await startNode("n2");
    const { device } = await connectAndMove();
    await two.stop();
    await lookTwice(create());
    expect(await offlineRecords(device)).toHaveLength(1);
  });

  test.each(["come back", "gone and come back"])("are left alone when they have %s in the time after the first look", async (how) => {
    await startNode("n1");
    const two = await startNode("n2");
    const { device, epoch } = await connectAndMove();
    await two.stop();
    const reconciler = create();
    await reconciler.look();
    if (how === "come back") await cluster.presence.claim({ deviceId: device.deviceId, clientId: "c1", nodeId: "n1" });
    else await log.append([online(device, epoch + 5_000, { nodeId: "n1" })]);
    await catchUp();
    clock.advance(graceMs);
    await reconciler.look();
    expect(await offlineRecords(device)).toEqual([]);
  });

  test("a round over many devices goes on from look to look", async () => {
    await startNode("n1");
    const devices = Array.from({ length: 2_600 }, () => newDevice());
    await log.append(devices.map((device, i) => online(device, i + 1, { nodeId: "n1" })));
    await catchUp();
    const reconciler = create();
    for (let at = 0; at < 20; at++) {
      await reconciler.look();
      await catchUp();
      clock.advance(graceMs);
    }
    const { rows } = await database.pool.query("SELECT count(*)::int AS online FROM device_connections WHERE online");
    expect(rows).toEqual([{ online: 0 }]);
  });

  test("are stored as offline once, however many processes say it", async () => {
    const { device } = await connect("gone");
    const reconcilers = [create(), create(), create()];
    for (const reconciler of reconcilers) await reconciler.look();
    clock.advance(graceMs);
    await Promise.all(reconcilers.map((reconciler) => reconciler.look()));
    const records = await offlineRecords(device);
    expect(records).toHaveLength(1);
    expect(records[0]?.message_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const other = await connect("gone");
    await lookTwice(create());
    expect((await offlineRecords(other.device))[0]?.message_id).not.toBe(records[0]?.message_id);
  });

  test("are not looked for again before what was said has had its effect", async () => {
    const { device } = await connect("gone");
    const reconciler = create();
    await reconciler.look();
    clock.advance(graceMs);
    await reconciler.look();
    await database.pool.query("DELETE FROM event_log WHERE device_id = $1 AND kind = 'offline'", [device.deviceId]);
    await reconciler.look();
    expect(await offlineRecords(device)).toEqual([]);
    await log.append([online(newDevice(), 1)]);
    await catchUp();
    await reconciler.look();
    expect(await offlineRecords(device)).toHaveLength(1);
  });

  test("are left alone while the cluster's store cannot be reached, and the time begins anew", async () => {
    const { device } = await connect("gone");
    const outage = { nodes: false, presence: false };
    const unavailable = () => Promise.reject(new PlatformError("unavailable", "the store is away"));
    const reconciler = create({
      nodes: { list: (kind) => (outage.nodes ? unavailable() : cluster.nodes.list(kind)) },
      presence: { find: (deviceId) => (outage.presence ? unavailable() : cluster.presence.find(deviceId)) },
    });
    await reconciler.look();
    outage.nodes = true;
    clock.advance(graceMs);
    await expect(reconciler.look()).rejects.toMatchObject({ code: "unavailable" });
    outage.nodes = false;
    await reconciler.look();
    expect(await offlineRecords(device)).toEqual([]);
    clock.advance(graceMs);
    outage.presence = true;
    await expect(reconciler.look()).rejects.toMatchObject({ code: "unavailable" });
    expect(await offlineRecords(device)).toEqual([]);
    outage.presence = false;
    await lookTwice(reconciler);
    expect(await offlineRecords(device)).toHaveLength(1);
  });

  test("a node that is missed for a moment and comes back has all its time again", async () => {
    const { device } = await connect("flapping");
    const reconciler = create();
    await reconciler.look();
    clock.advance(graceMs - 1);
    const node = await startNode("flapping");
    await reconciler.look();
    await node.stop();
    await reconciler.look();
    clock.advance(graceMs - 1);
    await reconciler.look();
    expect(await offlineRecords(device)).toEqual([]);
  });

  test("more than one batch of them are all said to be offline, and those already offline are not said again", async () => {
    const devices = Array.from({ length: 1_100 }, () => newDevice());
    await log.append(devices.map((device, i) => online(device, i + 1, { nodeId: "large" })));
    await log.append([offline(devices[0] as DeviceRef, 1)]);
    await catchUp();
    await lookTwice(create());
    const { rows } = await database.pool.query(
      "SELECT count(*) FILTER (WHERE online)::int AS online, count(*) FILTER (WHERE reason = 'nodeLost')::int AS lost FROM device_connections",
    );
    expect(rows).toEqual([{ online: 0, lost: 1_099 }]);
  });

  test("the loop finds them by itself, survives failures, and stops", async () => {
    const { device } = await connect("gone");
    let failures = 1;
    const nodes: ClusterView["nodes"] = {
      list: (kind) => {
        clock.advance(graceMs);
        return failures-- > 0 ? Promise.reject(new PlatformError("unavailable", "away")) : cluster.nodes.list(kind);
      },
    };
    const commits = new GroupCommit(log, () => undefined);
    const view = { nodes, presence: cluster.presence };
    const running = startReconciler({ connections, cluster: view, commits, clock, log: silentLog, metrics: createMetrics() });
    await until("the device to be said offline", async () => (await offlineRecords(device)).length === 1);
    await running.stop();
  });
});
