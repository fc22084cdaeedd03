import { sessionLimitsDefault } from "@mooring/contracts";
import { systemClock } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, beforeEach, expect, test } from "vitest";
import { newTenant, queueOp, subscription } from "../conformance/support.ts";
import { Plan } from "../plan.ts";
import { createPostgresSessionReader } from "./session-reader.ts";
import { createPostgresSessionWriter } from "./session-writer.ts";
import { toStatements } from "./statements.ts";
import { writing } from "./write-lock.ts";

const database = await openTestDatabase("session-writer");
const { pool } = database;
afterAll(() => database.stop());
const writer = createPostgresSessionWriter(pool, sessionLimitsDefault);
const reader = createPostgresSessionReader(pool, systemClock);

beforeEach(async () => {
  await pool.query("TRUNCATE mqtt_sessions, mqtt_subscriptions, mqtt_messages, mqtt_queue, mqtt_received, mqtt_retained");
});

const count = async (table: string): Promise<number> => {
  const { rows } = await pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(rows[0]?.count);
};
const lastWrite = async (): Promise<string> => {
  const { rows } = await pool.query<{ place: string }>("SELECT pg_current_wal_insert_lsn() AS place");
  return rows[0]?.place ?? "";
};

test("a payload goes with the last row that names it, whether by dequeuing or with its session", async () => {
  const { session, message } = newTenant();
  const [one, two, three] = [session(), session(), session()];
  const shared = message("shared");
  await writer.apply([one, two, three, queueOp(shared, [one.sessionId, 1], [two.sessionId, 1], [three.sessionId, 1])]);
  expect([await count("mqtt_messages"), await count("mqtt_queue")]).toEqual([1, 3]);
  await writer.apply([{ op: "dequeue", sessionId: one.sessionId, seqs: [1] }]);
  expect([await count("mqtt_messages"), await count("mqtt_queue")]).toEqual([1, 2]);
  await writer.apply([
    { op: "dequeue", sessionId: two.sessionId, seqs: [1] },
    { op: "deleteSession", sessionId: three.sessionId },
  ]);
  expect([await count("mqtt_messages"), await count("mqtt_queue")]).toEqual([0, 0]);
});

test("a message that is queued and acknowledged within one commit reaches no table", async () => {
  const { session, message } = newTenant();
  const { sessionId, ...rest } = session();
  await writer.apply([{ sessionId, ...rest }]);
  await pool.query("CREATE TABLE IF NOT EXISTS seen (message_id uuid)");
  await pool.query(`CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO seen VALUES (NEW.message_id); RETURN NEW; END $$`);
  await pool.query("CREATE OR REPLACE TRIGGER note AFTER INSERT ON mqtt_messages FOR EACH ROW EXECUTE FUNCTION note()");
  await writer.apply([
    queueOp(message("quick"), [sessionId, 1]),
    { op: "dequeue", sessionId, seqs: [1] },
    queueOp(message("slow"), [sessionId, 2]),
  ]);
  expect(await count("seen")).toBe(1);
  await pool.query("DROP TRIGGER note ON mqtt_messages; DROP FUNCTION note; DROP TABLE seen");
});

test("a message for no session that is there is not stored", async () => {
  const { session, message } = newTenant();
  await writer.apply([queueOp(message("m"), [session().sessionId, 1])]);
  expect(await count("mqtt_messages")).toBe(0);
});

test("ops that change no row write nothing", async () => {
  const writesNothing = async (): Promise<boolean> => {
    const before = await lastWrite();
    await writer.apply([]);
    return (await lastWrite()) === before;
  };
  // Others write to their own databases on the same server: there is a moment in which nobody does.
  await expect.poll(writesNothing).toBe(true);
});

test("a run that leaves a session with too many subscriptions stores nothing of itself", async () => {
  const few = createPostgresSessionWriter(pool, { subscriptionsMax: 2 });
  const { session } = newTenant();
  const { sessionId, ...rest } = session();
  const put = (filter: string) => ({ op: "putSubscription", sessionId, ...subscription(filter) }) as const;
  await few.apply([{ sessionId, ...rest }, put("a"), put("b")]);
  await expect(few.apply([put("c")])).rejects.toMatchObject({ name: "UnstorableOps", sessionId });
  await few.apply([{ op: "deleteSubscription", sessionId, filter: "a" }, put("c")]);
  expect(await count("mqtt_subscriptions")).toBe(2);
});

test("one writer at a time, and whoever lists what is kept waits for what is being written", async () => {
  const { session } = newTenant();
  const [has, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = writing(pool, async () => {
    has.resolve();
    await held.promise;
  });
  await has.promise;
  const waiting = async (number: number) =>
    until(`${number} that wait`, async () => {
      const { rows } = await pool.query<{ count: string }>(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
      );
      return Number(rows[0]?.count) === number;
    });
  const done: string[] = [];
  const applied = writer.apply([session()]).then(() => done.push("applied"));
  await waiting(1);
  const listed = reader.sessions(undefined, 10).then(({ items }) => done.push(`listed ${items.length}`));
  await waiting(2);
  expect([done, await count("mqtt_sessions")]).toEqual([[], 0]);
  held.resolve();
  await Promise.all([holding, applied, listed]);
  expect([done, await count("mqtt_sessions")]).toEqual([["applied", "listed 1"], 1]);
});

test("rows are looked up by key, also by plans that are made while the tables are empty", async () => {
  const { tenantId, session, message } = newTenant();
  const { sessionId, ...rest } = session();
  const ops = [
    { op: "deleteSession", sessionId: session().sessionId },
    { sessionId, ...rest },
    { op: "putSubscription", sessionId, ...subscription("a") },
    { op: "deleteSubscription", sessionId, filter: "b" },
    { op: "putReceived", sessionId, packetIds: [1] },
    { op: "deleteReceived", sessionId, packetIds: [2] },
    queueOp(message("m"), [sessionId, 1]),
    { op: "setReleased", sessionId, seqs: [2] },
    { op: "dequeue", sessionId, seqs: [3] },
    { op: "putRetained", tenantId, message: message("m") },
    { op: "deleteRetained", tenantId, topic: "t" },
  ] as const;
  const { list } = toStatements(new Plan(ops));
  expect(list).toHaveLength(ops.length);
  for (const { name, text } of list) {
    const plan = await writing(pool, async (client) => {
      const { rows } = await client.query<{ "QUERY PLAN": string }>(`EXPLAIN (GENERIC_PLAN) ${text}`);
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
    expect(plan, name).not.toMatch(/Seq Scan|Hash Join|Merge Join|mqtt_sessions_(tenant|owner)/);
  }
});
