import { randomUUID } from "node:crypto";
import { silentLog } from "@mooring/kit";
import { createMemorySessions } from "@mooring/testkit";
import { expect, test } from "vitest";
import { Endings } from "./endings.ts";
import { StoreStream } from "./store-stream.ts";

test("a session's end that is refused for what else is in its frame is written again, and waited for until it is on disk", async () => {
  const sessions = createMemorySessions();
  const store = new StoreStream({ sessions, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  const endings = new Endings(store);
  const [sessionId, tenantId] = [randomUUID(), randomUUID()];
  const facts = { tenantId, owner: "anonymous", clientId: "c", protocolLevel: 5, nodeId: "node", expiryIntervalS: 60 };
  store.write({ op: "putSession", sessionId, ...facts }, null);
  await store.settled();
  store.write({ op: "deleteRetained", tenantId, topic: "t".repeat(70_000) }, null);
  endings.write("key", { op: "deleteSession", sessionId });
  await endings.of("key");
  expect(sessions.figures.sessions).toBe(0);
  expect(endings.of("key")).toBeUndefined();
  await running.stop();
});
