// The sessions in memory that the broker is tested with keep the same promises, over the wire as well; and their switches do what they say.
import type { SessionFrame } from "@mooring/contracts";
import { createMemorySessions, errorOf, overWire } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { gateway, newTenant, queueOp, sessionsOf, write } from "./conformance/support.ts";
import { describeSessionApi } from "./conformance.ts";

const memory = createMemorySessions();
const wire = await overWire("sessions", createMemorySessions());
afterAll(() => wire.stop());

describeSessionApi("in memory", async () => ({ api: memory }));
describeSessionApi("in memory, over gRPC", async () => ({ api: wire.api }));

const settled = (promise: Promise<unknown>): Promise<string> =>
  Promise.race([promise.then(() => "settled"), new Promise<string>((resolve) => setTimeout(() => resolve("waiting"), 20))]);

/** A stream that stays open after its frames. */
async function* open(...frames: readonly SessionFrame[]): AsyncGenerator<SessionFrame> {
  yield* frames;
  await new Promise(() => undefined);
}

test("in memory: while held nothing is acknowledged nor stored; released, it is both", async () => {
  const sessions = createMemorySessions();
  const { tenantId, session } = newTenant();
  sessions.hold();
  const acks = sessions.write(gateway, open({ sequence: 1, ops: [session()] }))[Symbol.asyncIterator]();
  const first = acks.next();
  expect([await settled(first), await sessionsOf(sessions, tenantId)]).toEqual(["waiting", []]);
  sessions.release();
  expect((await first).value).toEqual({ sequence: 1 });
  expect(await sessionsOf(sessions, tenantId)).toHaveLength(1);
});

test("in memory: what was not committed when the streams broke never is, whether they are broken or left", async () => {
  const sessions = createMemorySessions();
  const { tenantId, session } = newTenant();
  sessions.hold();
  const streams = [1, 2].map(() => sessions.write(gateway, open({ sequence: 1, ops: [session()] }))[Symbol.asyncIterator]());
  const [left, broken] = streams.map((stream) => errorOf(stream.next()));
  await streams[0]?.return?.();
  sessions.breakStreams();
  expect([(await left)?.code, (await broken)?.code]).toEqual(["unavailable", "unavailable"]);
  sessions.release();
  await write(sessions, session({ clientId: "later" }));
  expect((await sessionsOf(sessions, tenantId)).map(({ clientId }) => clientId)).toEqual(["later"]);
});

test("in memory: a frame whose acknowledgement is lost is stored, and may be sent again", async () => {
  const sessions = createMemorySessions();
  const { tenantId, session } = newTenant();
  const own = session();
  sessions.loseNextAck();
  expect((await errorOf(write(sessions, own))).code).toBe("unavailable");
  expect(await sessionsOf(sessions, tenantId)).toHaveLength(1);
  await write(sessions, own);
  expect(await sessionsOf(sessions, tenantId)).toHaveLength(1);
});

test("in memory: a payload goes with the last row that names it", async () => {
  const sessions = createMemorySessions();
  const { session, message } = newTenant();
  const [one, two] = [session(), session()];
  await write(sessions, one, two, queueOp(message("m"), [one.sessionId, 1], [two.sessionId, 1]));
  await write(sessions, { op: "dequeue", sessionId: one.sessionId, seqs: [1] });
  expect(sessions.figures.messages).toBe(1);
  await write(sessions, { op: "deleteSession", sessionId: two.sessionId });
  expect(sessions.figures).toEqual({ sessions: 1, messages: 0, retained: 0 });
});
