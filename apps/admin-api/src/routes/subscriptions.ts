import type { EndpointStatus, EventApi, StartPosition, Subscription, SubscriptionFilter, SubscriptionSettings } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import {
  affordanceName,
  deviceName,
  nextPageToken,
  noQuery,
  pageEnd,
  pageQuery,
  productKey,
  recordKind,
  subscriptionName,
  tagsOf,
  time,
  timeText,
  toTime,
} from "./schemas.ts";

const collection = "/v1/subscriptions";
const resource = `${collection}/:name`;
const subscriptionPath = z.strictObject({ name: subscriptionName });
const wholeNumber = z.int("must be a whole number");
const filter = z
  .strictObject({
    productKey: productKey.exactOptional(),
    deviceName: deviceName.exactOptional(),
    tags: tagsOf(8)
      .exactOptional()
      .describe(
        "Tags that the device has now, not when it spoke. At most 8. Records of devices that were deleted fit any tags, so that none is lost: tell them apart by their device.",
      ),
    kinds: z.array(recordKind).max(20, "must hold at most 20 kinds").exactOptional().describe("Empty or absent: all."),
    property: affordanceName.exactOptional().describe("Only property reports that say this property."),
  })
  .describe("Which records it gets: those that fit every member given.");
const webhook = z
  .strictObject({
    url: z
      .string()
      .max(2_048, "must have at most 2048 characters")
      .regex(/^[\x21-\x7e]+$/, "must be a URL in visible ASCII characters")
      .describe("Where records are POSTed to, over https."),
    secret: z
      .string()
      .regex(/^[\x21-\x7e]{16,256}$/, "must be 16 to 256 visible ASCII characters")
      .exactOptional()
      .describe(
        "Signs bodies with HMAC-SHA-256. Made up when there was none; shown in the answer to the request that set or made it and never again.",
      ),
  })
  .describe(
    "With it, the platform delivers by itself, and streams cannot join. An endpoint that cannot be reached or answers 408, 425, 429 or 5xx is out: all records wait, Retry-After is kept to, and nothing counts against a record; the log's retention bounds it. Another 4xx refuses the content: a record that is refused alone deliveriesMax times is a dead letter. So is one that as often failed alone while the next request, of other records, was answered; and one that is answered with 5xx but 503, alone, for an hour in which the endpoint took nothing else.",
  );
const settable = {
  filter: filter.exactOptional(),
  acknowledgeWithinMs: wholeNumber
    .min(1_000, "must be at least 1000")
    .max(600_000, "must be at most 600000")
    .exactOptional()
    .describe("A record that is not acknowledged for so long is delivered again. 30,000 unless said otherwise."),
  deliveriesMax: wholeNumber
    .min(1, "must be at least 1")
    .max(1_000, "must be at most 1000")
    .exactOptional()
    .describe("After so many failed deliveries of its own a record goes to the dead letters. 10 unless said otherwise."),
  webhook: webhook.exactOptional(),
};
const position = z
  .strictObject({
    from: z.enum(["earliest", "now"]).exactOptional(),
    time: timeText.exactOptional().describe("The first record received at or after this time, which may not be in the future."),
    offset: wholeNumber.min(0, "must not be negative").exactOptional().describe("The record after this one."),
  })
  .refine((given) => Object.keys(given).length === 1, "must hold exactly one of from, time and offset");
const createBody = z.strictObject({
  name: subscriptionName,
  ...settable,
  start: position.exactOptional().describe("Where it begins; now when absent."),
});
const updateBody = z.strictObject(settable).refine((body) => Object.keys(body).length > 0, "must name at least one field to change");
const subscriptionAnswer = z.object({
  name: z.string(),
  filter: z.object({
    productKey: z.string().optional(),
    deviceName: z.string().optional(),
    tags: z.record(z.string(), z.string()).optional(),
    kinds: z.array(z.string()).optional(),
    property: z.string().optional(),
  }),
  acknowledgeWithinMs: z.int().optional(),
  deliveriesMax: z.int().optional(),
  webhook: z
    .object({ url: z.string(), secret: z.string().optional().describe("Only in the answer to the request that set it.") })
    .optional(),
  endpoint: z
    .object({
      state: z.string().describe("delivering, or outage: it takes nothing, and all records wait."),
      since: time,
      lastError: z.string().optional().describe("Why the last request failed. In an outage."),
      lastErrorAt: time.optional(),
      nextTryAt: time.optional().describe("When the endpoint is asked again. In an outage."),
    })
    .optional()
    .describe("How the webhook's endpoint does, once it has been out."),
  createdAt: time,
  cursor: z.int().describe("All up to this offset is done."),
  backlog: z.int().describe("Records in the log after the cursor, of all devices: an upper bound of what waits."),
  lagMs: z.int().describe("How long the oldest record after the cursor has been in the log."),
  inFlight: z.int().describe("Records sent and not acknowledged."),
  members: z.int().describe("Streams that share its records now."),
  deadLetters: z.int(),
  lost: z.int().describe("Records that retention removed before they were delivered."),
});
const pointers = {
  "/start/timeMs": "/start/time",
  "/position/from": "/from",
  "/position/timeMs": "/time",
  "/position/offset": "/offset",
};
const tags = ["subscriptions"];

export function subscriptionRoutes(app: Routes, { events }: Services): void {
  collectionRoutes(app, events);
  resourceRoutes(app, events);
  app.post(
    `${resource}/seek`,
    {
      config: { operation: "events.seekSubscription", problems: ["notFound"], pointers },
      schema: {
        tags,
        summary: "Sets the cursor, back or forward; what is under way is forgotten, and streams go on from there",
        params: subscriptionPath,
        querystring: noQuery,
        body: position,
        response: { 200: subscriptionAnswer },
      },
    },
    async (request) => toAnswer(await events.seekSubscription(request.caller, { ...request.params, position: toPosition(request.body) })),
  );
}

function collectionRoutes(app: Routes, events: EventApi): void {
  app.post(
    collection,
    {
      config: { operation: "events.createSubscription", problems: ["alreadyExists", "quotaExceeded"], pointers },
      schema: {
        tags,
        summary: "Makes a subscription: from its start on it gets every record that fits, at least once, those of a device in order",
        querystring: noQuery,
        body: createBody,
        response: { 201: subscriptionAnswer },
      },
    },
    async (request, reply) => {
      const { start, ...settings } = request.body;
      const made = await events.createSubscription(request.caller, {
        ...settings,
        ...(start === undefined ? {} : { start: toPosition(start) }),
      });
      reply.code(201).header("location", `${collection}/${made.name}`);
      return toAnswer(made);
    },
  );
  app.get(
    collection,
    {
      config: { operation: "events.listSubscriptions" },
      schema: {
        tags,
        summary: "Subscriptions and how far they have come, page by page",
        querystring: pageQuery,
        response: { 200: z.object({ subscriptions: z.array(subscriptionAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await events.listSubscriptions(request.caller, request.query);
      return { subscriptions: page.subscriptions.map(toAnswer), ...pageEnd(page) };
    },
  );
}

function resourceRoutes(app: Routes, events: EventApi): void {
  app.get(
    resource,
    {
      config: { operation: "events.getSubscription", problems: ["notFound"] },
      schema: {
        tags,
        summary: "One subscription and how far it has come",
        params: subscriptionPath,
        querystring: noQuery,
        response: { 200: subscriptionAnswer },
      },
    },
    async (request) => toAnswer(await events.getSubscription(request.caller, request.params)),
  );
  app.patch(
    resource,
    {
      config: { operation: "events.updateSubscription", problems: ["notFound", "failedPrecondition"], pointers },
      schema: {
        tags,
        summary: "Changes a subscription; fields that are absent stay as they are, a filter is replaced as a whole",
        params: subscriptionPath,
        querystring: noQuery,
        body: updateBody,
        response: { 200: subscriptionAnswer },
      },
    },
    async (request) => {
      const settings: SubscriptionSettings = { ...request.body, ...request.params };
      return toAnswer(await events.updateSubscription(request.caller, settings));
    },
  );
  app.delete(
    resource,
    {
      config: { operation: "events.deleteSubscription", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Deletes a subscription, its cursor and its dead letters; its streams end",
        params: subscriptionPath,
        querystring: noQuery,
        response: { 204: z.undefined().describe("Deleted.") },
      },
    },
    async (request, reply) => {
      await events.deleteSubscription(request.caller, request.params);
      return reply.code(204).send();
    },
  );
}

function toPosition({ time, ...rest }: z.output<typeof position>): StartPosition {
  return time === undefined ? rest : { ...rest, timeMs: time };
}

function toAnswer(subscription: Subscription): z.output<typeof subscriptionAnswer> {
  const { filter, createdAtMs, webhook, endpoint, ...rest } = subscription;
  return {
    ...rest,
    filter: toFilter(filter ?? {}),
    ...(webhook === undefined ? {} : { webhook: { ...webhook } }),
    ...(endpoint === undefined ? {} : { endpoint: toEndpoint(endpoint) }),
    createdAt: toTime(createdAtMs),
  };
}

function toEndpoint({ state, sinceMs, lastError, lastErrorAtMs, nextTryAtMs }: EndpointStatus) {
  return {
    state,
    since: toTime(sinceMs),
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastErrorAtMs === undefined ? {} : { lastErrorAt: toTime(lastErrorAtMs) }),
    ...(nextTryAtMs === undefined ? {} : { nextTryAt: toTime(nextTryAtMs) }),
  };
}

/** A wire gives empty lists and maps where there were none. */
function toFilter({ tags = {}, kinds = [], ...rest }: SubscriptionFilter): z.output<typeof subscriptionAnswer>["filter"] {
  return {
    ...rest,
    ...(Object.keys(tags).length === 0 ? {} : { tags: { ...tags } }),
    ...(kinds.length === 0 ? {} : { kinds: [...kinds] }),
  };
}
