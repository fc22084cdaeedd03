import { randomUUID } from "node:crypto";
import { systemClock, TimerWheel } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import { createMessage } from "./message.ts";
import { startSeenStream } from "./seen-stream.test-support.ts";
import { Space } from "./space.ts";

const share = "$share/g/a";

test("what goes on to a member whose queue is full leaves the other's in the same frame: a crash in between would lose it", async () => {
  const { store, frames, stop } = startSeenStream();
  const space = new Space({
    ...{ tenantId: randomUUID(), nodeId: "n", store, limits: { ...limits, queuedMessagesMax: 2 } },
    ...{ wheel: new TimerWheel(), clock: systemClock, onWill: () => undefined, onFault: () => undefined },
  });
  const [one, two] = ["one", "two"].map((clientId) => {
    const session = space.create(clientId, "anonymous");
    session.protocolLevel = 5;
    session.setExpiry(60);
    space.keep(session);
    space.subscribe(session, share, { qos: 1, noLocal: false, retainAsPublished: false, ids: null });
    return session;
  });
  for (let count = 0; count < 4; count++) {
    const message = createMessage({ topic: "a", payload: Buffer.from("x"), qos: 1, retain: false, properties: null }, 0);
    space.route(message, "a", 0, null);
  }
  await store.settled();
  if (one === undefined || two === undefined) throw new Error("there are two");
  space.end(one);
  await until("the queue is handed on", () => frames.some(({ ops }) => ops.some(({ op }) => op === "deleteSession")));
  const leaving = frames.filter(({ ops }) => ops.some((op) => op.op === "dequeue" && op.sessionId === one.id));
  expect(leaving.length).toBeGreaterThan(0);
  for (const { ops } of leaving) {
    const taken = ops.reduce((sum, op) => sum + (op.op === "dequeue" && op.sessionId === one.id ? op.seqs.length : 0), 0);
    expect(ops.filter((op) => op.op === "queue" && op.targets.some(({ sessionId }) => sessionId === two.id))).toHaveLength(taken);
  }
  await stop();
});
