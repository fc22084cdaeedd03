import type { ShadowChange } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { devicePath, nextPageToken, pageEnd, pageQuery, time, toTime } from "./schemas.ts";
import { addressOf, name } from "./shadow.ts";

const changeAnswer = z.object({
  version: z.int().describe("The version that the change made."),
  at: time,
  principal: z.string().describe("Who: key:{id}, or device:{productKey}/{deviceName}; reports of properties are the device's."),
  desired: z.unknown().optional().describe("The merge patch as it was given; absent when the change left desired alone."),
  reported: z.unknown().optional().describe("The same for reported."),
  clientToken: z.string().optional(),
  offset: z.int().optional().describe("Of the record in the log that the change was made from."),
});

export function shadowHistoryRoutes(app: Routes, { shadow }: Services): void {
  app.get(
    "/v1/products/:productKey/devices/:deviceName/shadow/history",
    {
      config: { operation: "shadow.history", problems: ["notFound"], pointers: { "/shadowName": "/name" } },
      schema: {
        tags: ["shadow"],
        summary: "Accepted changes of a shadow, newest first: who changed what, when",
        params: devicePath,
        querystring: z.strictObject({ name, ...pageQuery.shape }),
        response: { 200: z.object({ changes: z.array(changeAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const { name: shadowName, ...page } = request.query;
      const found = await shadow.history(request.caller, { ...addressOf(request.params, shadowName), ...page });
      return { changes: found.changes.map(toAnswer), ...pageEnd(found) };
    },
  );
}

function toAnswer({ atMs, ...change }: ShadowChange): z.output<typeof changeAnswer> {
  return { ...change, at: toTime(atMs) };
}
