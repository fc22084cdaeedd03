import { invalidField, PlatformError } from "@mooring/contracts";
import { overWire, until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../limits.ts";
import { createMemoryServices, keyOf } from "../memory-services.test-support.ts";
import { errorOf, useEventStreams } from "./streams-world.test-support.ts";

const world = useEventStreams();
const { start, connect } = world;

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
  const { offset } = world.log.say({ kind: "properties", body: '{\n"properties":\r\n{}}' });
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
  for (let i = 0; i < 4; i++) world.log.say();
  const begins = async (query: string, headers = {}): Promise<readonly number[]> => {
    const stream = await connect(query, headers);
    await until("the id", () => stream.lastEventId() !== undefined);
    world.log.say();
    const last = world.log.records.at(-1)?.offset;
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
  await until("the subscriptions", () => world.log.subscriptions.size === 1);
  expect([...world.log.subscriptions.values()][0]).toMatchObject({
    filter: { productKey: "pk01", deviceName: "dev-1", kinds: ["event", "message"], property: "temp", tags: { site: "north" } },
  });
  world.log.say({ kind: "online" });
  world.log.say({ kind: "message" });
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
  expect(world.log.subscriptions.size).toBe(0);
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
    for (let i = 0; i < 3 && said < total; i++, said++) world.log.say({ kind: said % 3 === 0 ? "message" : "online" });
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
  await until("the subscriptions", () => world.log.subscriptions.size === 0);
});

test("a stream that breaks before the first record has told its place already", async () => {
  await start();
  world.log.say();
  const first = await connect();
  await until("the id", () => first.lastEventId() !== undefined);
  first.close();
  await first.ended;
  world.log.say();
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
        cursor: world.log.records.at(-1)?.offset ?? 0,
      }),
    }),
  });
  const stream = await connect("?kinds=message");
  for (let i = 0; i < 10; i++) world.log.say({ kind: "online" });
  await until("the id", () => stream.lastEventId() === "10");
  expect(stream.offsets()).toEqual([]);
  expect(stream.text()).toContain(": heartbeat\nid: 10\n\n");
  world.log.say({ kind: "message" });
  await until("the records", () => stream.offsets().length === 1);
});

test("what is written is acknowledged, so the service keeps nothing back and nothing comes twice", async () => {
  await start();
  const stream = await connect();
  const count = 3 * limits.streams.windowMax;
  for (let i = 0; i < count; i++) world.log.say();
  await until("the records", () => stream.offsets().length === count);
  await until("the subscriptions", () => [...world.log.subscriptions.values()][0]?.cursor === count);
  expect(new Set(stream.offsets()).size).toBe(count);
});

test.each([
  ["comes a second time", [1, 2], [1, 1], 2],
  ["comes behind a later one", [2, 1], [1, 1], 1],
  ["was sent before", [1, 2], [1, 2], 1],
])("a record that %s ends the stream: the last id would no longer tell what was seen", async (_, offsets, attempts, written) => {
  await start({
    events: () => ({
      async *subscribe() {
        const record = world.log.say();
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

test("over a wire between services the stream is the same, ends when the client goes, and leaves nothing", async () => {
  const memory = createMemoryServices();
  const wire = await overWire("events", memory.services.events);
  await start({ events: () => wire.api });
  const stream = await connect();
  await until("the id", () => stream.lastEventId() === "0");
  for (let i = 0; i < 100; i++) memory.log.say();
  await until("the records", () => stream.offsets().length === 100);
  expect(stream.offsets()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  stream.close();
  await until("the subscriptions", () => memory.log.subscriptions.size === 0);
  await wire.stop();
});

test("HEAD has nothing to stream (RFC 9110 §15.5.6)", async () => {
  await start();
  const answer = await world.app.inject({ method: "HEAD", url: "/v1/events", headers: { authorization: `Bearer ${keyOf("owner")}` } });
  expect([answer.statusCode, answer.headers["allow"]]).toEqual([405, "GET"]);
});
