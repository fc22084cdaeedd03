import { randomUUID } from "node:crypto";
import type { QueueMessage, SessionFrame, SessionOp, StoredMessage } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { createMemorySessions, until } from "@mooring/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { type SeenStream, startSeenStream } from "./seen-stream.test-support.ts";
import { StoreStream } from "./store-stream.ts";

const tenantId = "00000000-0000-4000-8000-000000000001";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function openStream() {
  const store = new StoreStream({ sessions: createMemorySessions(), log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  stops.push(() => running.stop());
  return store;
}

function sessionOp(sessionId: string): SessionOp {
  return {
    op: "putSession",
    ...{
      sessionId,
      tenantId,
      owner: "anonymous",
      clientId: sessionId,
      protocolLevel: 4,
      expiryIntervalS: 60,
      nodeId: "n",
      connectedAtMs: 1,
    },
  };
}

function queueOp(sessionIds: readonly string[], seq: number, payload = Buffer.from(String(seq))): SessionOp {
  const message: StoredMessage = {
    ...{ messageId: randomUUID(), tenantId, topic: "a", payload, qos: 1, receivedAtMs: 1, properties: {} },
    publisher: "",
  };
  const target = { seq, qos: 1, retain: false, packetId: 0, subscriptionIds: [] };
  return { op: "queue", message, targets: sessionIds.map((sessionId) => ({ sessionId, ...target })) };
}

function seen(): SeenStream {
  const stream = startSeenStream();
  stops.push(stream.stop);
  return stream;
}

/** What a frame has on the wire at least. */
function wireBytes({ ops }: SessionFrame): number {
  const idBytes = 4;
  return ops.reduce((sum, op) => {
    if (op.op !== "queue") return sum;
    const targets = op.targets.reduce(
      (bytes, { sessionId, subscriptionIds }) => bytes + sessionId.length + subscriptionIds.length * idBytes,
      0,
    );
    return sum + op.message.payload.length + targets;
  }, 0);
}

describe("changes of one turn", () => {
  test("are committed whatever their properties weigh: no frame has more than the service takes", async () => {
    const store = openStream();
    const sessionId = randomUUID();
    const outcomes: boolean[] = [];
    store.write(sessionOp(sessionId), null);
    for (let seq = 1; seq <= 20; seq++) {
      const op = queueOp([sessionId], seq) as QueueMessage;
      const properties = { userProperties: [{ name: "n", value: "x".repeat(300_000) }] };
      store.write({ ...op, message: { ...op.message, properties } }, { onCommitted: (isCommitted) => void outcomes.push(isCommitted) });
    }
    await until("every change is answered", () => outcomes.length === 20);
    expect(outcomes.every((isCommitted) => isCommitted)).toBe(true);
  });

  test("that belong together are in one frame, whatever the message weighs", async () => {
    const { store, frames } = seen();
    const sessionId = randomUUID();
    store.write(sessionOp(sessionId), null);
    for (let seq = 1; seq <= 4; seq++) {
      store.write(queueOp([sessionId], seq * 10, Buffer.alloc(400_000)), null);
      store.together();
      store.write(queueOp([sessionId], seq, Buffer.alloc(700_000)), null);
      store.write({ op: "putReceived", sessionId, packetIds: [seq] }, null);
    }
    await store.settled();
    const kinds = frames.map(({ ops }) => ops.map(({ op }) => op).join());
    expect(kinds.join()).toBe(`putSession${",queue,queue,putReceived".repeat(4)}`);
    expect(kinds.filter((kind) => kind.startsWith("putReceived"))).toEqual([]);
  });

  test("fit into a message of gRPC, however many subscriptions matched", async () => {
    const { store, frames } = seen();
    const sessionIds = Array.from({ length: 400 }, () => randomUUID());
    const subscriptionIds = Array.from({ length: 1_000 }, (_, at) => 268_000_000 + at);
    const outcomes: boolean[] = [];
    const listener = { onCommitted: (isCommitted: boolean) => void outcomes.push(isCommitted) };
    store.together();
    for (let seq = 1; seq <= 4; seq++) {
      const op = queueOp(seq < 4 ? sessionIds.slice(0, 10) : sessionIds, seq, Buffer.alloc(seq < 4 ? 600_000 : 1_000_000)) as QueueMessage;
      store.write({ ...op, targets: op.targets.map((target) => ({ ...target, subscriptionIds })) }, listener);
    }
    await until("every change is answered", () => outcomes.length === 4);
    expect(outcomes.filter((isCommitted) => !isCommitted)).toHaveLength(0);
    const messageBytesMax = 4 * 1024 * 1024;
    for (const frame of frames) expect(wireBytes(frame)).toBeLessThan(messageBytesMax);
  });

  test("are committed however many rows they name: no frame has more than the service takes", async () => {
    const store = openStream();
    const sessionIds = Array.from({ length: 7 }, () => randomUUID());
    const outcomes: boolean[] = [];
    const listener = { onCommitted: (isCommitted: boolean) => void outcomes.push(isCommitted) };
    for (const sessionId of sessionIds) store.write(sessionOp(sessionId), listener);
    for (let seq = 1; seq <= 600; seq++) store.write(queueOp(sessionIds, seq), listener);
    for (const sessionId of sessionIds) {
      for (let seq = 1; seq <= 300; seq++) store.write({ op: "dequeue", sessionId, seqs: [seq] }, null);
      store.write({ op: "dequeue", sessionId, seqs: [301] }, listener);
    }
    await until("every change is answered", () => outcomes.length === 614);
    expect(outcomes.filter((isCommitted) => !isCommitted)).toHaveLength(0);
    const items = await store.loadQueue(sessionIds[3] ?? "");
    expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: 299 }, (_, at) => at + 302));
  });

  test("are committed however many messages their lists name", async () => {
    const store = openStream();
    const sessionId = randomUUID();
    const outcomes: boolean[] = [];
    const listener = { onCommitted: (isCommitted: boolean) => void outcomes.push(isCommitted) };
    store.write(sessionOp(sessionId), listener);
    for (let from = 1; from <= 2_000; from += 400) {
      const seqs = Array.from({ length: 400 }, (_, at) => from + at);
      store.write({ op: "setPacketIds", sessionId, items: seqs.map((seq) => ({ seq, packetId: seq })) }, listener);
      store.write({ op: "setReleased", sessionId, seqs }, listener);
      store.write({ op: "dequeue", sessionId, seqs }, listener);
    }
    await until("every change is answered", () => outcomes.length === 16);
    expect(outcomes.filter((isCommitted) => !isCommitted)).toHaveLength(0);
  });

  test("are committed whatever the wills of sessions weigh", async () => {
    const store = openStream();
    const outcomes: boolean[] = [];
    for (let count = 0; count < 300; count++) {
      const will = { topic: "a", payload: Buffer.alloc(15_000), qos: 0, retain: false, delayS: 60, properties: {} };
      store.write({ ...sessionOp(randomUUID()), will } as SessionOp, { onCommitted: (isCommitted) => void outcomes.push(isCommitted) });
    }
    await until("every change is answered", () => outcomes.length === 300);
    expect(outcomes.filter((isCommitted) => !isCommitted)).toHaveLength(0);
  });
});
