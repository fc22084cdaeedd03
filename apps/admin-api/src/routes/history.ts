import type { HistoryInterval } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { affordanceName, devicePath, nextPageToken, pageEnd, pageQuery, time, timeText, toTime } from "./schemas.ts";

/** The history of several properties of a device, and of one. */
export const manyHistoryPath = "/v1/products/:productKey/devices/:deviceName/history";
export const historyPath = "/v1/products/:productKey/devices/:deviceName/properties/:property/history";
export const propertyPath = z.strictObject({ ...devicePath.shape, property: affordanceName });
const from = timeText.describe("Inclusive.");
const to = timeText.describe("Exclusive.");
export const rangeQuery = { from: from.exactOptional(), to: to.exactOptional() };
export const rangePointers = { "/fromMs": "/from", "/toMs": "/to", "/intervalMs": "/interval", "/properties": "/property" };
const someProperties = z.array(affordanceName).max(300, "must be given at most 300 times");
/** Names may hold commas, so each is a parameter of its own. */
export const propertyQuery = {
  property: z
    .preprocess((given) => (typeof given === "string" ? [given] : given), someProperties)
    .exactOptional()
    .meta({ type: "array", items: { type: "string" }, maxItems: 300, description: "Given once for each property; all when absent." }),
};

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const intervalPattern = /^(\d{1,12})(ms|s|m|h|d)?$/;
const interval = z
  .string()
  .regex(intervalPattern, "must be a duration such as 60s, 5m, 1h or 1d, or milliseconds")
  .transform(parseInterval)
  .refine((ms) => ms >= 1_000 && ms <= Number.MAX_SAFE_INTEGER, "must be at least 1 second")
  .meta({
    type: "string",
    pattern: intervalPattern.source,
    description: "Width of the intervals, such as 60s, 5m, 1h or 1d, or milliseconds. They begin at multiples of it since 1970 UTC.",
  });
const point = z.object({ time, value: z.unknown(), messageId: z.string() });
const manyPoint = z.object({ property: z.string(), ...point.shape });
const intervalAnswer = z.object({
  start: time,
  count: z.int().describe("Points of the interval."),
  min: z
    .number()
    .optional()
    .describe(
      "Of the numbers among the values, which are doubles (whole ones are exact to 2^53) below 1e308 and with 40 digits at most; absent when there are none.",
    ),
  max: z.number().optional(),
  avg: z.number().optional(),
  last: z.unknown().describe("The last value, of whatever type."),
});
const manyInterval = z.object({ property: z.string(), ...intervalAnswer.shape });
const tags = ["history"];

export function historyRoutes(app: Routes, { events }: Services): void {
  app.get(
    historyPath,
    {
      config: { operation: "events.history", problems: ["notFound"], pointers: rangePointers },
      schema: {
        tags,
        summary: "What a device reported for one property, newest first",
        params: propertyPath,
        querystring: z.strictObject({ ...rangeQuery, ...pageQuery.shape }),
        response: { 200: z.object({ points: z.array(point), nextPageToken }) },
      },
    },
    async (request) => {
      const { from, to, ...page } = request.query;
      const found = await events.history(request.caller, { ...request.params, ...page, ...toRange({ from, to }) });
      const points = found.points.map(({ timeMs, value, messageId }) => ({ time: toTime(timeMs), value, messageId }));
      return { points, ...pageEnd(found) };
    },
  );
  app.get(
    `${historyPath}/aggregate`,
    {
      config: { operation: "events.aggregateHistory", problems: ["notFound"], pointers: rangePointers },
      schema: {
        tags,
        summary: "Count, least, greatest, mean and last value of a property per interval, oldest first; at most 10,000 intervals",
        params: propertyPath,
        querystring: z.strictObject({ from, to, interval }),
        response: { 200: z.object({ intervals: z.array(intervalAnswer) }) },
      },
    },
    async (request) => {
      const { from, to, interval } = request.query;
      const query = { ...request.params, fromMs: from, toMs: to, intervalMs: interval };
      const { intervals } = await events.aggregateHistory(request.caller, query);
      return { intervals: intervals.map(({ property: _, ...interval }) => toInterval(interval)) };
    },
  );
}

export function manyHistoryRoutes(app: Routes, { events }: Services): void {
  app.get(
    manyHistoryPath,
    {
      config: { operation: "events.history", documentedAs: "events.historyOfMany", problems: ["notFound"], pointers: rangePointers },
      schema: {
        tags,
        summary: "What a device reported for several properties or for all, newest first",
        params: devicePath,
        querystring: z.strictObject({ ...propertyQuery, ...rangeQuery, ...pageQuery.shape }),
        response: { 200: z.object({ points: z.array(manyPoint), nextPageToken }) },
      },
    },
    async (request) => {
      const { from, to, property, ...page } = request.query;
      const query = { ...request.params, ...page, ...toRange({ from, to }), ...toSelection(property) };
      const found = await events.history(request.caller, query);
      return { points: found.points.map(({ timeMs, ...rest }) => ({ time: toTime(timeMs), ...rest })), ...pageEnd(found) };
    },
  );
  app.get(
    `${manyHistoryPath}/aggregate`,
    {
      config: {
        operation: "events.aggregateHistory",
        documentedAs: "events.aggregateHistoryOfMany",
        problems: ["notFound"],
        pointers: rangePointers,
      },
      schema: {
        tags,
        summary: "The same as of one property, of each of several or of all, in the order of their names; at most 10,000 intervals in all",
        params: devicePath,
        querystring: z.strictObject({ ...propertyQuery, from, to, interval }),
        response: { 200: z.object({ intervals: z.array(manyInterval) }) },
      },
    },
    async (request) => {
      const { from, to, interval, property } = request.query;
      const query = { ...request.params, fromMs: from, toMs: to, intervalMs: interval, ...toSelection(property) };
      const { intervals } = await events.aggregateHistory(request.caller, query);
      return { intervals: intervals.map(({ property, ...interval }) => ({ property, ...toInterval(interval) })) };
    },
  );
}

/** Properties as the service has them. */
export function toSelection(property: readonly string[] | undefined) {
  return property === undefined ? {} : { properties: property };
}

/** Bounds as the service has them. */
export function toRange({ from, to }: { readonly from: number | undefined; readonly to: number | undefined }) {
  return { ...(from === undefined ? {} : { fromMs: from }), ...(to === undefined ? {} : { toMs: to }) };
}

function parseInterval(text: string): number {
  const [, count = "", unit = "ms"] = intervalPattern.exec(text) ?? [];
  return Number(count) * (unitsMs[unit] ?? Number.NaN);
}

function toInterval({ startMs, ...rest }: Omit<HistoryInterval, "property">): z.output<typeof intervalAnswer> {
  return { start: toTime(startMs), ...rest };
}
