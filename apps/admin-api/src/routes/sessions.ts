import type { SessionSummary } from "@mooring/contracts";
import { sessionNeverExpires } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { nextPageToken, noQuery, pageEnd, pageQuery, time, toTime, uuid } from "./schemas.ts";

const sessionAnswer = z.object({
  sessionId: z.string(),
  owner: z.string().describe("device:{deviceId}, key:{id} or anonymous."),
  clientId: z.string().describe("Unique per owner."),
  protocolLevel: z.int().describe("4: MQTT 3.1.1, 5: MQTT 5."),
  expiryIntervalS: z.int().optional().describe("How long it is kept after the connection ended, in seconds; absent: for ever."),
  connected: z.boolean(),
  nodeId: z.string().describe("The gateway node that has, or had, the connection."),
  connectedAt: time.optional(),
  disconnectedAt: time.optional().describe("Since when it is away; absent while it is connected."),
  expiresAt: time.optional().describe("Absent while it is connected, and when it is kept for ever."),
  subscriptions: z.int(),
  queuedMessages: z.int().describe("Messages that wait for it, or whose delivery is not acknowledged."),
  queuedBytes: z.int(),
});
const subscriptionAnswer = z.object({
  filter: z.string(),
  qos: z.int(),
  noLocal: z.boolean(),
  retainAsPublished: z.boolean(),
  retainHandling: z.int(),
  subscriptionId: z.int().optional(),
});
const name = z.string().min(1, "must not be empty").max(1_024, "must have at most 1,024 characters");
const query = z.strictObject({
  ...pageQuery.shape,
  clientId: name.exactOptional().describe("Only sessions of this client id."),
  owner: name.exactOptional().describe("Only sessions of this owner, such as device:{deviceId}."),
});
const tags = ["sessions"];

export function sessionRoutes(app: Routes, { sessions }: Services): void {
  app.get(
    "/v1/sessions",
    {
      config: { operation: "sessions.listTenantSessions" },
      schema: {
        tags,
        summary: "MQTT sessions that outlive their connection, page by page: what waits for each, and since when it is away",
        querystring: query,
        response: { 200: z.object({ sessions: z.array(sessionAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await sessions.listTenantSessions(request.caller, request.query);
      return { sessions: page.sessions.map(toAnswer), ...pageEnd(page) };
    },
  );
  app.get(
    "/v1/sessions/:sessionId",
    {
      config: { operation: "sessions.getSession", problems: ["notFound"] },
      schema: {
        tags,
        summary: "One session and its subscriptions",
        params: z.strictObject({ sessionId: uuid }),
        querystring: noQuery,
        response: { 200: sessionAnswer.extend({ filters: z.array(subscriptionAnswer) }) },
      },
    },
    async (request) => {
      const { session, subscriptions } = await sessions.getSession(request.caller, request.params);
      const filters = subscriptions.map(({ subscriptionId, ...rest }) => ({
        ...rest,
        ...(subscriptionId === 0 ? {} : { subscriptionId }),
      }));
      return { ...toAnswer(session), filters };
    },
  );
}

function toAnswer(session: SessionSummary): z.output<typeof sessionAnswer> {
  const { connectedAtMs, disconnectedAtMs, expiresAtMs, expiryIntervalS, ...rest } = session;
  return {
    ...rest,
    connected: disconnectedAtMs === undefined,
    ...(expiryIntervalS === sessionNeverExpires ? {} : { expiryIntervalS }),
    ...(connectedAtMs === undefined ? {} : { connectedAt: toTime(connectedAtMs) }),
    ...(disconnectedAtMs === undefined ? {} : { disconnectedAt: toTime(disconnectedAtMs) }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: toTime(expiresAtMs) }),
  };
}
