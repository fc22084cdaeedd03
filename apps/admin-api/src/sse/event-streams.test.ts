import type { AddressInfo } from "node:net";
import { type EventApi, invalidField, PlatformError } from "@mooring/contracts";
import { overWire, until } from "@mooring/testkit";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import { limits } from "../limits.ts";
import type { MemoryLog } from "../memory-events.test-support.ts";
import { createMemoryServices, createTestDeps, keyOf } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";
import { type EventStream, openEventStream } from "./event-stream.test-support.ts";
import type { StreamLimits } from "./event-stream.ts";

interface Options {
  readonly limits?: Partial<StreamLimits>;
  readonly events?: (events: EventApi) => Partial<EventApi>;
  readonly revoked?: ReadonlySet<string>;
  /** About these keys nobody answers. */
  readonly frozen?: ReadonlySet<string>;
  readonly nowMs?: () => number;
}

let app: FastifyInstance;
let log: MemoryLog;

async function start(options: Options = {}): Promise<void> {
  const memory = createMemoryServices(options.revoked === undefined ? {} : { revoked: options.revoked });
  log = memory.log;
  const events = { ...memory.services.events, ...options.events?.(memory.services.events) };
  const { access } = memory.services;
  const authenticateKey: typeof access.authenticateKey = (caller, request) =>
    options.frozen?.has(request.secret) ? new Promise(() => undefined) : access.authenticateKey(caller, request);
  const services = { ...memory.services, access: { ...access, authenticateKey }, events };
  const deps = createTestDeps(services, options.nowMs ?? Date.now);
  app = createAdminServer({ ...deps, ...(options.limits === undefined ? {} : { streamLimits: options.limits }) });
  await app.listen({ host: "127.0.0.1", port: 0 });
}

afterEach(async () => {
  for (const stream of open) stream.close();
  open.clear();
  await app.close();
});

const open = new Set<EventStream>();

async function connect(query = "", headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  const { port } = app.server.address() as AddressInfo;
  const stream = await openEventStream(`http://127.0.0.1:${port}/v1/events${query}`, {
    authorization: `Bearer ${keyOf("owner")}`,
    ...headers,
  });
  open.add(stream);
  return stream;
}

const errorOf = (stream: EventStream) => JSON.parse(stream.frames.find((frame) => frame.event === "error")?.data ?? "{}");

test("a record comes with its offset as id, its kind as event and itself as data", async () => {
  await start();
  const stream = await connect();
  expect(stream.status).toBe(200);
  expect(stream.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  // Properties may be said over several lines: the lines of JSON come back together.
  const { offset } = log.say({ kind: "properties", body: '{\n"properties":\r\n{}}' });
  await until("the records", () => stream.offsets().length === 1);
  const frame = stream.frames.at(-1);
  expect(frame).toMatchObject({ id: String(offset), event: "properties" });
  expect(JSON.parse(frame?.data ?? "")).toEqual({
    offset,
    messageId: "m1",
    productKey: "pk01",
    deviceName: "dev-1",
    deviceId: "d1",
    kind: "properties",
    receivedAt: "2026-01-31T12:00:00.001Z",
    body: { properties: {} },
  });
});

test("it begins now, or where from says; Last-Event-ID goes before both", async () => {
  await start();
  for (let i = 0; i < 4; i++) log.say();
  const begins = async (query: string, headers = {}): Promise<readonly number[]> => {
    const stream = await connect(query, headers);
    await until("the id", () => stream.lastEventId() !== undefined);
    log.say();
    const last = log.records.at(-1)?.offset;
    await until("the records", () => stream.offsets().at(-1) === last);
    stream.close();
    return [stream.offsets()[0] ?? 0, last ?? 0];
  };
  expect(await begins("")).toEqual([5, 5]);
  expect(await begins("?from=earliest")).toEqual([1, 6]);
  expect(await begins("?from=3")).toEqual([4, 7]);
  expect(await begins("?from=2026-01-31T12:00:00.002Z")).toEqual([2, 8]);
  expect(await begins("?from=earliest", { "last-event-id": "8" })).toEqual([9, 9]);
});

test("only what is asked for comes", async () => {
  await start();
  const stream = await connect("?productKey=pk01&deviceName=dev-1&kinds=event,message&property=temp&tags=%7B%22site%22%3A%22north%22%7D");
  await until("the subscriptions", () => log.subscriptions.size === 1);
  expect([...log.subscriptions.values()][0]).toMatchObject({
    filter: { productKey: "pk01", deviceName: "dev-1", kinds: ["event", "message"], property: "temp", tags: { site: "north" } },
  });
  log.say({ kind: "online" });
  log.say({ kind: "message" });
  await until("the records", () => stream.offsets().length === 1);
  expect(stream.offsets()).toEqual([2]);
});

test.each([
  ["?kinds=telemetry", "/kinds/0"],
  ["?kinds=", "/kinds/0"],
  ["?from=yesterday", "/from"],
  ["?from=-1", "/from"],
  ["?tags=x", "/tags"],
  ["?tags=%5B%5D", "/tags"],
  ["?tags=%7B%22a%22%3A1%7D", "/tags/a"],
  ["?deviceName=dev-1", "/productKey"],
  ["?lastEventId=1", "/lastEventId"],
])("%s is 400, names the field, and leaves no subscription behind", async (query, pointer) => {
  await start();
  const answer = await connect(query);
  await answer.ended;
  expect(JSON.parse(answer.text())).toMatchObject({ status: 400, issues: [{ pointer }] });
  expect(log.subscriptions.size).toBe(0);
});

test("a Last-Event-ID that is no id of ours is 400", async () => {
  await start();
  const answer = await connect("", { "last-event-id": "abc" });
  expect(answer.status).toBe(400);
});

test("a place beyond the end of the log is 400 and names where it was given", async () => {
  await start({ events: () => ({ createSubscription: () => Promise.reject(invalidField("/start/offset", "the log ends at 7")) }) });
  for (const [query, headers, pointer] of [
    ["?from=8", {}, "/from"],
    ["?from=1", { "last-event-id": "8" }, "/last-event-id"],
  ] as const) {
    const answer = await connect(query, headers);
    await answer.ended;
    expect(JSON.parse(answer.text())).toMatchObject({ status: 400, detail: `${pointer}: the log ends at 7`, issues: [{ pointer }] });
  }
});

test("a client that comes again with its Last-Event-ID misses nothing, wherever its connections broke", async () => {
  await start();
  const total = 300;
  const seen = new Set<number>();
  let lastId: string | undefined;
  let random = 42;
  const next = (max: number): number => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return random % max;
  };
  let said = 0;
  const sayer = setInterval(() => {
    for (let i = 0; i < 3 && said < total; i++, said++) log.say({ kind: said % 3 === 0 ? "message" : "online" });
  }, 2);
  for (let connections = 0; seen.size < total && connections < 500; connections++) {
    const stream = await connect("?from=earliest", lastId === undefined ? {} : { "last-event-id": lastId });
    const enough = 1 + next(20);
    await until("the records", () => stream.offsets().length >= enough || seen.size + stream.offsets().length >= total);
    stream.close();
    const offsets = stream.offsets();
    expect(offsets).toEqual(Array.from(offsets, (_, i) => (offsets[0] ?? 0) + i));
    for (const offset of offsets) seen.add(offset);
    lastId = stream.lastEventId();
  }
  clearInterval(sayer);
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  await until("the subscriptions", () => log.subscriptions.size === 0);
});

test("a stream that breaks before the first record has told its place already", async () => {
  await start();
  log.say();
  const first = await connect();
  await until("the id", () => first.lastEventId() !== undefined);
  first.close();
  await first.ended;
  log.say();
  const second = await connect("", { "last-event-id": first.lastEventId() ?? "" });
  await until("the records", () => second.offsets().length === 1);
  expect(second.offsets()).toEqual([2]);
});

test("a heartbeat keeps a silent stream alive, and moves the client on past what it did not ask for", async () => {
  await start({
    limits: { heartbeatMs: 20 },
    // As the service does: what is filtered out counts as done.
    events: (events) => ({
      getSubscription: async (caller, request) => ({
        ...(await events.getSubscription(caller, request)),
        cursor: log.records.at(-1)?.offset ?? 0,
      }),
    }),
  });
  const stream = await connect("?kinds=message");
  for (let i = 0; i < 10; i++) log.say({ kind: "online" });
  await until("the id", () => stream.lastEventId() === "10");
  expect(stream.offsets()).toEqual([]);
  expect(stream.text()).toContain(": heartbeat\nid: 10\n\n");
  log.say({ kind: "message" });
  await until("the records", () => stream.offsets().length === 1);
});

test("what is written is acknowledged, so the service keeps nothing back and nothing comes twice", async () => {
  await start();
  const stream = await connect();
  const count = 3 * limits.streams.windowMax;
  for (let i = 0; i < count; i++) log.say();
  await until("the records", () => stream.offsets().length === count);
  await until("the subscriptions", () => [...log.subscriptions.values()][0]?.cursor === count);
  expect(new Set(stream.offsets()).size).toBe(count);
});

test("nothing of a stream outlives it: its subscription goes when the client does", async () => {
  await start();
  const stream = await connect();
  expect([...log.subscriptions.keys()]).toEqual([expect.stringMatching(/^sse-/)]);
  stream.close();
  await until("the subscriptions", () => log.subscriptions.size === 0);
});

test("a key that is revoked is told so within 2 s, and its stream ends", async () => {
  const revoked = new Set<string>();
  await start({ revoked });
  const stream = await connect();
  const other = await connect("", { authorization: `Bearer ${keyOf("backend")}` });
  const revokedAt = performance.now();
  revoked.add(keyOf("owner"));
  await stream.ended;
  expect(performance.now() - revokedAt).toBeLessThan(2_000);
  expect(errorOf(stream)).toMatchObject({ status: 401, code: "unauthenticated" });
  const { offset } = log.say();
  await until("the records", () => other.offsets().includes(offset));
  await until("the subscriptions", () => log.subscriptions.size === 1);
});

test("a stream whose key can no longer be asked about, since access hangs, is told so within 2 s and ends", async () => {
  const frozen = new Set<string>();
  await start({ frozen });
  const stream = await connect();
  const frozenAt = performance.now();
  frozen.add(keyOf("owner"));
  await stream.ended;
  expect(performance.now() - frozenAt).toBeLessThan(2_000);
  expect(errorOf(stream)).toMatchObject({ status: 503, code: "unavailable" });
});

test("a client that does not read costs itself only: little is fetched for it, and it is cut off", async () => {
  await start({ limits: { stallMs: 1_000, farewellMs: 50 } });
  const slow = await connect();
  const quick = await connect();
  slow.pause();
  const body = JSON.stringify({ text: "x".repeat(100_000) });
  const count = 400;
  for (let i = 0; i < count; i++) log.say({ kind: "message", body });
  await until("the records", () => quick.offsets().length === count);
  await until("the subscriptions", () => log.subscriptions.size === 1);
  slow.resume();
  await slow.ended;
  expect(slow.offsets().length).toBeLessThan(count);
  expect(slow.offsets()).toEqual(Array.from(slow.offsets(), (_, i) => i + 1));
});

test("a key may have so many streams; the next one is 429 until one ends", async () => {
  await start({ limits: { perKeyMax: 2 } });
  const first = await connect();
  await connect();
  const refused = await connect();
  await refused.ended;
  expect(JSON.parse(refused.text())).toMatchObject({ status: 429, code: "quotaExceeded" });
  expect((await connect("", { authorization: `Bearer ${keyOf("backend")}` })).status).toBe(200);
  first.close();
  await until("the subscriptions", () => log.subscriptions.size === 2);
  await expect.poll(async () => (await connect()).status).toBe(200);
});

test("a stream ends after its time, in order, and the client goes on where it was", async () => {
  let nowMs = 0;
  await start({ limits: { heartbeatMs: 10 }, nowMs: () => nowMs });
  const stream = await connect();
  log.say();
  await until("the records", () => stream.offsets().length === 1);
  nowMs += limits.streams.lifeMs;
  await stream.ended;
  expect(errorOf(stream)).toEqual({});
  expect(stream.text()).toMatch(/: come again\n\n$/);
  log.say();
  const again = await connect("", { "last-event-id": stream.lastEventId() ?? "" });
  await until("the records", () => again.offsets().length === 1);
  expect(again.offsets()).toEqual([2]);
});

test("a service that fails in the middle ends the stream with why; its inside stays inside", async () => {
  await start({
    events: () => ({
      async *subscribe() {
        yield { ...log.say(), attempt: 1 };
        throw new TypeError("secret internals");
      },
    }),
  });
  const stream = await connect();
  await stream.ended;
  expect(stream.offsets()).toEqual([1]);
  expect(errorOf(stream)).toMatchObject({ status: 500, code: "internal" });
  expect(stream.text()).not.toContain("secret");
});

test.each([
  ["comes a second time", [1, 2], [1, 1], 2],
  ["comes behind a later one", [2, 1], [1, 1], 1],
  ["was sent before", [1, 2], [1, 2], 1],
])("a record that %s ends the stream: the last id would no longer tell what was seen", async (_, offsets, attempts, written) => {
  await start({
    events: () => ({
      async *subscribe() {
        const record = log.say();
        for (const [i, offset] of offsets.entries()) yield { ...record, offset, attempt: attempts[i] ?? 1 };
        yield { ...record, offset: offsets.at(-1) ?? 0, attempt: 1 };
      },
    }),
  });
  const stream = await connect();
  await stream.ended;
  expect(stream.offsets()).toHaveLength(written);
  expect(errorOf(stream)).toMatchObject({ code: "unavailable", detail: expect.stringContaining("lost its place") });
});

test("a service that refuses the subscription is answered before the stream begins", async () => {
  await start({
    events: () => ({
      createSubscription: () => Promise.reject(new PlatformError("quotaExceeded", "a tenant may have 1000 subscriptions")),
    }),
  });
  const answer = await connect();
  await answer.ended;
  expect([answer.status, JSON.parse(answer.text()).detail]).toEqual([429, "a tenant may have 1000 subscriptions"]);
});

test("the server stops though streams are open: they end in order and leave nothing", async () => {
  await start();
  const streams = [await connect(), await connect()];
  await app.close();
  for (const stream of streams) {
    await stream.ended;
    expect(stream.text()).toMatch(/: come again\n\n$/);
  }
  expect(log.subscriptions.size).toBe(0);
});

test("what a process that died left behind is swept away; what may still be in use is not, nor what is somebody's own", async () => {
  const nowMs = Date.UTC(2026, 10, 21);
  await start({ nowMs: () => nowMs });
  const counts = { cursor: 0, backlog: 0, lagMs: 0, inFlight: 0, members: 0, deadLetters: 0, lost: 0 };
  const { lifeMs } = limits.streams;
  for (const [name, ageMs] of [
    ["sse-old", 2 * lifeMs + 1],
    ["sse-live", lifeMs],
    ["billing", 10 * lifeMs],
  ] as const) {
    log.subscriptions.set(name, { ...counts, name, createdAtMs: nowMs - ageMs });
  }
  await connect();
  await until("the subscriptions", () => !log.subscriptions.has("sse-old"));
  expect([...log.subscriptions.keys()]).toEqual(expect.arrayContaining(["sse-live", "billing"]));
});

test("over a wire between services the stream is the same, ends when the client goes, and leaves nothing", async () => {
  const memory = createMemoryServices();
  const wire = await overWire("events", memory.services.events);
  await start({ events: () => wire.api });
  log = memory.log;
  const stream = await connect();
  await until("the id", () => stream.lastEventId() === "0");
  for (let i = 0; i < 100; i++) log.say();
  await until("the records", () => stream.offsets().length === 100);
  expect(stream.offsets()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  stream.close();
  await until("the subscriptions", () => log.subscriptions.size === 0);
  await wire.stop();
});

test("HEAD has nothing to stream (RFC 9110 §15.5.6)", async () => {
  await start();
  const answer = await app.inject({ method: "HEAD", url: "/v1/events", headers: { authorization: `Bearer ${keyOf("owner")}` } });
  expect([answer.statusCode, answer.headers["allow"]]).toEqual([405, "GET"]);
});
