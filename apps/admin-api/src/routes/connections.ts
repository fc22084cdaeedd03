import type { ConnectionStatus, TraceEntry } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { devicePath, integerText, noQuery, time, toTime } from "./schemas.ts";

const device = "/v1/products/:productKey/devices/:deviceName";
const connectionAnswer = z.object({
  online: z.boolean(),
  since: time.optional().describe("Since when it is connected, or not; absent when it never was."),
  clientId: z.string().optional(),
  protocol: z.string().optional(),
  nodeId: z.string().optional().describe("The gateway node that has, or had, the connection."),
  address: z.string().optional().describe("Where the device connected from."),
  reason: z.string().optional().describe("Why the connection ended."),
});
const traceEntry = z.object({
  at: time,
  outcome: z.string().describe("accepted or refused."),
  offset: z.int().optional().describe("Of an accepted message: its place in the log."),
  messageId: z.string().optional(),
  kind: z.string().optional(),
  consumers: z
    .array(
      z.object({
        consumer: z.string().describe("history, shadow, or subscription:{name}."),
        state: z
          .string()
          .describe(
            "applied; notForIt: what was said of the past changes no shadow; refused; acknowledged; filtered: its filter does not want it; inFlight: sent and not acknowledged; waiting: not reached yet; deadLetter; discarded: a dead letter that somebody deleted; lost: removed by retention before it was delivered.",
          ),
        attempt: z.int().optional().describe("How often it was sent so far, while in flight or dead."),
        reason: z.string().optional().describe("Of a dead letter, or while the webhook's endpoint is out: why."),
      }),
    )
    .optional()
    .describe("Of an accepted message: how far each of those who get it has come."),
  topic: z.string().optional().describe("Of a refused message."),
  protocol: z.string().optional(),
  code: z.string().optional().describe("The kind of problem, as in problem documents."),
  reason: z.string().optional().describe("Why it was refused; names the fields that were wrong."),
});
const deviceId = z
  .uuid()
  .exactOptional()
  .describe("Which device of this name; when absent, the one there is, or else the one that was deleted last.");
const limit = integerText(1, 100, "How many messages at most; 20 when absent.");
const tags = ["devices"];

export function connectionRoutes(app: Routes, { events }: Services): void {
  app.get(
    `${device}/connection`,
    {
      config: { operation: "events.getConnection", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Whether a device is connected, since when, and over what",
        params: devicePath,
        querystring: noQuery,
        response: { 200: connectionAnswer },
      },
    },
    async (request) => toConnection(await events.getConnection(request.caller, request.params)),
  );
  app.get(
    `${device}/trace`,
    {
      config: { operation: "events.trace", problems: ["notFound"] },
      schema: {
        tags,
        summary:
          "A device's last messages, newest first: what was accepted and where it has got to, and what was refused and why; also of one that was deleted",
        params: devicePath,
        querystring: z.strictObject({ limit: limit.exactOptional(), deviceId }),
        response: {
          200: z.object({
            deviceId: z.string(),
            deletedAt: time.optional().describe("Of a device that is gone: its trace is told as long as the log has anything of it."),
            entries: z.array(traceEntry),
          }),
        },
      },
    },
    async (request) => {
      const { deviceId, deletedAtMs, entries } = await events.trace(request.caller, { ...request.params, ...request.query });
      return { deviceId, ...(deletedAtMs === undefined ? {} : { deletedAt: toTime(deletedAtMs) }), entries: entries.map(toEntry) };
    },
  );
}

function toConnection({ online, sinceMs, ...rest }: ConnectionStatus): z.output<typeof connectionAnswer> {
  return { online, ...(sinceMs === 0 ? {} : { since: toTime(sinceMs) }), ...rest };
}

function toEntry({ atMs, consumers, ...rest }: TraceEntry): z.output<typeof traceEntry> {
  const accepted = rest.outcome === "accepted" && consumers !== undefined;
  return { at: toTime(atMs), ...rest, ...(accepted ? { consumers: consumers.map((consumer) => ({ ...consumer })) } : {}) };
}
