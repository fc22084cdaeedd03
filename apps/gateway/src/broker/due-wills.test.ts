// What becomes of a will between the time when it is due and the time when it is out for good.
import { randomUUID } from "node:crypto";
import { type ListedSession, serviceCaller } from "@mooring/contracts";
import { silentLog, TimerWheel } from "@mooring/kit";
import { createMemorySessions, FakeClock, type MemorySessions } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import type { WillOutcome } from "./due-wills.ts";
import { createMessage } from "./message.ts";
import type { SessionChannel } from "./ports.ts";
import { restoreSessions } from "./restore.ts";
import type { Session } from "./session.ts";
import { Spaces } from "./spaces.ts";
import { StoreStream } from "./store-stream.ts";

const tenantId = randomUUID();

interface Asked {
  readonly topic: string;
  tell(outcome: WillOutcome): void;
}

/** A node on what the store has; its wills wait for the test to say what becomes of them. */
async function start(sessions: MemorySessions, clock: FakeClock) {
  const wheel = new TimerWheel();
  const asked: Asked[] = [];
  const store = new StoreStream({ sessions, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  const spaces = new Spaces({
    ...{ nodeId: "node", store, limits, wheel, clock },
    onWill: (_session, { topic }, tell) => void asked.push({ topic, tell }),
    onFault: (error) => {
      throw error;
    },
  });
  await restoreSessions({ sessions, spaces, onStoreLimits: () => undefined, clock, log: silentLog });
  const pass = (ms: number): void => {
    clock.advance(ms);
    for (let ticked = 0; ticked < ms + 2 * wheel.tickMs; ticked += wheel.tickMs) wheel.advance();
  };
  const topics = (): readonly string[] => asked.map(({ topic }) => topic);
  return { space: spaces.of(tenantId), asked, topics, pass, store, running };
}

type Node = Awaited<ReturnType<typeof start>>;

const channel = { isWritable: true, windowMax: 10, address: undefined } as unknown as SessionChannel;

function will(topic: string) {
  const message = createMessage({ topic, payload: Buffer.from("x"), qos: 1, retain: false, properties: null }, 0);
  return { message, delayS: 10, expiryIntervalS: undefined };
}

/** A client that was there with this will, which is due now. */
function leave({ space, pass }: Node): Session {
  const session = space.create("c", "key:k");
  session.protocolLevel = 5;
  session.setExpiry(60);
  session.attach(channel, will("gone"));
  session.detach(false);
  pass(10_000);
  return session;
}

const stored = async (sessions: MemorySessions): Promise<readonly ListedSession[]> =>
  (await sessions.listSessions(serviceCaller("gateway"), {})).sessions;

const meanwhile: readonly [string, (node: Node, session: Session) => void][] = [
  ["its session waits", () => undefined],
  ["its session has ended by a clean start", ({ space }, session) => space.end(session)],
  ["its session has expired", ({ pass }) => pass(60_000)],
  ["its client is back", (_node, session) => session.attach(channel, null)],
  ["its client is back, with another will", (_node, session) => session.attach(channel, will("another"))],
];

test.each(meanwhile)("a will that has not got its answer is published by the next start, while %s", async (_what, act) => {
  const clock = new FakeClock();
  const sessions = createMemorySessions({ clock });
  const first = await start(sessions, clock);
  act(first, leave(first));
  await first.store.settled();
  expect(first.topics()).toEqual(["gone"]);
  const second = await start(sessions, clock);
  second.pass(1_000);
  expect(second.topics()).toEqual(["gone"]);
  await Promise.all([first.running.stop(), second.running.stop()]);
});

test.each(meanwhile)("a will that has got its answer is not published again, while %s", async (_what, act) => {
  const clock = new FakeClock();
  const sessions = createMemorySessions({ clock });
  const node = await start(sessions, clock);
  const session = leave(node);
  act(node, session);
  for (const { tell } of node.asked) tell("published");
  expect(node.space.counters.willsPublished).toBe(1);
  node.pass(1_000);
  expect(node.topics()).toEqual(["gone"]);
  const left = node.space.find(session.key) === undefined ? 0 : 1;
  await node.store.settled();
  expect((await stored(sessions)).map((one) => one.will?.topic).filter((topic) => topic === "gone")).toEqual([]);
  expect(sessions.figures.sessions).toBe(left);
  await node.running.stop();
});

test("a will that could not leave is tried again", async () => {
  const clock = new FakeClock();
  const node = await start(createMemorySessions({ clock }), clock);
  leave(node);
  node.asked[0]?.tell("later");
  node.pass(5_000);
  expect(node.topics()).toEqual(["gone", "gone"]);
  node.asked[1]?.tell("refused");
  node.pass(5_000);
  expect(node.topics()).toEqual(["gone", "gone"]);
  expect(node.space.counters.willsPublished).toBe(0);
  await node.running.stop();
});
