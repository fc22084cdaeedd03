import { randomUUID } from "node:crypto";
import { type SessionOp, type StoredMessage, serviceCaller } from "@mooring/contracts";
import { silentLog, TimerWheel } from "@mooring/kit";
import { createMemorySessions, FakeClock, until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import { createMessage } from "./message.ts";
import { restoreSessions } from "./restore.ts";
import { Spaces } from "./spaces.ts";
import { StoreStream } from "./store-stream.ts";

const tenantId = randomUUID();
const gateway = serviceCaller("gateway");

/** A node that starts on what the store has. */
async function start(ops: readonly SessionOp[], more: Partial<typeof limits> = {}) {
  const clock = new FakeClock();
  const sessions = createMemorySessions({ clock });
  async function* frames() {
    yield { sequence: 1, ops };
  }
  for await (const ack of sessions.write(gateway, frames())) expect(ack).toEqual({ sequence: 1 });
  const wheel = new TimerWheel();
  const wills: string[] = [];
  const store = new StoreStream({ sessions, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  const spaces = new Spaces({
    ...{ nodeId: "node", store, limits: { ...limits, ...more }, wheel, clock },
    onWill: (_session, { topic }, tell) => {
      wills.push(topic);
      tell("published");
    },
    onFault: (error) => {
      throw error;
    },
  });
  await restoreSessions({ sessions, spaces, onStoreLimits: () => undefined, clock, log: silentLog });
  return { clock, sessions, wheel, wills, space: spaces.of(tenantId), running };
}

function session(clock: FakeClock, more: object): SessionOp {
  const facts = { tenantId, owner: "anonymous", clientId: "c", protocolLevel: 5, nodeId: "node" };
  return { op: "putSession", sessionId: randomUUID(), ...facts, expiryIntervalS: 60, disconnectedAtMs: clock.now(), ...more };
}

const will = { topic: "gone", payload: Buffer.from("x"), qos: 1, retain: false, delayS: 600, properties: {} };

test("a session that expired while no node ran has its will published once, and is no more [MQTT-3.1.3-9]", async () => {
  const { wheel, wills, space, sessions, running } = await start([session(new FakeClock(), { disconnectedAtMs: 1_000, will })]);
  for (let tick = 0; tick < 3; tick++) wheel.advance();
  expect(wills).toEqual(["gone"]);
  expect(space.sessions).toBe(0);
  await until("the session to be gone from the store", () => sessions.figures.sessions === 0);
  await running.stop();
});

test("what expired in a queue that is away takes no room in it: what is new is kept", async () => {
  const clock = new FakeClock();
  const put = session(clock, {});
  const { sessionId } = put as { sessionId: string };
  const old = (seq: number): SessionOp => {
    const message: StoredMessage = {
      ...{ messageId: randomUUID(), tenantId, topic: "a", payload: Buffer.from("old"), qos: 1, publisher: "", properties: {} },
      receivedAtMs: clock.now(),
      expiresAtMs: clock.now() + 1_000,
    };
    return { op: "queue", message, targets: [{ sessionId, seq, qos: 1, retain: false, subscriptionIds: [], packetId: 0 }] };
  };
  const subscription = { filter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, subscriptionId: 0 };
  const queued = Array.from({ length: 10 }, (_, i) => old(i + 1));
  const node = await start([put, { op: "putSubscription", sessionId, ...subscription }, ...queued], { queuedMessagesMax: 10 });
  node.clock.advance(5_000);
  for (let i = 0; i < 8; i++) {
    const message = createMessage({ topic: "a", payload: Buffer.from(`new ${i}`), qos: 1, retain: false, properties: null }, 0);
    node.space.route(message, "a", 0, null);
  }
  await node.space.store.settled();
  const loaded = await node.space.store.loadQueue(sessionId);
  expect(loaded.map((item) => Buffer.from(item.message.payload).toString())).toEqual(Array.from({ length: 8 }, (_, i) => `new ${i}`));
  expect(node.space.find("|c")?.away?.messages).toBe(8);
  await node.running.stop();
});
