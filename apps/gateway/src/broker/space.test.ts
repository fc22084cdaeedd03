import { silentLog, systemClock, TimerWheel } from "@mooring/kit";
import { createMemorySessions, until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import { createMessage } from "./message.ts";
import { Spaces } from "./spaces.ts";
import { StoreStream } from "./store-stream.ts";

test("a message for more kept sessions than fit into one frame is committed for all of them, and then acknowledged once", async () => {
  const sessions = createMemorySessions();
  const store = new StoreStream({ sessions, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  const wheel = new TimerWheel();
  const onFault = (error: unknown): void => {
    throw error;
  };
  const spaces = new Spaces({ nodeId: "node", store, limits, wheel, clock: systemClock, onWill: () => undefined, onFault });
  const space = spaces.of("00000000-0000-4000-8000-000000000001");
  const options = { qos: 1, noLocal: false, retainAsPublished: false, ids: null } as const;
  const all = Array.from({ length: 1_700 }, (_, number) => {
    const session = space.create(`c${number}`, "anonymous");
    session.protocolLevel = 5;
    session.setExpiry(60);
    space.keep(session);
    space.subscribe(session, "a", options);
    return session;
  });
  const outcomes: { readonly isCommitted: boolean; readonly matched: number }[] = [];
  const message = createMessage({ topic: "a", payload: Buffer.from("x"), qos: 1, retain: false, properties: null }, 0);
  const commit = space.route(message, "a", 0, null);
  commit?.tell({ onPublished: (_token, isCommitted, matched) => void outcomes.push({ isCommitted, matched }) }, 1);
  await until("the message is answered", () => outcomes.length > 0);
  expect(outcomes).toEqual([{ isCommitted: true, matched: 1_700 }]);
  for (const session of [all[0], all[499], all[500], all[1_699]]) expect(await store.loadQueue(session?.id ?? "")).toHaveLength(1);
  await running.stop();
});
