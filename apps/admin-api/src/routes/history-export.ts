import { Readable } from "node:stream";
import { type Caller, type EventApi, type HistoryPoint, type HistoryQuery, PlatformError } from "@mooring/contracts";
import { z } from "zod";
import { contentDisposition, type ExportFormat, exportFormatNames, exportFormats } from "../export-format.ts";
import { limits } from "../limits.ts";
import type { RouteDeps, Routes } from "../route.ts";
import { createSlots } from "../slots.ts";
import { historyPath, propertyPath, rangePointers, rangeQuery, toRange } from "./history.ts";

interface Page {
  readonly points: readonly HistoryPoint[];
  readonly nextPageToken?: string;
}

export function exportRoutes(app: Routes, { events, authenticate, log }: RouteDeps): void {
  const slots = createSlots("exports", limits.exports);
  app.get(
    `${historyPath}/export`,
    {
      // A HEAD would fetch everything to throw it away.
      exposeHeadRoute: false,
      handlerTimeout: limits.exportTimeoutMs,
      config: {
        operation: "events.history",
        documentedAs: "events.exportHistory",
        problems: ["notFound", "quotaExceeded"],
        pointers: rangePointers,
      },
      schema: {
        tags: ["history"],
        summary:
          "The history of a property as a file, newest first. Complete only when the response ends in order: a failure cuts the connection",
        params: propertyPath,
        querystring: z.strictObject({
          ...rangeQuery,
          format: z
            .enum(exportFormatNames)
            .exactOptional()
            .describe(
              "csv (the default): RFC 4180 with the columns time, value (as JSON) and messageId; ndjson: one JSON object per line.",
            ),
        }),
        response: {
          200: {
            description: "The points",
            content: Object.fromEntries(
              exportFormatNames.map((name) => [exportFormats[name].contentType.split(";")[0], { schema: z.string() }]),
            ),
          },
        },
      },
    },
    async (request, reply) => {
      const { from, to, format: name = "csv" } = request.query;
      const { productKey, deviceName, property } = request.params;
      const pages = createPages(events, { ...request.params, ...toRange({ from, to }) });
      const release = slots.take(request.caller);
      try {
        const format = exportFormats[name];
        // Fetched before anything is answered: what is wrong with the request comes out as a problem document.
        const first = await pages(request.caller, undefined);
        const next = async (token: string): Promise<Page> => pages(await authenticate(request.headers.authorization), token);
        const file = Readable.from(lines(format, first, next)).once("close", release);
        file.once("error", (error) => log.warn({ err: error, productKey, deviceName, property }, "an export was cut short"));
        reply.header("content-disposition", contentDisposition(`${productKey}_${deviceName}_${property}.${name}`));
        // An error after this point destroys the connection: the last chunk never comes, so that no reader takes the part for the whole.
        return reply.type(format.contentType).send(file);
      } catch (error) {
        release();
        throw error;
      }
    },
  );
}

/** Page by page as the reader takes them: at most two are in memory. */
async function* lines(format: ExportFormat, first: Page, next: (token: string) => Promise<Page>): AsyncGenerator<string> {
  if (format.head !== "") yield format.head;
  for (let page = first; ; page = await next(page.nextPageToken)) {
    const text = page.points.map(format.line).join("");
    if (text !== "") yield text;
    if (page.nextPageToken === undefined) return;
  }
}

/** Fetches pages; smaller ones from then on when one does not fit into a message between services. */
function createPages(events: EventApi, query: HistoryQuery): (caller: Caller, pageToken: string | undefined) => Promise<Page> {
  let pageSize: number = limits.exportPageSize;
  return async (caller, pageToken) => {
    for (;;) {
      try {
        return await events.history(caller, { ...query, pageSize, ...(pageToken === undefined ? {} : { pageToken }) });
      } catch (error) {
        if (!(error instanceof PlatformError && error.code === "payloadTooLarge") || pageSize === 1) throw error;
        pageSize = Math.ceil(pageSize / 2);
      }
    }
  };
}
