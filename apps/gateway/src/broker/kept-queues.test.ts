import { randomUUID } from "node:crypto";
import { type SessionOp, sessionLimitsDefault } from "@mooring/contracts";
import { silentLog, systemClock, TimerWheel } from "@mooring/kit";
import { createMemorySessions, until } from "@mooring/testkit";
import { afterEach, expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import type { Flight } from "./flight.ts";
import { createMessage } from "./message.ts";
import type { Session } from "./session.ts";
import { Space } from "./space.ts";
import { StoreStream } from "./store-stream.ts";
import { direct } from "./subscription.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const many = sessionLimitsDefault.frameOpsMax * 2 + 500;
const message = createMessage({ topic: "a", payload: Buffer.from("x"), qos: 1, retain: false, properties: null }, 0);

/** A session that is away, with more in its queue than one frame may name. */
async function openQueue(): Promise<{ readonly space: Space; readonly session: Session }> {
  const sessions = createMemorySessions();
  const store = new StoreStream({ sessions, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  stops.push(() => running.stop());
  const tenantId = randomUUID();
  const space = new Space({
    ...{ tenantId, nodeId: "n", store, limits: { ...limits, queuedMessagesMax: many } },
    ...{ wheel: new TimerWheel(), clock: systemClock, onWill: () => undefined, onFault: () => undefined },
  });
  const session = space.create("c", "anonymous");
  session.protocolLevel = 5;
  session.setExpiry(60);
  space.keep(session);
  for (let count = 0; count < many; count++) space.send(session, message, 1, false, direct);
  await store.settled();
  return { space, session };
}

function load({ space, session }: { readonly space: Space; readonly session: Session }): Promise<readonly Flight[]> {
  return new Promise((resolve, reject) => {
    space.queues.load(session, (flights) => (flights === undefined ? reject(new Error("not read")) : resolve(flights)));
  });
}

test("a window of any size gets its packet ids", async () => {
  const queue = await openQueue();
  const flights = await load(queue);
  expect(flights).toHaveLength(many);
  flights.forEach((flight, at) => {
    flight.packetId = at + 1;
    flight.isCommitted = false;
  });
  queue.space.queues.assignPacketIds(queue.session, flights);
  await until("all are committed", () => flights.every(({ isCommitted }) => isCommitted));
  expect((await load(queue)).map(({ packetId }) => packetId)).toEqual(flights.map(({ packetId }) => packetId));
});

test("as many of the oldest are dropped as are to make room", async () => {
  const queue = await openQueue();
  const dropped = await new Promise<number>((resolve) => queue.space.queues.dropOldest(queue.session, many - 1, resolve));
  expect(dropped).toBe(many - 1);
  expect(await load(queue)).toHaveLength(1);
});

test("dropping many of one session's refuses nothing of another's", async () => {
  const { space, session } = await openQueue();
  const outcomes: boolean[] = [];
  const other: SessionOp = { op: "deleteRetained", tenantId: space.tenantId, topic: "a" };
  await new Promise<void>((resolve) => {
    space.queues.dropOldest(session, many - 1, () => {
      space.store.write(other, { onCommitted: (isCommitted) => void outcomes.push(isCommitted) });
      resolve();
    });
  });
  await space.store.settled();
  expect(outcomes).toEqual([true]);
});
