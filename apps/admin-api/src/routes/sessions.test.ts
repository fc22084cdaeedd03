import { PlatformError, type SessionSummary, sessionNeverExpires } from "@mooring/contracts";
import { beforeEach, expect, test } from "vitest";
import { createSend, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps, t0 } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const away: SessionSummary = {
  sessionId: "00000000-0000-4000-8000-000000000001",
  owner: "device:d1",
  clientId: "meter",
  protocolLevel: 5,
  expiryIntervalS: 60,
  nodeId: "gateway-1",
  connectedAtMs: t0,
  disconnectedAtMs: t0 + 1_000,
  expiresAtMs: t0 + 61_000,
  subscriptions: 1,
  queuedMessages: 3,
  queuedBytes: 120,
};
const { disconnectedAtMs: _, expiresAtMs: __, ...rest } = away;
const here: SessionSummary = { ...rest, sessionId: "00000000-0000-4000-8000-000000000002", expiryIntervalS: sessionNeverExpires };
const filter = { filter: "a/+", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };
const asked: unknown[] = [];
let send: Send;

beforeEach(() => {
  asked.length = 0;
  const { services } = createMemoryServices();
  const sessions = {
    ...services.sessions,
    async listTenantSessions(_caller: unknown, request: object) {
      asked.push(request);
      return { sessions: [away, here], nextPageToken: here.sessionId };
    },
    async getSession(_caller: unknown, { sessionId }: { readonly sessionId: string }) {
      if (sessionId !== away.sessionId) throw new PlatformError("notFound", "there is no such session");
      return {
        session: away,
        subscriptions: [
          { ...filter, subscriptionId: 0 },
          { ...filter, filter: "b", subscriptionId: 7 },
        ],
      };
    },
  };
  send = createSend(createAdminServer(createTestDeps({ ...services, sessions })));
});

const shown = {
  sessionId: away.sessionId,
  owner: "device:d1",
  clientId: "meter",
  protocolLevel: 5,
  expiryIntervalS: 60,
  connected: false,
  nodeId: "gateway-1",
  connectedAt: "2026-01-31T12:00:00.000Z",
  disconnectedAt: "2026-01-31T12:00:01.000Z",
  expiresAt: "2026-01-31T12:01:01.000Z",
  subscriptions: 1,
  queuedMessages: 3,
  queuedBytes: 120,
};

test("200: sessions say what waits for them and since when they are away; one that is connected, or kept for ever, says no times", async () => {
  const answer = await send("GET", "/v1/sessions?clientId=meter&owner=device:d1&pageSize=2");
  const { disconnectedAt: _, expiresAt: __, expiryIntervalS: ___, ...connected } = shown;
  expect(answer.json()).toEqual({
    sessions: [shown, { ...connected, sessionId: here.sessionId, connected: true }],
    nextPageToken: here.sessionId,
  });
  expect(asked).toEqual([{ clientId: "meter", owner: "device:d1", pageSize: 2 }]);
});

test("200: one session comes with its subscriptions", async () => {
  const answer = await send("GET", `/v1/sessions/${away.sessionId}`);
  expect(answer.json()).toEqual({ ...shown, filters: [filter, { ...filter, filter: "b", subscriptionId: 7 }] });
});

test("404: a session that the tenant does not have", async () => {
  expect((await send("GET", `/v1/sessions/${here.sessionId}`)).statusCode).toBe(404);
});

test.each([
  ["/v1/sessions?clientId=", "/clientId"],
  ["/v1/sessions?pageSize=0", "/pageSize"],
  ["/v1/sessions?nothing=1", "/nothing"],
  ["/v1/sessions/meter", "/sessionId"],
])("400: %s, and the field is named", async (url, pointer) => {
  expect((await send("GET", url)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
});
