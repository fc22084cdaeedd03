import { randomUUID } from "node:crypto";
import type { SessionOp, StoredMessage } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { createMemorySessions, until } from "@mooring/testkit";
import { afterEach, describe, expect, test } from "vitest";
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

function queueOp(sessionIds: readonly string[], seq: number): SessionOp {
  const message: StoredMessage = {
    ...{ messageId: randomUUID(), tenantId, topic: "a", payload: Buffer.from(String(seq)), qos: 1, receivedAtMs: 1, properties: {} },
    publisher: "",
  };
  const target = { seq, qos: 1, retain: false, packetId: 0, subscriptionIds: [] };
  return { op: "queue", message, targets: sessionIds.map((sessionId) => ({ sessionId, ...target })) };
}

describe("changes of one turn", () => {
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
});
