import { until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../limits.ts";
import { keyOf } from "../memory-services.test-support.ts";
import { errorOf, useEventStreams } from "./streams-world.test-support.ts";

const world = useEventStreams();
const { start, connect } = world;

test("nothing of a stream outlives it: its subscription goes when the client does", async () => {
  await start();
  const stream = await connect();
  expect([...world.log.subscriptions.keys()]).toEqual([expect.stringMatching(/^sse-/)]);
  stream.close();
  await until("the subscriptions", () => world.log.subscriptions.size === 0);
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
  const { offset } = world.log.say();
  await until("the records", () => other.offsets().includes(offset));
  await until("the subscriptions", () => world.log.subscriptions.size === 1);
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
  for (let i = 0; i < count; i++) world.log.say({ kind: "message", body });
  await until("the records", () => quick.offsets().length === count);
  await until("the subscriptions", () => world.log.subscriptions.size === 1);
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
  await until("the subscriptions", () => world.log.subscriptions.size === 2);
  await expect.poll(async () => (await connect()).status).toBe(200);
});

test("a stream ends after its time, in order, and the client goes on where it was", async () => {
  let nowMs = 0;
  await start({ limits: { heartbeatMs: 10 }, nowMs: () => nowMs });
  const stream = await connect();
  world.log.say();
  await until("the records", () => stream.offsets().length === 1);
  nowMs += limits.streams.lifeMs;
  await stream.ended;
  expect(errorOf(stream)).toEqual({});
  expect(stream.text()).toMatch(/: come again\n\n$/);
  world.log.say();
  const again = await connect("", { "last-event-id": stream.lastEventId() ?? "" });
  await until("the records", () => again.offsets().length === 1);
  expect(again.offsets()).toEqual([2]);
});

test("a service that fails in the middle ends the stream with why; its inside stays inside", async () => {
  await start({
    events: () => ({
      async *subscribe() {
        yield { ...world.log.say(), attempt: 1 };
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

test("the server stops though streams are open: they end in order and leave nothing", async () => {
  await start();
  const streams = [await connect(), await connect()];
  await world.app.close();
  for (const stream of streams) {
    await stream.ended;
    expect(stream.text()).toMatch(/: come again\n\n$/);
  }
  expect(world.log.subscriptions.size).toBe(0);
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
    world.log.subscriptions.set(name, { ...counts, name, createdAtMs: nowMs - ageMs });
  }
  await connect();
  await until("the subscriptions", () => !world.log.subscriptions.has("sse-old"));
  expect([...world.log.subscriptions.keys()]).toEqual(expect.arrayContaining(["sse-live", "billing"]));
});
