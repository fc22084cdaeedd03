import type { DeadLetter } from "@mooring/contracts";
import { z } from "zod";
import { limits } from "../limits.ts";
import type { Routes, Services } from "../route.ts";
import { recordAnswer, toRecord } from "./records.ts";
import { integerText, listText, nextPageToken, noQuery, pageEnd, pageQuery, subscriptionName, time, toTime } from "./schemas.ts";

const path = "/v1/subscriptions/:name/dead-letters";
const subscriptionPath = z.strictObject({ name: subscriptionName });
const deadLetterAnswer = z.object({
  ...recordAnswer.shape,
  deliveries: z.int().describe("How often it was delivered in vain."),
  reason: z.string(),
  failedAt: time,
  replayedAt: time.optional().describe("While it waits to be delivered once more."),
});
const countAnswer = z.object({ count: z.int().describe("How many it were.") });
// An empty list would mean all of them to the service.
const offsets = z
  .array(z.int("must be a whole number").min(0, "must not be negative"))
  .min(1, "must name at least one; leave it away to mean all")
  .max(limits.offsetsMax, `must name at most ${limits.offsetsMax}`);
const replayBody = z.preprocess(
  // Fastify gives the schema null when there is no body.
  (body) => body ?? {},
  z.strictObject({ offsets: offsets.exactOptional().describe("Those with these offsets; all when absent.") }),
);
const offsetText = integerText(0, Number.MAX_SAFE_INTEGER, "An offset.");
const deleteQuery = z.strictObject({
  offsets: listText(offsetText, limits.offsetsMax, "Offsets separated by commas; all dead letters when absent.").exactOptional(),
});
const tags = ["subscriptions"];

export function deadLetterRoutes(app: Routes, { events }: Services): void {
  app.get(
    path,
    {
      config: { operation: "events.listDeadLetters", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Records that a subscription could not deliver, oldest first",
        params: subscriptionPath,
        querystring: pageQuery,
        response: { 200: z.object({ deadLetters: z.array(deadLetterAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await events.listDeadLetters(request.caller, { ...request.query, ...request.params });
      return { deadLetters: page.deadLetters.map(toAnswer), ...pageEnd(page) };
    },
  );
  app.post(
    `${path}/replay`,
    {
      config: { operation: "events.replayDeadLetters", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Delivers dead letters once more; those that are acknowledged then are gone",
        params: subscriptionPath,
        querystring: noQuery,
        body: replayBody,
        response: { 200: countAnswer },
      },
    },
    async (request) => {
      const { count } = await events.replayDeadLetters(request.caller, { ...request.params, ...request.body });
      return { count };
    },
  );
  app.delete(
    path,
    {
      config: { operation: "events.deleteDeadLetters", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Deletes dead letters; they cannot be brought back",
        params: subscriptionPath,
        querystring: deleteQuery,
        response: { 200: countAnswer },
      },
    },
    async (request) => {
      const { count } = await events.deleteDeadLetters(request.caller, { ...request.params, ...request.query });
      return { count };
    },
  );
}

function toAnswer(letter: DeadLetter): z.output<typeof deadLetterAnswer> {
  return {
    ...toRecord(letter.record),
    deliveries: letter.deliveries,
    reason: letter.reason,
    failedAt: toTime(letter.failedAtMs),
    ...(letter.replayedAtMs === undefined ? {} : { replayedAt: toTime(letter.replayedAtMs) }),
  };
}
