import { invalidField, PlatformError, type StartPosition, type SubscriptionFilter } from "@mooring/contracts";
import { z } from "zod";
import { findUnportable } from "../json-body.ts";
import type { RouteDeps, Routes } from "../route.ts";
import { createEventStreams } from "../sse/event-streams.ts";
import { affordanceName, deviceName, listText, productKey, recordKind, tagsOf, timeText } from "./schemas.ts";

const offsetPattern = /^\d{1,15}$/;
const start = z
  .union(
    [
      z.enum(["earliest", "now"]).transform((from): StartPosition => ({ from })),
      z
        .string()
        .regex(offsetPattern)
        .transform((text): StartPosition => ({ offset: Number(text) })),
      timeText.transform((timeMs): StartPosition => ({ timeMs })),
    ],
    "must be earliest, now, an offset or a time such as 2026-01-31T12:00:00Z (RFC 3339)",
  )
  .meta({ type: "string", description: "Where the stream begins: earliest, now (the default), after an offset, or at a time." });
const tagsText = z
  .string()
  .transform((text, context) => {
    const value = parseJson(text);
    if (value !== undefined && findUnportable(value) === undefined) return value;
    context.addIssue({ code: "custom", message: "must be a JSON object" });
    return z.NEVER;
  })
  .pipe(tagsOf(8))
  .meta({ type: "string", description: 'Tags that the device has now, as a JSON object such as {"site":"north"}. At most 8.' });
const query = z.strictObject({
  productKey: productKey.exactOptional(),
  deviceName: deviceName.exactOptional(),
  kinds: listText(recordKind, 20, "Kinds of records separated by commas; all when absent.").exactOptional(),
  property: affordanceName.exactOptional().describe("Only property reports that say this property."),
  tags: tagsText.exactOptional(),
  from: start.exactOptional(),
});
const lastEventId = z.looseObject({
  "last-event-id": z
    .string()
    .regex(offsetPattern, "must be the id of an event of this stream")
    .exactOptional()
    .describe("Goes on after this event; sent by clients of server-sent events when they come again. Goes before `from`."),
});
const pointers = { "/start/timeMs": "/from", "/start/from": "/from" };

export function eventRoutes(app: Routes, deps: RouteDeps): void {
  const streams = createEventStreams(deps);
  app.addHook("onReady", async () => streams.start());
  // Before the server waits for its connections to end: a stream never would.
  app.addHook("preClose", () => streams.stop());
  app.get(
    "/v1/events",
    {
      // A HEAD has nothing to stream.
      exposeHeadRoute: false,
      config: { operation: "events.subscribe", problems: ["quotaExceeded"], pointers },
      schema: {
        tags: ["events"],
        summary: "Records as they come, as server-sent events: for web pages, which keep their place themselves",
        description: [
          "Each event has the record's offset as `id`, its kind as `event`, and the record as JSON as `data`. Records of a device come in order.",
          "Nothing is acknowledged: the place is the Last-Event-ID with which the client comes again, and every record after it is sent again,",
          "so each comes at least once, for as long as the log keeps it. A comment and the current `id` come every 15 s.",
          "The server ends each stream within an hour; a client that reads nothing for 10 s, whose key holds no more, or whose stream cannot go on,",
          "gets an event `error` with a problem document. A key may have 16 streams. Back ends should make a subscription instead, whose cursor",
          "the platform keeps. EventSource of browsers cannot send Authorization: use fetch.",
        ].join(" "),
        querystring: query,
        headers: lastEventId,
        response: { 200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } } },
      },
    },
    async (request, reply) => {
      const { from, ...filter } = request.query;
      const lastId = request.headers["last-event-id"];
      const wanted = {
        filter: filter as SubscriptionFilter,
        start: lastId === undefined ? (from ?? { from: "now" }) : { offset: Number(lastId) },
        check: () => deps.recheck(request.headers.authorization),
      };
      if (filter.deviceName !== undefined && filter.productKey === undefined) {
        throw invalidField("/productKey", "must be given with deviceName");
      }
      const run = await naming(lastId === undefined ? "/from" : "/last-event-id", () => streams.open(request.caller, wanted));
      reply.hijack();
      await run(reply.raw);
    },
  );
}

/** An offset beyond the end of the log is told of the place where it was given. */
async function naming<T>(pointer: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const issue = error instanceof PlatformError ? error.details.issues?.[0] : undefined;
    throw issue?.pointer === "/start/offset" ? invalidField(pointer, issue.message) : error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
