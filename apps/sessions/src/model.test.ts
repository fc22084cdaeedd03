// The service on Postgres against the words of its contract in memory: whatever gateways write, however it is cut into frames and transactions, and
// however often the end of it is sent again, both hold the same.
import { randomUUID } from "node:crypto";
import { asTenantId, type SessionFrame, type SessionOp, sessionLimitsDefault } from "@mooring/contracts";
import { systemClock } from "@mooring/kit";
import { createMemorySessions, openTestDatabase } from "@mooring/testkit";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { newTenant, plain, queueOf, retainedOf, sessionsOf, subscription, writeFrames } from "./conformance/support.ts";
import { createPostgresSessionReader, createPostgresSessionWriter, createSessionService } from "./index.ts";

const database = await openTestDatabase("sessions-model");
afterAll(() => database.stop());
const service = createSessionService({
  writer: createPostgresSessionWriter(database.pool, sessionLimitsDefault),
  reader: createPostgresSessionReader(database.pool, systemClock),
  limits: sessionLimitsDefault,
});

const sessionCount = 3;
const index = fc.nat(sessionCount - 1);
const seq = fc.integer({ min: 1, max: 6 });
const seqs = fc.array(seq, { maxLength: 4 });
const packetIds = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 });
const name = fc.constantFrom("a", "b/+", "c/#");
const messageIndex = fc.nat(5);

/** An op without ids, which are the run's own. */
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("put" as const), index, nodeId: fc.constantFrom("n1", "n2") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), index }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("queue" as const),
      messageIndex,
      targets: fc.array(fc.record({ index, seq, share: fc.constantFrom(undefined, "$share/g/a") }), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("packetIds" as const),
      index,
      items: fc.array(fc.record({ seq, packetId: fc.nat(9) }), { maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("setReleased" as const, "dequeue" as const), index, seqs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("putReceived" as const, "deleteReceived" as const), index, packetIds }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), index, name, qos: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), index, name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retain" as const), name, messageIndex }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unretain" as const), name }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A run is cut into frames; `again` is how far from its end it is sent once more, after each stream but the last. */
const runs = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
  cuts: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 }),
  again: fc.array(fc.nat(5), { maxLength: 2 }),
});

function createIds() {
  const tenantId = asTenantId(randomUUID());
  const tenant = newTenant();
  const sessions = Array.from({ length: sessionCount }, (_, i) => tenant.session({ tenantId, clientId: `c${i}`, owner: "key:1" }));
  const messages = Array.from({ length: 6 }, (_, i) => tenant.message(`m${i}`, { tenantId, topic: `t${i}` }));
  return { tenantId, sessions, messages, deleted: new Set<string>() };
}
type Ids = ReturnType<typeof createIds>;

function at<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found === undefined) throw new Error(`nothing at ${place}`);
  return found;
}

function toOp(ids: Ids, one: Step): SessionOp {
  const { tenantId } = ids;
  const id = (place: number): string => at(ids.sessions, place).sessionId;
  switch (one.kind) {
    case "put":
      // A session id is not used again: the client's next session has another one.
      if (ids.deleted.delete(id(one.index))) ids.sessions[one.index] = { ...at(ids.sessions, one.index), sessionId: randomUUID() };
      return { ...at(ids.sessions, one.index), nodeId: one.nodeId };
    case "delete":
      ids.deleted.add(id(one.index));
      return { op: "deleteSession", sessionId: id(one.index) };
    case "queue": {
      const target = { qos: 2, retain: false, subscriptionIds: [1], packetId: 0 };
      const targets = one.targets.map(({ index: place, seq: number, share }) => ({
        ...{ sessionId: id(place), seq: number, ...target },
        ...(share === undefined ? {} : { share }),
      }));
      return { op: "queue", message: at(ids.messages, one.messageIndex), targets };
    }
    case "packetIds":
      return { op: "setPacketIds", sessionId: id(one.index), items: one.items };
    case "setReleased":
    case "dequeue":
      return { op: one.kind, sessionId: id(one.index), seqs: one.seqs };
    case "putReceived":
    case "deleteReceived":
      return { op: one.kind, sessionId: id(one.index), packetIds: one.packetIds };
    case "subscribe":
      return { op: "putSubscription", sessionId: id(one.index), ...subscription(one.name, { qos: one.qos }) };
    case "unsubscribe":
      return { op: "deleteSubscription", sessionId: id(one.index), filter: one.name };
    case "retain":
      return { op: "putRetained", tenantId, message: { ...at(ids.messages, one.messageIndex), topic: one.name } };
    case "unretain":
      return { op: "deleteRetained", tenantId, topic: one.name };
  }
}

function toFrames(ops: readonly SessionOp[], cuts: readonly number[]): readonly SessionFrame[] {
  const frames: SessionFrame[] = [];
  for (let from = 0, i = 0; from < ops.length; i++) {
    const size = at(cuts, i % cuts.length);
    frames.push({ sequence: frames.length + 1, ops: ops.slice(from, from + size) });
    from += size;
  }
  return frames;
}

test("whatever is written, in whatever pieces, and its end again and again: Postgres holds what the contract says", async () => {
  const property = fc.asyncProperty(runs, async ({ steps, cuts, again }) => {
    const ids = createIds();
    const memory = createMemorySessions();
    const frames = toFrames([...ids.sessions, ...steps.map((one) => toOp(ids, one))], cuts);
    await writeFrames(memory, frames);
    await writeFrames(service, frames);
    for (const back of again) await writeFrames(service, frames.slice(-1 - back));
    const look = async (api: typeof service | typeof memory) => ({
      sessions: await sessionsOf(api, ids.tenantId),
      queues: await Promise.all(ids.sessions.map(({ sessionId }) => queueOf(api, sessionId))),
      retained: await retainedOf(api, ids.tenantId),
    });
    expect(plain(await look(service))).toEqual(plain(await look(memory)));
    const { rows } = await database.pool.query<{ lost: string; missing: string }>(
      `SELECT (SELECT count(*) FROM mqtt_queue AS q WHERE NOT EXISTS (SELECT FROM mqtt_sessions AS s WHERE s.session_id = q.session_id)) AS lost,
        (SELECT count(*) FROM mqtt_queue AS q WHERE NOT EXISTS (SELECT FROM mqtt_messages AS m WHERE m.message_id = q.message_id)) AS missing`,
    );
    expect(rows[0]).toEqual({ lost: "0", missing: "0" });
  });
  await fc.assert(property, { numRuns: 60 });
});
