import { createAddressRules, createMetrics, type Running, silentLog } from "@mooring/kit";
import { openJobs } from "@mooring/queue";
import { type PrivateRedis, startRedis } from "@mooring/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryGroups } from "./memory-groups.test-support.ts";
import { type Received, startReceiver } from "./receiver.test-support.ts";
import { startWebhooks, type WebhookDeps } from "./runner.ts";

const redis: PrivateRedis | undefined = await startRedis();
const fast = { backoffMsFirst: 20, tickMs: 20, lostAfterMs: 200, listMs: 100 };

describe.skipIf(redis === undefined)("webhooks, their tries scheduled by the job system on Redis,", () => {
  let groups: MemoryGroups;
  let receivers: Awaited<ReturnType<typeof startReceiver>>[];
  let running: Running | undefined;
  const metrics = { current: createMetrics() };
  let runs = 0;

  afterAll(() => redis?.stop());
  beforeEach(() => {
    groups = new MemoryGroups();
    receivers = [];
    metrics.current = createMetrics();
  });
  afterEach(async () => {
    await running?.stop();
    for (const receiver of receivers) await receiver.stop();
  });

  const openTestJobs = () => openJobs({ backend: { kind: "redis", url: redis?.url ?? "" }, log: silentLog });
  const receive = async () => {
    const receiver = await startReceiver();
    receivers.push(receiver);
    return receiver;
  };
  const start = (more: Partial<WebhookDeps> = {}): void => {
    const rules = createAddressRules(
      ["127.0.0.0/8"],
      receivers.map(({ port }) => port),
    );
    const deps = {
      groups,
      webhooks: groups.webhooks,
      openJobs: openTestJobs,
      rules,
      metrics: metrics.current,
      log: silentLog,
      limits: fast,
    };
    running = startWebhooks({ ...deps, instance: `Test.${process.pid}-${++runs}`, ...more });
  };
  const offsets = (received: readonly Received[]): number[] => received.flatMap(({ body }) => body.records.map(({ offset }) => offset));

  test("to a tenant that is paused nothing is sent, what waits is sent once it is not, and others go on", async () => {
    const receiver = await receive();
    groups.set({ url: receiver.url });
    let isPaused = false;
    groups.say("dev-1");
    start({ isPaused: () => isPaused });
    await expect.poll(() => groups.acknowledged).toEqual([1]);
    isPaused = true;
    groups.webhooks.changed.notify();
    await expect.poll(() => metrics.current.text()).toContain("mooring_webhook_endpoints 0");
    groups.say("dev-1");
    // Looked at again and again meanwhile.
    const before = groups.listed;
    await expect.poll(() => groups.listed).toBeGreaterThan(before + 5);
    expect(offsets(receiver.received)).toEqual([1]);
    isPaused = false;
    await expect.poll(() => offsets(receiver.received)).toEqual([1, 2]);
  });

  test("a batch is a signed POST with the records' bodies as JSON, and 2xx acknowledges it", async () => {
    const receiver = await receive();
    groups.set({ url: receiver.url, secret: "s3crét" });
    groups.say("dev-1");
    groups.say("dev-2");
    start();
    await expect.poll(() => groups.acknowledged).toEqual([1, 2]);
    const [first] = receiver.received;
    expect(first?.body).toEqual({
      subscription: "hook",
      records: [1, 2].map((n) => ({
        offset: n,
        messageId: `m${n}`,
        kind: "properties",
        productKey: "pk01",
        deviceName: `dev-${n}`,
        deviceId: `id-dev-${n}`,
        receivedAt: `1970-01-01T00:00:00.00${n}Z`,
        body: { properties: { n: { value: n, time: 1 } } },
      })),
    });
    expect(first?.isSignedWith("s3crét")).toBe(true);
    expect(first?.isSignedWith("another")).toBe(false);
    expect(Math.abs(Number(first?.headers["mooring-webhook-timestamp"]) - Date.now() / 1_000)).toBeLessThan(60);
    expect(await metrics.current.text()).toMatch(/mooring_webhook_attempts_total\{outcome="delivered"\} 1\n/);
  });

  test("what fails is tried again under the same id, after a growing wait, until it is taken; meanwhile its records are kept alive", async () => {
    const receiver = await receive();
    const times: number[] = [];
    receiver.answer = (_, response) => {
      times.push(performance.now());
      response.writeHead(times.length < 4 ? 503 : 200).end();
    };
    groups.set({ url: receiver.url });
    const offset = groups.say("dev-1");
    start({ limits: { ...fast, backoffMsFirst: 100 }, random: () => 1 });
    await expect.poll(() => groups.acknowledged).toEqual([offset]);
    const waits = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    for (const [at, waitMs] of [100, 200, 400].entries()) expect(waits[at]).toBeGreaterThanOrEqual(waitMs - 5);
    expect(new Set(receiver.received.map(({ headers }) => headers["mooring-webhook-id"])).size).toBe(1);
    expect(groups.extended.has(offset)).toBe(true);
    expect(groups.dead).toEqual([]);
  });

  test("a record that is refused alone is a dead letter with the reason, after the subscription's number of deliveries; the device goes on", async () => {
    const receiver = await receive();
    receiver.answer = ({ body }, response) => response.writeHead(body.records.some(({ offset }) => offset === 1) ? 422 : 200).end();
    groups.set({ url: receiver.url, deliveriesMax: 3 });
    groups.say("dev-1", { attempt: 2 });
    groups.say("dev-1", { attempt: 1 });
    start({ limits: { ...fast, batchRecordsMax: 1 } });
    await expect.poll(() => groups.acknowledged).toEqual([2]);
    expect(groups.dead).toEqual([{ offset: 1, reason: "webhook: the endpoint answered 422" }]);
    expect(offsets(receiver.received)).toEqual([1, 1, 2]);
  });

  test.each([
    ["503", 503],
    ["500", 500],
    ["429", 429],
    ["no answer at all", 0],
  ])(
    "an endpoint that is out for a hundred tries (%s) costs no record, though one delivery is all that a record has",
    async (_, status) => {
      const receiver = await receive();
      receiver.answer = (_, response) => (status === 0 ? response.socket?.destroy() : response.writeHead(status).end());
      groups.set({ url: receiver.url, deliveriesMax: 1 });
      start({ limits: { ...fast, backoffMsFirst: 1, backoffMsMax: 2, tickMs: 2 } });
      for (let i = 0; i < 300; i++) groups.say(`dev-${i % 40}`);
      await expect.poll(() => receiver.received.length).toBeGreaterThan(100);
      receiver.answer = (_, response) => response.writeHead(200).end();
      await expect.poll(() => groups.acknowledged.length).toBe(300);
      expect(groups.dead).toEqual([]);
      for (let i = 0; i < 40; i++) {
        const mine = groups.acknowledged.filter((offset) => offset % 40 === i);
        expect(mine).toEqual([...mine].sort((a, b) => a - b));
      }
    },
  );

  test("while the endpoint is out one request at a time asks, after a wait that grows to its cap, and all can see it", async () => {
    const receiver = await receive();
    let underWay = 0;
    let most = 0;
    const times: number[] = [];
    receiver.answer = (_, response) => {
      times.push(performance.now());
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        response.writeHead(503).end();
      }, 10);
    };
    groups.set({ url: receiver.url });
    groups.say("dev-0");
    start({ limits: { ...fast, backoffMsFirst: 50, backoffMsMax: 200, tickMs: 5 }, random: () => 1 });
    await expect.poll(() => groups.statusesOf().length).toBe(1);
    for (let i = 1; i < 300; i++) groups.say(`dev-${i}`);
    await expect.poll(() => receiver.received.length).toBe(6);
    const waits = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    for (const [at, waitMs] of [50, 100, 200, 200, 200].entries()) expect(waits[at]).toBeGreaterThanOrEqual(waitMs);
    expect(most).toBe(1);
    const status = groups.statusesOf().at(-1);
    expect(status).toMatchObject({ state: "outage", lastError: "the endpoint answered 503" });
    expect(status?.sinceMs).toBe(groups.statusesOf()[0]?.sinceMs);
    expect((status?.nextTryAtMs ?? 0) - (status?.lastErrorAtMs ?? 0)).toBe(200);
    expect(await metrics.current.text()).toMatch(/mooring_webhook_outages 1\n/);
    receiver.answer = (_, response) => response.writeHead(200).end();
    await expect.poll(() => groups.acknowledged.length).toBe(300);
    expect(groups.statusesOf().at(-1)).toMatchObject({ state: "delivering" });
    expect(await metrics.current.text()).toMatch(/mooring_webhook_outages 0\n/);
  });

  test("Retry-After is kept to, up to the longest wait there is", async () => {
    const receiver = await receive();
    let asks = "1";
    receiver.answer = (_, response) => response.writeHead(429, { "retry-after": asks }).end();
    groups.set({ url: receiver.url });
    groups.say("dev-1");
    start({ limits: { ...fast, retryAfterMsMax: 1_500 } });
    await expect.poll(() => groups.statusesOf().length).toBe(1);
    asks = "100000";
    await expect.poll(() => groups.statusesOf().length).toBe(2);
    const waits = groups.statusesOf().map(({ lastErrorAtMs, nextTryAtMs }) => (nextTryAtMs ?? 0) - (lastErrorAtMs ?? 0));
    expect(waits).toEqual([1_000, 1_500]);
  });

  test("a changed webhook is asked at once, however long the outage was to be waited out", async () => {
    const [gone, there] = [await receive(), await receive()];
    gone.answer = (_, response) => response.writeHead(503, { "retry-after": "3600" }).end();
    groups.set({ url: gone.url });
    groups.say("dev-1");
    start();
    await expect.poll(() => groups.statusesOf().length).toBe(1);
    groups.set({ url: there.url, revision: 2 });
    await expect.poll(() => groups.acknowledged).toEqual([1]);
  });

  test("records over which the endpoint fails (500, no answer) while it takes others are dead letters; nothing else is", async () => {
    const receiver = await receive();
    const poison = new Set([7, 64, 128, 129]);
    receiver.answer = ({ body }, response) => {
      if (!body.records.some(({ offset }) => poison.has(offset))) return response.writeHead(200).end();
      return body.records.some(({ offset }) => offset === 64) ? response.socket?.destroy() : response.writeHead(500).end();
    };
    groups.set({ url: receiver.url, deliveriesMax: 3 });
    start({ limits: { ...fast, backoffMsMax: 40 } });
    for (let i = 0; i < 200; i++) groups.say(`dev-${i % 10}`);
    // Others go on speaking, so that there is something to compare with.
    const speaking = setInterval(() => groups.say("dev-other"), 20);
    await expect.poll(() => groups.dead.length).toBe(4);
    clearInterval(speaking);
    await expect.poll(() => new Set(groups.acknowledged).size).toBeGreaterThanOrEqual(196);
    expect(groups.dead.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual([...poison]);
    for (const offset of groups.acknowledged) expect(poison.has(offset)).toBe(false);
  });

  test.each([
    ["by itself", ["dev-1"]],
    ["beside another such one", ["dev-1", "dev-2"]],
  ])(
    "a record that is answered with 500 %s for long is a dead letter, one in so long, and what is behind it goes on",
    async (_, devices) => {
      const receiver = await receive();
      const times: number[] = [];
      receiver.answer = ({ body }, response) => {
        const isPoison = body.records.some(({ offset }) => offset <= devices.length);
        response.writeHead(isPoison ? 500 : 200).end();
      };
      groups.set({ url: receiver.url, deliveriesMax: 2 });
      for (const device of devices) groups.say(device);
      const offset = groups.say("dev-1");
      const startedAt = performance.now();
      groups.onDead = () => times.push(performance.now());
      start({ limits: { ...fast, backoffMsFirst: 5, backoffMsMax: 20, tickMs: 5, aloneTriesMin: 4, aloneMsMin: 400 } });
      await expect.poll(() => groups.acknowledged).toEqual([offset]);
      expect(groups.dead.map((each) => each.reason)).toContain("webhook: the endpoint answered 500");
      expect(groups.dead.every((each) => each.offset <= devices.length)).toBe(true);
      expect((times[0] ?? 0) - startedAt).toBeGreaterThanOrEqual(400);
      expect(receiver.received.length).toBeGreaterThanOrEqual(5);
    },
  );

  test.each([
    ["503", 503],
    ["no answer", 0],
  ])("a record that is all there is waits out an outage without end (%s)", async (_, status) => {
    const receiver = await receive();
    receiver.answer = (_, response) => (status === 0 ? response.socket?.destroy() : response.writeHead(status).end());
    groups.set({ url: receiver.url, deliveriesMax: 1 });
    groups.say("dev-1");
    start({ limits: { ...fast, backoffMsFirst: 1, backoffMsMax: 2, tickMs: 2, aloneTriesMin: 2, aloneMsMin: 1 } });
    await expect.poll(() => receiver.received.length).toBeGreaterThan(50);
    expect(groups.dead).toEqual([]);
  });

  test("an outage that a process before had not seen the end of keeps its beginning", async () => {
    const receiver = await receive();
    receiver.answer = (_, response) => response.writeHead(503).end();
    groups.set({ url: receiver.url });
    groups.say("dev-1");
    start();
    await expect.poll(() => groups.statusesOf().length).toBe(1);
    await running?.stop();
    start({ metrics: createMetrics() });
    await expect.poll(() => groups.statusesOf().length).toBeGreaterThan(2);
    expect(new Set(groups.statusesOf().map(({ sinceMs }) => sinceMs)).size).toBe(1);
  });

  test("a record that the endpoint refuses takes no other of its batch with it", async () => {
    const receiver = await receive();
    const poison = new Set([7, 64]);
    receiver.answer = ({ body }, response) => response.writeHead(body.records.some(({ offset }) => poison.has(offset)) ? 422 : 200).end();
    groups.set({ url: receiver.url });
    for (let i = 0; i < 100; i++) groups.say(`dev-${i % 10}`);
    start({ limits: { ...fast, backoffMsMax: 40 } });
    await expect.poll(() => groups.acknowledged.length + groups.dead.length).toBe(100);
    expect(groups.dead.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual([7, 64]);
  });

  test("batches hold at most 100 records and 1 MB, and no device is in two at a time", async () => {
    const receiver = await receive();
    const underWay = new Set<string>();
    let doubled = 0;
    let largest = 0;
    receiver.answer = ({ body, text }, response) => {
      largest = Math.max(largest, text.length);
      const devices = new Set(body.records.map(({ deviceName }) => deviceName));
      for (const device of devices) doubled += underWay.has(device) ? 1 : 0;
      for (const device of devices) underWay.add(device);
      setImmediate(() => {
        for (const device of devices) underWay.delete(device);
        response.writeHead(200).end();
      });
    };
    groups.set({ url: receiver.url });
    for (let i = 0; i < 400; i++) groups.say(`dev-${i % 7}`);
    for (let i = 0; i < 12; i++) groups.say(`big-${i % 5}`, { body: JSON.stringify("x".repeat(250_000)) });
    start();
    await expect.poll(() => groups.acknowledged.length).toBe(412);
    expect(Math.max(...receiver.received.map(({ body }) => body.records.length))).toBe(100);
    expect(largest).toBeLessThanOrEqual(1_048_576);
    expect(doubled).toBe(0);
  });

  test("each device's records are taken in order, each once, however the endpoint fails", async () => {
    const receiver = await receive();
    let seed = 42;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    const taken = new Map<string, number[]>();
    receiver.answer = ({ body }, response) => {
      const luck = random();
      if (luck < 0.15) return response.socket?.destroy();
      if (luck < 0.5) return response.writeHead(luck < 0.3 ? 500 : 400).end();
      for (const { deviceName, offset } of body.records) taken.set(deviceName, [...(taken.get(deviceName) ?? []), offset]);
      return setTimeout(() => response.writeHead(200).end(), random() * 10);
    };
    groups.set({ url: receiver.url, deliveriesMax: 1_000 });
    start({ limits: { ...fast, backoffMsFirst: 2, backoffMsMax: 20, batchRecordsMax: 8 } });
    for (let i = 0; i < 200; i++) groups.say(`dev-${Math.floor(random() * 9)}`);
    await expect.poll(() => groups.acknowledged.length).toBe(200);
    for (const [device, list] of taken) expect(list, device).toEqual([...list].sort((a, b) => a - b));
    expect([...taken.values()].flat().length).toBe(200);
  });

  test("an endpoint that does not answer slows itself only", async () => {
    const [slow, quick] = [await receive(), await receive()];
    slow.answer = () => undefined;
    groups.set({ name: "slow", url: slow.url });
    groups.set({ name: "hook", url: quick.url });
    start();
    for (let i = 0; i < 50; i++) groups.say(`dev-${i}`, { name: "slow" });
    await expect.poll(() => slow.received.length).toBeGreaterThan(0);
    for (let i = 0; i < 20; i++) {
      const offset = groups.say("dev-1");
      await expect.poll(() => groups.acknowledged).toContain(offset);
    }
    expect(slow.received.length).toBeLessThanOrEqual(2);
  });

  test("a Redis that is flushed in between loses nothing, and order holds", async () => {
    const receiver = await receive();
    const client = new Redis(redis?.url ?? "");
    receiver.answer = (_, response) => response.writeHead(503).end();
    groups.set({ url: receiver.url, deliveriesMax: 1_000 });
    start({ limits: { ...fast, backoffMsFirst: 300 } });
    for (let i = 0; i < 30; i++) groups.say(`dev-${i % 3}`);
    await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
    await client.flushall();
    receiver.answer = (_, response) => response.writeHead(200).end();
    await client.flushall();
    await expect.poll(() => groups.acknowledged.length).toBe(30);
    for (let i = 0; i < 3; i++) {
      const mine = groups.acknowledged.filter((offset) => offset % 3 === i);
      expect(mine).toEqual([...mine].sort((a, b) => a - b));
    }
    client.disconnect();
  });

  test("a job that was lost is put in again also when the wall clock was set back by an hour", async () => {
    const receiver = await receive();
    const client = new Redis(redis?.url ?? "");
    let offMs = 0;
    receiver.answer = (_, response) => response.writeHead(503).end();
    groups.set({ url: receiver.url, deliveriesMax: 1_000 });
    start({ limits: { ...fast, backoffMsFirst: 300 }, clock: { now: () => Date.now() + offMs } });
    groups.say("dev-1");
    await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
    offMs = -3_600_000;
    receiver.answer = (_, response) => response.writeHead(200).end();
    await client.flushall();
    await expect.poll(() => groups.acknowledged).toEqual([1]);
    client.disconnect();
  });

  test("a changed address and secret are used from the next try on, and a removed webhook is left alone", async () => {
    const [before, after] = [await receive(), await receive()];
    before.answer = (_, response) => response.writeHead(500).end();
    groups.set({ url: before.url });
    groups.say("dev-1");
    start();
    await expect.poll(() => before.received.length).toBeGreaterThan(0);
    groups.set({ url: after.url, secret: "second", revision: 2 });
    await expect.poll(() => groups.acknowledged).toEqual([1]);
    expect(after.received[0]?.isSignedWith("second")).toBe(true);
  });

  test("a job backend that is out of reach at the start is waited for", async () => {
    const receiver = await receive();
    let tries = 0;
    groups.set({ url: receiver.url });
    groups.say("dev-1");
    start({ openJobs: () => (++tries < 2 ? Promise.reject(new Error("down")) : openTestJobs()) });
    await expect.poll(() => groups.acknowledged).toEqual([1]);
  });

  test("a subscription that another process delivers is joined once it is free", async () => {
    const receiver = await receive();
    groups.set({ url: receiver.url });
    groups.say("dev-1");
    groups.elsewhere = true;
    start();
    await expect.poll(() => metrics.current.text()).toMatch(/mooring_webhook_endpoints 0\n/);
    groups.elsewhere = false;
    await expect.poll(() => groups.acknowledged).toEqual([1]);
  });

  test("an address inside is never connected to: its records wait, and the subscription says why", async () => {
    const receiver = await receive();
    groups.set({ url: receiver.url, deliveriesMax: 1 });
    groups.say("dev-1");
    start({ rules: createAddressRules([], [receiver.port]) });
    await expect.poll(() => groups.statusesOf().length).toBeGreaterThan(3);
    expect(groups.statusesOf().at(-1)).toMatchObject({ state: "outage", lastError: "the address is not public" });
    expect([groups.dead, groups.acknowledged]).toEqual([[], []]);
    expect(receiver.received).toEqual([]);
  });
});
