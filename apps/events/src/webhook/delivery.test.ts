// The runner as it is used: real groups on a real Postgres, jobs on Postgres as in one process, and an endpoint over HTTP.
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type Caller, type DeviceRef, type NewRecord } from "@mooring/contracts";
import { openDatabase } from "@mooring/db";
import { createAddressRules, createMetrics, type Running, silentLog } from "@mooring/kit";
import { createSealer, sealKeyBytes } from "@mooring/pki";
import { openJobs } from "@mooring/queue";
import { createTestDatabase } from "@mooring/testkit";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { createDeliveryPart } from "../delivery/part.ts";
import type { DeliveryStates } from "../delivery/ports.ts";
import { memoryTags } from "../delivery/tags.test-support.ts";
import { startLog } from "../log/start.ts";
import { createPostgresDeadLetterStore } from "../postgres/dead-letter-store.ts";
import { createPostgresSubscriptionStore } from "../postgres/subscription-store.ts";
import { Signal } from "../signal.ts";
import { startReceiver } from "./receiver.test-support.ts";
import { startWebhooks } from "./runner.ts";

const { connectionString, drop } = await createTestDatabase();
const database = openDatabase({ connectionString, poolSize: 10, applicationName: "webhooks-test", log: silentLog });
const logSettings = { logRetentionHours: 168, logBytesMax: 0, logDeduplicationMinutes: 60, logBehindMax: 0 };
const shared = { data: database.pool, control: database.pool, settings: logSettings, log: silentLog, metrics: createMetrics() };
const { eventLog, ...upkeep } = startLog(shared);
const seal = createSealer([randomBytes(sealKeyBytes)]);
/** Each test has a tenant of its own. */
let caller: Caller;
let devices: readonly DeviceRef[];

interface Process {
  readonly api: ReturnType<typeof createDeliveryPart>["api"];
  readonly states: DeliveryStates;
  stop(): Promise<void>;
}

/** One process of the service, as far as webhooks are concerned. */
function startProcess(port: number): Process {
  const part = createDeliveryPart({
    log: eventLog,
    appended: new Signal(),
    subscriptions: createPostgresSubscriptionStore(database.pool),
    deadLetters: createPostgresDeadLetterStore(database.pool),
    devices: memoryTags().directory,
    seal,
    logger: silentLog,
  });
  const delivering = part.start();
  const webhooks = startWebhooks({
    groups: part.groups,
    webhooks: part.webhooks,
    openJobs: () => openJobs({ backend: { kind: "postgres", connectionString }, log: silentLog }),
    rules: createAddressRules(["127.0.0.0/8"], [port]),
    metrics: createMetrics(),
    log: silentLog,
    instance: randomUUID(),
    limits: { backoffMsFirst: 20, backoffMsMax: 100, listMs: 200 },
  });
  return {
    api: part.api,
    states: part.states,
    async stop() {
      await webhooks.stop();
      await delivering.stop();
    },
  };
}

let receiver: Awaited<ReturnType<typeof startReceiver>>;
const processes: Running[] = [];
beforeEach(async () => {
  caller = { tenantId: asTenantId(randomUUID()), principal: "key:1", role: "backend" };
  devices = [1, 2, 3].map((n) => ({
    tenantId: caller.tenantId,
    deviceId: asDeviceId(randomUUID()),
    productKey: asProductKey("pk11"),
    deviceName: asDeviceName(`dev-${n}`),
  }));
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const process of processes.splice(0)) await process.stop();
  await receiver.stop();
});
afterAll(async () => {
  await upkeep.stop();
  await database.close();
  await drop();
});

const start = (): Process => {
  const process = startProcess(receiver.port);
  processes.push(process);
  return process;
};

async function say(count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, at): NewRecord => {
    const device = devices[at % devices.length];
    if (device === undefined) throw new Error("no device");
    return { messageId: randomUUID(), device, kind: "message", receivedAtMs: Date.now(), body: JSON.stringify({ topic: "t", n: at }) };
  });
  await eventLog.append(records);
}

const taken = (): { readonly offset: number; readonly deviceName: string }[] => receiver.received.flatMap(({ body }) => [...body.records]);

test("what devices say reaches the endpoint signed with the secret that was shown once, in order, and moves the cursor", async () => {
  const { api } = start();
  const { webhook, name } = await api.createSubscription(caller, { name: "orders", webhook: { url: receiver.url } });
  await say(300);
  const end = await eventLog.end();
  await expect.poll(async () => (await api.getSubscription(caller, { name })).cursor).toBe(end);
  for (const device of devices) {
    const offsets = taken()
      .filter(({ deviceName }) => deviceName === device.deviceName)
      .map(({ offset }) => offset);
    expect(offsets.length).toBe(100);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  }
  expect(webhook?.secret?.length).toBeGreaterThanOrEqual(16);
  expect(receiver.received.every((request) => request.isSignedWith(webhook?.secret ?? ""))).toBe(true);
  expect((await api.getSubscription(caller, { name })).webhook).toEqual({ url: receiver.url });
});

test("what the endpoint never takes is found among the dead letters with the reason; replayed, it is delivered once more", async () => {
  const { api } = start();
  receiver.answer = (_, response) => response.writeHead(400).end();
  await api.createSubscription(caller, { name: "dead", deliveriesMax: 2, webhook: { url: receiver.url } });
  await say(3);
  await expect.poll(async () => (await api.listDeadLetters(caller, { name: "dead" })).deadLetters.length).toBe(3);
  const [letter] = (await api.listDeadLetters(caller, { name: "dead" })).deadLetters;
  expect(letter).toMatchObject({ deliveries: 2, reason: "webhook: the endpoint answered 400" });
  receiver.answer = (_, response) => response.writeHead(204).end();
  expect(await api.replayDeadLetters(caller, { name: "dead" })).toEqual({ count: 3 });
  await expect.poll(async () => (await api.listDeadLetters(caller, { name: "dead" })).deadLetters).toEqual([]);
});

test("a process that ends leaves what it had to the next one; nothing is lost", async () => {
  const first = start();
  receiver.answer = () => undefined;
  await first.api.createSubscription(caller, { name: "moves", webhook: { url: receiver.url } });
  await say(30);
  await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  await first.stop();
  processes.length = 0;
  receiver.received.length = 0;
  receiver.answer = (_, response) => response.writeHead(204).end();
  const second = start();
  const end = await eventLog.end();
  await expect.poll(async () => (await second.api.getSubscription(caller, { name: "moves" })).cursor).toBe(end);
  expect(new Set(taken().map(({ offset }) => offset)).size).toBe(30);
});

test("an outage is seen in the subscription, survives the process without a word against any record, and ends with the first answer", async () => {
  let running = start();
  receiver.answer = (_, response) => response.writeHead(503).end();
  await running.api.createSubscription(caller, { name: "out", deliveriesMax: 1, webhook: { url: receiver.url } });
  expect((await running.api.getSubscription(caller, { name: "out" })).endpoint).toBeUndefined();
  await say(30);
  const endpointOf = async () => (await running.api.getSubscription(caller, { name: "out" })).endpoint;
  await expect.poll(() => endpointOf()).toMatchObject({ state: "outage", lastError: "the endpoint answered 503" });
  const since = (await endpointOf())?.sinceMs;
  const states = await running.states.statesOf(caller.tenantId, await eventLog.read((await eventLog.end()) - 1, 1));
  const told = [...states.values()].flat().find(({ consumer }) => consumer === "subscription:out");
  expect(told?.reason).toContain(
    `the endpoint is out since ${new Date(since ?? 0).toISOString()}: the endpoint answered 503; it is asked again at `,
  );
  for (let restarts = 0; restarts < 3; restarts++) {
    await running.stop();
    processes.length = 0;
    const before = receiver.received.length;
    running = start();
    expect(await endpointOf()).toMatchObject({ state: "outage", sinceMs: since });
    await expect.poll(() => receiver.received.length).toBeGreaterThan(before + 1);
  }
  expect(await endpointOf()).toMatchObject({ sinceMs: since });
  receiver.answer = (_, response) => response.writeHead(204).end();
  await expect.poll(() => running.api.getSubscription(caller, { name: "out" })).toMatchObject({ inFlight: 0 });
  expect(await running.api.getSubscription(caller, { name: "out" })).toMatchObject({
    cursor: await eventLog.end(),
    deadLetters: 0,
    endpoint: { state: "delivering" },
  });
});

test("set back while a request is under way, what that request took does not count: it is sent again from there", async () => {
  const { api } = start();
  const held: ServerResponse[] = [];
  receiver.answer = (_, response) => void held.push(response);
  const { cursor, name } = await api.createSubscription(caller, { name: "back", webhook: { url: receiver.url } });
  await say(3);
  await expect.poll(() => taken().length).toBe(3);
  const before = held.splice(0);
  await api.seekSubscription(caller, { name, position: { offset: cursor } });
  await expect.poll(() => taken().length).toBe(6);
  for (const response of before) {
    const heard = once(response.socket as Socket, "close");
    response.writeHead(204).end();
    await heard;
  }
  expect(await api.getSubscription(caller, { name })).toMatchObject({ cursor, inFlight: 3 });
  for (const response of held) response.writeHead(204).end();
  const end = await eventLog.end();
  await expect.poll(async () => (await api.getSubscription(caller, { name })).cursor).toBe(end);
  expect(taken().map(({ offset }) => offset - cursor)).toEqual([1, 2, 3, 1, 2, 3]);
});

test("a webhook whose subscription is deleted is not sent to any more", async () => {
  const { api } = start();
  await api.createSubscription(caller, { name: "gone", webhook: { url: receiver.url } });
  await say(1);
  await expect.poll(() => taken().length).toBe(1);
  await api.deleteSubscription(caller, { name: "gone" });
  await api.createSubscription(caller, { name: "here", webhook: { url: receiver.url } });
  await say(1);
  await expect.poll(() => taken().length).toBe(2);
  expect(receiver.received.map(({ body }) => body.subscription)).toEqual(["gone", "here"]);
});
