import { asDeviceId, asTenantId, type DeviceRef, type Refusal, type SubscribeRequest, shadowRefusal } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { deleted, offline } from "../connections/fixture.test-support.ts";
import { appendAll, type EventWorld, Feed, gateway, newTenant } from "./support.ts";

const startMs = 1_700_000_000_000;

function refusal(device: DeviceRef, atMs: number, more: Partial<Refusal> = {}): Refusal {
  return { device, atMs, protocol: "mqtt-5.0", topic: "/sys/x", code: "invalidArgument", reason: "/Temperature: too hot", ...more };
}

export function describeTrace(create: () => Promise<EventWorld>): void {
  async function given() {
    const world = await create();
    const tenant = newTenant();
    world.addDevice(tenant.device);
    const { productKey, deviceName } = tenant.device;
    return { ...world, ...tenant, address: { productKey, deviceName } };
  }

  test("a trace has what was accepted and what was refused, newest first, and nobody else's", async () => {
    const { api, device, backend, report, address, historyCaughtUp } = await given();
    const other = newTenant();
    const [one, two] = [report(10), report(30)];
    const went = offline(device, 1, { atMs: startMs + 40 });
    await appendAll(api, [one, other.report(15), two, went]);
    await api.recordRefusals(gateway, { refusals: [refusal(device, startMs + 20), refusal(other.device, startMs + 21)] });
    await historyCaughtUp();
    const { entries } = await api.trace(backend, address);
    expect(entries).toMatchObject([
      { atMs: startMs + 40, outcome: "accepted", messageId: went.messageId, kind: "offline", consumers: [] },
      { atMs: startMs + 30, outcome: "accepted", messageId: two.messageId, kind: "properties" },
      {
        atMs: startMs + 20,
        outcome: "refused",
        protocol: "mqtt-5.0",
        topic: "/sys/x",
        code: "invalidArgument",
        reason: "/Temperature: too hot",
      },
      { atMs: startMs + 10, outcome: "accepted", messageId: one.messageId, kind: "properties" },
    ]);
    expect(entries).toHaveLength(4);
    expect(entries[0]?.offset).toBeGreaterThan(entries[1]?.offset ?? 0);
    const newest = await api.trace(backend, { ...address, limit: 3 });
    expect(newest.entries).toEqual(entries.slice(0, 3));
  });

  test("a property report says how far history and shadow have got with it", async () => {
    const { api, backend, report, address, historyCaughtUp } = await given();
    await appendAll(api, [report(1)]);
    await historyCaughtUp();
    const consumersOf = async () => (await api.trace(backend, address)).entries.map((entry) => entry.consumers);
    expect(await consumersOf()).toEqual([
      [
        { consumer: "history", state: "applied" },
        { consumer: "shadow", state: "waiting" },
      ],
    ]);
  });

  test("a property report that the shadow refused says so, with the reason, in place of an entry of its own", async () => {
    const { api, backend, report, device, address, historyCaughtUp } = await given();
    await appendAll(api, [report(1)]);
    await historyCaughtUp();
    const [entry] = (await api.trace(backend, address)).entries;
    const more = { protocol: "shadow", topic: shadowRefusal.topicOf(entry?.offset ?? 0), code: "payloadTooLarge", reason: "it is full" };
    await api.recordRefusals(gateway, { refusals: [refusal(device, entry?.atMs ?? 0, more)] });
    expect((await api.trace(backend, address)).entries).toEqual([
      {
        ...entry,
        consumers: [
          { consumer: "history", state: "applied" },
          { consumer: "shadow", state: "refused", reason: "it is full" },
        ],
      },
    ]);
  });

  test("a record says how far each subscription that wants it has got with it", async () => {
    const { api, backend, report, address } = await given();
    await api.createSubscription(backend, { name: "wants", filter: { kinds: ["properties"] } });
    await api.createSubscription(backend, { name: "other", filter: { kinds: ["event"] } });
    await appendAll(api, [report(1), report(2)]);
    const statesOf = async () => {
      const { entries } = await api.trace(backend, address);
      return entries.map(({ consumers }) => consumers?.filter(({ consumer }) => consumer === "subscription:wants"));
    };
    const entry = (state: string, more = {}) => [{ consumer: "subscription:wants", state, ...more }];
    expect(await statesOf()).toEqual([entry("waiting"), entry("waiting")]);
    const [newest] = (await api.trace(backend, address)).entries;
    expect(newest?.consumers).toContainEqual({ consumer: "subscription:other", state: "filtered" });
    const requests = new Feed<SubscribeRequest>();
    requests.push({ start: { subscription: "wants", credit: 1 } });
    const stream = api.subscribe(backend, requests)[Symbol.asyncIterator]();
    const { value } = await stream.next();
    expect(await statesOf()).toEqual([entry("waiting"), entry("inFlight", { attempt: 1 })]);
    requests.push({ acknowledgedOffset: value.offset });
    await until("the acknowledgement to show", async () => JSON.stringify((await statesOf())[1]) === JSON.stringify(entry("acknowledged")));
    requests.end();
    await stream.return?.();
    await api.updateSubscription(backend, { name: "wants", filter: { kinds: ["event"] } });
    const passed = { reason: "by the filter of now; it was changed since" };
    expect(await statesOf()).toEqual([entry("filtered"), entry("filtered", passed)]);
    await appendAll(api, [report(3)]);
    expect(await statesOf()).toEqual([entry("filtered"), entry("filtered"), entry("filtered", passed)]);
  });

  test("what was said of the past is not for the shadow", async () => {
    const { api, backend, report, address, historyCaughtUp } = await given();
    const said = report(1);
    await appendAll(api, [{ ...said, body: JSON.stringify({ ...(JSON.parse(said.body) as object), past: true }) }]);
    await historyCaughtUp();
    expect((await api.trace(backend, address)).entries.map(({ consumers }) => consumers)).toEqual([
      [
        { consumer: "history", state: "applied" },
        { consumer: "shadow", state: "notForIt" },
      ],
    ]);
  });

  test("a deleted device is traced as long as the log has anything of it, also when another one has its name", async () => {
    const { api, device, backend, report, address, addDevice, removeDevice, connectionsCaughtUp } = await given();
    const [said, end] = [report(1), deleted(device)];
    await appendAll(api, [said, end]);
    removeDevice(device);
    await connectionsCaughtUp();
    const { deviceId } = device;
    const trace = await api.trace(backend, address);
    expect(trace).toMatchObject({ deviceId, deletedAtMs: end.receivedAtMs });
    expect(trace.entries.map(({ messageId }) => messageId)).toEqual([end.messageId, said.messageId]);
    const other = { ...backend, tenantId: asTenantId("00000000-0000-4000-8000-000000000000") };
    await expect(api.trace(other, address)).rejects.toMatchObject({ code: "notFound" });
    const next: DeviceRef = { ...device, deviceId: asDeviceId("8f000000-0000-4000-8000-00000000000a") };
    addDevice(next);
    const anew = await api.trace(backend, address);
    expect([anew.deviceId, anew.deletedAtMs, anew.entries]).toEqual([next.deviceId, undefined, []]);
    expect(await api.trace(backend, { ...address, deviceId })).toEqual(trace);
    const unknown = api.trace(backend, { ...address, deviceId: "8f000000-0000-4000-8000-00000000000b" });
    await expect(unknown).rejects.toMatchObject({ code: "notFound" });
    const issues = [{ pointer: "/deviceId" }];
    await expect(api.trace(backend, { ...address, deviceId: "x" })).rejects.toMatchObject({ code: "invalidArgument", details: { issues } });
  });

  test.each([0, -1, 101])("a limit of %d is refused", async (limit) => {
    const { api, backend, address } = await given();
    const issues = [{ pointer: "/limit" }];
    await expect(api.trace(backend, { ...address, limit })).rejects.toMatchObject({ code: "invalidArgument", details: { issues } });
  });

  test("20 entries are given when nothing is said, 100 at most", async () => {
    const { api, device, backend, report, address } = await given();
    await appendAll(
      api,
      Array.from({ length: 80 }, (_, i) => report(i * 2)),
    );
    await api.recordRefusals(gateway, { refusals: Array.from({ length: 80 }, (_, i) => refusal(device, startMs + i * 2 + 1)) });
    expect((await api.trace(backend, address)).entries).toHaveLength(20);
    const { entries } = await api.trace(backend, { ...address, limit: 100 });
    expect(entries.map((entry) => entry.atMs)).toEqual(Array.from({ length: 100 }, (_, i) => startMs + 159 - i));
  });

  test("a trace is told to those who may see the device only, and refusals come from the platform only", async () => {
    const { api, device, backend, address } = await given();
    const other = { ...backend, tenantId: asTenantId("00000000-0000-4000-8000-000000000000") };
    await expect(api.trace(other, address)).rejects.toMatchObject({ code: "notFound" });
    await expect(api.trace(gateway, address)).rejects.toMatchObject({ code: "permissionDenied" });
    const refusals = [refusal(device, startMs)];
    await expect(api.recordRefusals({ ...backend, role: "owner" }, { refusals })).rejects.toMatchObject({ code: "permissionDenied" });
    expect((await api.trace({ ...backend, role: "viewer" }, address)).entries).toEqual([]);
  });

  test("refusals are bounded: 500 at once, long texts are cut, what cannot be stored is replaced", async () => {
    const { api, device, backend, address } = await given();
    await api.recordRefusals(gateway, { refusals: [] });
    const many = Array.from({ length: 501 }, () => refusal(device, startMs));
    const tooMany = api.recordRefusals(gateway, { refusals: many });
    await expect(tooMany).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/refusals" }] } });
    await api.recordRefusals(gateway, { refusals: [refusal(device, startMs, { topic: "x".repeat(10_000), reason: "a\u0000b" })] });
    const { entries } = await api.trace(backend, address);
    expect(entries).toMatchObject([{ topic: `${"x".repeat(511)}…`, reason: "a\ufffdb" }]);
  });
}
