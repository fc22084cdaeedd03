import { type AppendAck, type AppendFrame, type EventApi, type LifecycleBody, type NewRecord, PlatformError } from "@mooring/contracts";
import { createMetrics, silentLog, systemClock } from "@mooring/kit";
import { makeCaller, until } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startEventRelay } from "./event-relay.ts";
import { type Harness, openHarness } from "./harness.test-support.ts";
import { createPostgresDeviceStores } from "./postgres/stores.ts";

/** A log that keeps what the contract says: order, one record per message id. It can be out of reach, and refuse a record. */
function createLog() {
  const stored: NewRecord[] = [];
  const log = { stored, appends: 0, isDown: false, refuses: (_: NewRecord): boolean => false };
  async function* append(_: unknown, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
    for await (const { sequence, records } of frames) {
      if (log.isDown) throw new PlatformError("unavailable", "the log is down");
      log.appends += records.length;
      const error = records.some(log.refuses) ? { error: "a record cannot be stored" } : {};
      if (error.error === undefined) {
        stored.push(...records.filter(({ messageId }) => !stored.some((other) => other.messageId === messageId)));
      }
      yield { sequence, ...error };
    }
  }
  return { log, eventLog: { append } satisfies Pick<EventApi, "append"> };
}

const actionsOf = (records: readonly NewRecord[], deviceId?: string) =>
  records.filter(({ device }) => deviceId === undefined || device.deviceId === deviceId).map(({ body }) => JSON.parse(body).action);

describe("events of devices", () => {
  let harness: Harness;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    harness = await openHarness();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await harness.stop();
  });

  /** Another process that relays: it has stores of its own on the same database. */
  function startRelay(eventLog: Pick<EventApi, "append">) {
    const { events, changes } = createPostgresDeviceStores({ control: harness.database, authentication: harness.database });
    const metrics = createMetrics();
    const running = startEventRelay({ events, changes, eventLog, log: silentLog, metrics, clock: systemClock });
    stops.push(() => running.stop());
    return { ...running, metrics };
  }

  async function waiting(): Promise<number> {
    return (await harness.stores.events.waiting(100_000)).count;
  }
  const drained = (): Promise<true> => until("every event to be in the log", async () => (await waiting()) === 0);

  async function liveThrough(deviceName: string, owner = makeCaller()) {
    const { api } = harness;
    const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
    const address = { productKey, deviceName };
    const device = await api.createDevice(owner, address);
    await api.setDeviceStatus(owner, { ...address, status: "disabled" });
    await api.setDeviceStatus(owner, { ...address, status: "disabled" });
    await api.setDeviceStatus(owner, { ...address, status: "enabled" });
    await api.deleteDevice(owner, address);
    return { owner, device, address };
  }
  const life = ["created", "disabled", "enabled", "deleted"];

  test("what a device lives through is in the log once, in order, with who did it and when", async () => {
    const { log, eventLog } = createLog();
    startRelay(eventLog);
    const fromMs = Date.now();
    const { owner, device, address } = await liveThrough("thermostat-1");
    await drained();
    expect(actionsOf(log.stored)).toEqual(life);
    for (const record of log.stored) {
      const { tenantId, deviceId } = device;
      expect(record).toMatchObject({ kind: "lifecycle", device: { ...address, tenantId, deviceId } });
      expect(JSON.parse(record.body).principal).toBe(owner.principal);
      expect(record.receivedAtMs).toBeGreaterThanOrEqual(fromMs);
      expect(record.receivedAtMs).toBeLessThanOrEqual(Date.now());
    }
    expect(new Set(log.stored.map(({ messageId }) => messageId)).size).toBe(life.length);
  });

  test("each says its place: by (epoch, sequence) what devices of one name live through is in order, with nothing missing", async () => {
    const { log, eventLog } = createLog();
    startRelay(eventLog);
    const { owner, address } = await liveThrough("thermostat-1");
    await harness.api.createDevice(owner, address);
    await harness.api.deleteDevice(owner, address);
    await drained();
    const bodies = log.stored.map(({ body }) => JSON.parse(body) as Required<LifecycleBody>);
    expect(bodies.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 0, 1]);
    expect(new Set(bodies.map(({ epoch }) => epoch)).size).toBe(2);
    const ordered = bodies.toReversed().sort((a, b) => a.epoch - b.epoch || a.sequence - b.sequence);
    expect(ordered.map(({ action }) => action)).toEqual([...life, "created", "deleted"]);
  });

  test("while the log is out of reach changes succeed and their events wait, are counted, and reach it later", async () => {
    const { log, eventLog } = createLog();
    log.isDown = true;
    const { metrics } = startRelay(eventLog);
    const { device } = await liveThrough("thermostat-1");
    await until("the metric to show it", async () => /^mooring_device_events_waiting 4$/m.test(await metrics.text()));
    expect(log.stored).toEqual([]);
    log.isDown = false;
    await drained();
    expect(actionsOf(log.stored, device.deviceId)).toEqual(life);
    await until("the metric to fall", async () => /^mooring_device_events_waiting 0$/m.test(await metrics.text()));
    expect(await metrics.text()).toMatch(/^mooring_device_events_relayed_total 4$/m);
  });

  test("a relay that dies after the log has stored, before it could remove, leaves no event twice in the log", async () => {
    const { log, eventLog } = createLog();
    const { device } = await liveThrough("thermostat-1");
    const dying = harness.stores.events.take(100, async (events) => {
      for (const { messageId, device: of, action, principal, atMs } of events) {
        log.stored.push({ messageId, device: of, kind: "lifecycle", receivedAtMs: atMs, body: JSON.stringify({ action, principal }) });
      }
      throw new Error("killed");
    });
    await expect(dying).rejects.toThrow("killed");
    expect(await waiting()).toBe(4);
    startRelay(eventLog);
    await drained();
    expect(actionsOf(log.stored, device.deviceId)).toEqual(life);
    expect(log.appends).toBe(4);
  });

  test("of several processes one relays at a time, so each event is sent once and every device's are in order", async () => {
    const { log, eventLog } = createLog();
    const devices = await Promise.all(Array.from({ length: 8 }, (_, i) => liveThrough(`thermostat-${i}`)));
    for (let i = 0; i < 3; i++) startRelay(eventLog);
    devices.push(...(await Promise.all(Array.from({ length: 8 }, (_, i) => liveThrough(`later-${i}`)))));
    await drained();
    expect(log.appends).toBe(devices.length * life.length);
    for (const { device } of devices) expect(actionsOf(log.stored, device.deviceId)).toEqual(life);
  });

  test("one at a time: a second process finds it busy and touches nothing", async () => {
    await liveThrough("thermostat-1");
    const { events } = createPostgresDeviceStores({ control: harness.database, authentication: harness.database });
    const outcome = await harness.stores.events.take(1, async () => {
      expect(await events.take(100, () => Promise.reject(new Error("not one at a time")))).toBe("busy");
      return [];
    });
    expect(outcome).toBe("done");
    expect(await waiting()).toBe(4);
  });

  test("an event the log refuses for what it is holds up no other", async () => {
    const { log, eventLog } = createLog();
    log.refuses = ({ body }) => JSON.parse(body).action === "disabled";
    const { metrics } = startRelay(eventLog);
    await liveThrough("thermostat-1");
    await drained();
    expect(actionsOf(log.stored)).toEqual(["created", "enabled", "deleted"]);
    await until("the metric to show it", async () => /^mooring_device_events_refused_total 1$/m.test(await metrics.text()));
  });

  test("a change that is refused leaves no event", async () => {
    const { api } = harness;
    const owner = makeCaller();
    const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
    const address = { productKey, deviceName: "thermostat-1" };
    await api.createDevice(owner, address);
    await expect(api.createDevice(owner, address)).rejects.toMatchObject({ code: "alreadyExists" });
    await expect(api.deleteDevice(makeCaller(), address)).rejects.toMatchObject({ code: "notFound" });
    await api.setDeviceTags(owner, { ...address, tags: { site: "a" } });
    expect(await waiting()).toBe(1);
  });
});
