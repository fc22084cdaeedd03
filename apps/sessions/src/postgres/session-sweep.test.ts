import { sessionLimitsDefault } from "@mooring/contracts";
import { FakeClock, openTestDatabase, until } from "@mooring/testkit";
import { afterAll, beforeEach, expect, test } from "vitest";
import { newTenant, queueOp, sharedOp, subscription } from "../conformance/support.ts";
import { createPostgresSessionReader } from "./session-reader.ts";
import { createPostgresSessionSweep } from "./session-sweep.ts";
import { createPostgresSessionWriter } from "./session-writer.ts";

const database = await openTestDatabase("session-sweep");
const { pool } = database;
afterAll(() => database.stop());
const clock = new FakeClock();
const writer = createPostgresSessionWriter(pool, sessionLimitsDefault);
const reader = createPostgresSessionReader(pool, clock);
const sweep = createPostgresSessionSweep(pool);

const tables = ["mqtt_sessions", "mqtt_subscriptions", "mqtt_messages", "mqtt_queue", "mqtt_received", "mqtt_retained"];
beforeEach(async () => {
  await pool.query(`TRUNCATE ${tables.join(", ")}`);
});

async function counts(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
    found[table.slice("mqtt_".length)] = Number(rows[0]?.count);
  }
  return found;
}

test("a session that expired goes with everything of its own, a large queue piece by piece; others keep theirs", async () => {
  const { session, message } = newTenant();
  const now = clock.now();
  const expired = session({ disconnectedAtMs: now - 10_000, expiryIntervalS: 5 });
  const { sessionId } = expired;
  const [lasting, connected] = [session({ disconnectedAtMs: now - 10_000, expiryIntervalS: 15 }), session({ expiryIntervalS: 0 })];
  await writer.apply([expired, lasting, connected, { op: "putSubscription", sessionId, ...subscription("a") }]);
  await writer.apply([{ op: "putReceived", sessionId, packetIds: [1] }]);
  const shared = message("shared");
  for (let from = 0; from < 2_500; from += 500) {
    await writer.apply(Array.from({ length: 500 }, (_, i) => queueOp(message("m"), [sessionId, from + i + 1])));
  }
  await writer.apply([queueOp(shared, [sessionId, 9_999], [lasting.sessionId, 1])]);
  expect(await sweep.sessions(undefined, now)).toEqual({ removed: 1, next: undefined });
  expect(await counts()).toEqual({ sessions: 2, subscriptions: 0, messages: 1, queue: 1, received: 0, retained: 0 });
  expect(await sweep.sessions(undefined, now)).toEqual({ removed: 0, next: undefined });
});

test("a session that expired with a will that is owed stays for a day", async () => {
  const { session } = newTenant();
  const now = clock.now();
  const will = { topic: "w", payload: Buffer.of(1), qos: 1, retain: false, delayS: 60, properties: {} };
  await writer.apply([session({ disconnectedAtMs: now - 10_000, expiryIntervalS: 5, will })]);
  expect(await sweep.sessions(undefined, now)).toEqual({ removed: 0, next: undefined });
  expect(await sweep.sessions(undefined, now + 86_400_000)).toEqual({ removed: 1, next: undefined });
});

test("a session that expired with messages for other members of a group in its queue stays for a day", async () => {
  const { session, message } = newTenant();
  const now = clock.now();
  const expired = session({ disconnectedAtMs: now - 10_000, expiryIntervalS: 5 });
  await writer.apply([expired, sharedOp(message("m"), expired.sessionId, 1)]);
  expect(await sweep.sessions(undefined, now)).toEqual({ removed: 0, next: undefined });
  expect(await sweep.sessions(undefined, now + 86_400_000)).toEqual({ removed: 1, next: undefined });
  expect(await counts()).toMatchObject({ sessions: 0, queue: 0, messages: 0 });
});

test("a session that came back after it was seen to have expired stays", async () => {
  const { session, message } = newTenant();
  const now = clock.now();
  const expired = session({ disconnectedAtMs: now - 10_000, expiryIntervalS: 5 });
  await writer.apply([expired, queueOp(message("m"), [expired.sessionId, 1])]);
  const client = await pool.connect();
  // The client comes back while the sweeper waits for the writers.
  await client.query("BEGIN; SELECT pg_advisory_xact_lock(7270011)");
  const sweeping = sweep.sessions(undefined, now);
  await until("the sweeper to wait", async () => {
    const { rows } = await pool.query<{ count: string }>(
      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    return rows[0]?.count === "1";
  });
  await client.query("UPDATE mqtt_sessions SET disconnected_at = NULL, expires_at = NULL");
  await client.query("COMMIT");
  client.release();
  expect(await sweeping).toMatchObject({ removed: 0 });
  expect(await counts()).toMatchObject({ sessions: 1, queue: 1, messages: 1 });
});

test("an expired message leaves the queues where its delivery has not begun, and goes when it is in none", async () => {
  const { session, message } = newTenant();
  const [one, two] = [session(), session()];
  const old = { expiresAtMs: clock.now() - 1 };
  const [begun, waiting, good] = [message("begun", old), message("waiting", old), message("good", { expiresAtMs: clock.now() + 1_000 })];
  await writer.apply([one, two, queueOp(begun, [one.sessionId, 1], [two.sessionId, 1]), queueOp(waiting, [one.sessionId, 2])]);
  await writer.apply([
    queueOp(good, [one.sessionId, 3]),
    { op: "setPacketIds", sessionId: one.sessionId, items: [{ seq: 1, packetId: 7 }] },
  ]);
  expect(await sweep.messages(undefined, clock.now())).toEqual({ removed: 2, next: undefined });
  const { items } = await reader.queue(one.sessionId, { afterSeq: 0, limit: 10, bytesMax: 10_000 });
  expect(items.map(({ seq }) => seq)).toEqual([1, 3]);
  expect(await counts()).toMatchObject({ messages: 2, queue: 2 });
});

test("messages that are in no queue go, however they got there", async () => {
  const { session, message } = newTenant();
  const { sessionId, ...rest } = session();
  // A place that is given anew leaves the message that had it.
  await writer.apply([{ sessionId, ...rest }, queueOp(message("first"), [sessionId, 1])]);
  await writer.apply([queueOp(message("second"), [sessionId, 1])]);
  expect(await counts()).toMatchObject({ messages: 2, queue: 1 });
  expect(await sweep.messages(undefined, clock.now())).toMatchObject({ removed: 1 });
  const { items } = await reader.queue(sessionId, { afterSeq: 0, limit: 10, bytesMax: 10_000 });
  expect([await counts(), Buffer.from(items[0]?.message.payload ?? []).toString()]).toMatchObject([{ messages: 1, queue: 1 }, "second"]);
});

test("expired retained messages go", async () => {
  const { tenantId, message } = newTenant();
  const put = (topic: string, expiresAtMs?: number) =>
    ({ op: "putRetained", tenantId, message: message("m", { topic, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) }) }) as const;
  await writer.apply([put("a", clock.now() - 1), put("b", clock.now() + 1), put("c")]);
  expect(await sweep.retained(undefined, clock.now())).toEqual({ removed: 1, next: undefined });
  expect((await reader.retained(undefined, 10)).items.map(({ topic }) => topic)).toEqual(["b", "c"]);
});

test("a walk goes over everything in steps of bounded size", async () => {
  const { tenantId, session, message } = newTenant();
  const sessions = Array.from({ length: 4_100 }, () => session({ disconnectedAtMs: 0, expiryIntervalS: 1 }));
  for (let from = 0; from < sessions.length; from += 1_000) await writer.apply(sessions.slice(from, from + 1_000));
  const topics = Array.from({ length: 2_001 }, (_, i) => `t/${i}`);
  await writer.apply(topics.map((topic) => ({ op: "putRetained", tenantId, message: message("m", { topic, expiresAtMs: 1 }) }) as const));
  let [steps, removed] = [0, 0];
  for (let after: string | undefined; ; ) {
    const step = await sweep.sessions(after, clock.now());
    steps++;
    removed += step.removed;
    after = step.next;
    if (after === undefined) break;
  }
  const first = await sweep.retained(undefined, clock.now());
  const second = await sweep.retained(first.next, clock.now());
  expect([steps, removed, first.removed, second]).toEqual([3, 4_100, 2_000, { removed: 1, next: undefined }]);
  expect(await counts()).toMatchObject({ sessions: 0, retained: 0 });
});

test("the devices that own sessions are listed in pages, and theirs are removed, no others", async () => {
  const { session, message } = newTenant();
  const owned = ["device:a", "device:a", "device:b", "device:c", "key:1", "anonymous"].map((owner) => session({ owner }));
  await writer.apply([...owned, ...owned.map(({ sessionId }) => queueOp(message("m"), [sessionId, 1]))]);
  expect(await sweep.owningDevices(undefined, 2)).toEqual(["a", "b"]);
  expect(await sweep.owningDevices("b", 2)).toEqual(["c"]);
  expect(await sweep.sessionsOfDevices(["a", "c", "nobody"])).toBe(3);
  expect(await counts()).toMatchObject({ sessions: 3, queue: 3, messages: 3 });
  expect(await sweep.owningDevices(undefined, 10)).toEqual(["b"]);
});

test("about how many rows there are, and how large they are, is known for each table", async () => {
  const { session } = newTenant();
  await writer.apply([session()]);
  await pool.query("SELECT pg_stat_force_next_flush()");
  const sizes = await sweep.sizes();
  expect(sizes.map(({ table }) => table).sort()).toEqual([...tables].sort());
  for (const { bytes } of sizes) expect(bytes).toBeGreaterThan(0);
});
