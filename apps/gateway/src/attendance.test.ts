import { createMemoryCluster, type Presence } from "@mooring/cluster";
import { type DeviceIdentity, deviceCaller, type NewRecord } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { afterEach, describe, expect, test } from "vitest";
import { createAttendance } from "./attendance.ts";
import { GatewayCounters } from "./counters.ts";
import { deviceNamed } from "./harness.test-support.ts";
import { type Outlet, Registry } from "./route/registry.ts";
import { Appended, type AppendListener, type UplinkStream } from "./uplink-stream.ts";

const identity: DeviceIdentity = { device: deviceNamed("dev-1"), credentialId: "certificate:x" };
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

async function setUp() {
  // Epochs follow the clock: of two claims the later one has the higher epoch, whichever store they went to.
  let nowMs = 1_760_000_000_000;
  const clock = { now: () => nowMs++ };
  const stores = [createMemoryCluster({ log: silentLog, clock }), createMemoryCluster({ log: silentLog, clock })];
  for (const { nodes } of stores) for (const nodeId of ["here", "there"]) await nodes.register({ nodeId, kind: "gateway", address: "x:1" });
  const state = { store: 0, isDown: false, outcome: Appended.Stored as Appended };
  const store = async (): Promise<Presence> => {
    const current = stores[state.store];
    if (state.isDown || current === undefined) throw new Error("the store is down");
    return current.presence;
  };
  const presence: Presence = {
    claim: async (claim) => (await store()).claim(claim),
    release: async (entry) => (await store()).release(entry),
    find: async (deviceId) => (await store()).find(deviceId),
    restore: async (entries) => (await store()).restore(entries),
    evict: async () => (await store()).evict(),
  };
  const records: NewRecord[] = [];
  const append = (record: NewRecord, listener: AppendListener): boolean => {
    if (state.outcome === Appended.Stored) records.push(record);
    listener.onAppended(state.outcome, 1);
    return true;
  };
  const registry = new Registry();
  const attendance = createAttendance({
    nodeId: "here",
    presence,
    gatewayNode: async () => undefined,
    registry,
    stream: { append } as unknown as UplinkStream,
    clock: systemClock,
    counters: new GatewayCounters(),
    log: silentLog,
    connectionsPerDeviceMax: 4,
  });
  running.push(attendance.start());
  const ended: string[] = [];
  const connect = async (clientId: string) => {
    const arrival = await attendance.arrive(identity, clientId, { protocol: "mqtt-5.0", address: "192.0.2.7" });
    const outlet: Outlet = {
      clientId,
      identity,
      caller: deviceCaller(identity.device),
      epoch: arrival.entry.epoch,
      call: () => true,
      hears: () => false,
      publish: () => true,
      end: (reason) => ended.push(`${clientId}:${reason}`),
    };
    registry.add(outlet);
    return arrival;
  };
  return { state, presence, attendance, connect, ended, records, kinds: () => records.map(({ kind }) => kind) };
}

describe("presence", () => {
  test("is put back after the store was lost; who came back elsewhere meanwhile is ended here", async () => {
    const { state, presence, attendance, connect, ended } = await setUp();
    await connect("a");
    await connect("b");
    state.store = 1; // Empty.
    expect(await presence.find(identity.device.deviceId)).toEqual([]);
    await presence.claim({ deviceId: identity.device.deviceId, clientId: "b", nodeId: "there" });
    await attendance.restore();
    const entries = await presence.find(identity.device.deviceId);
    expect(entries.map(({ clientId, nodeId }) => `${clientId}@${nodeId}`).sort()).toEqual(["a@here", "b@there"]);
    expect(ended).toEqual(["b:presenceLost"]);
  });

  test("a departure while the store is out of reach is told when it is back", async () => {
    const { state, attendance, connect, kinds } = await setUp();
    const arrival = await connect("a");
    state.isDown = true;
    attendance.leave(arrival, "client");
    await new Promise((resolve) => setImmediate(resolve));
    expect(kinds()).toEqual(["online"]);
    state.isDown = false;
    await expect.poll(kinds).toEqual(["online", "offline"]);
  });

  test("a record the log could not take is appended again", async () => {
    const { state, connect, kinds } = await setUp();
    state.outcome = Appended.Failed;
    await connect("a");
    expect(kinds()).toEqual([]);
    state.outcome = Appended.Stored;
    await expect.poll(kinds).toEqual(["online"]);
  });

  test("the records say which connection of which node it was, from where, and why it went; offline counts behind its online", async () => {
    const { attendance, connect, records, kinds } = await setUp();
    const arrival = await connect("a");
    attendance.leave(arrival, "keepAlive");
    await expect.poll(kinds).toEqual(["online", "offline"]);
    const common = { clientId: "a", epoch: arrival.entry.epoch, protocol: "mqtt-5.0", nodeId: "here", address: "192.0.2.7" };
    expect(records.map(({ body }) => JSON.parse(body))).toEqual([
      { ...common, sequence: 0 },
      { ...common, sequence: 1, reason: "keepAlive" },
    ]);
  });
});
