import { Readable } from "node:stream";
import { type Caller, type EventApi, type HistoryPoint, type HistoryQuery, PlatformError } from "@mooring/contracts";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { contentDisposition, type ExportFormat, exportFormatNames, exportFormats, manyExportFormats } from "../export-format.ts";
import { limits } from "../limits.ts";
import type { RouteDeps, Routes } from "../route.ts";
import { createSlots } from "../slots.ts";
import { historyPath, manyHistoryPath, propertyPath, propertyQuery, rangePointers, rangeQuery, toRange, toSelection } from "./history.ts";
import { devicePath } from "./schemas.ts";

interface Page {
  readonly points: readonly HistoryPoint[];
  readonly nextPageToken?: string;
}

const exported = {
  200: {
    description: "The points",
    content: Object.fromEntries(exportFormatNames.map((name) => [exportFormats[name].contentType.split(";")[0], { schema: z.string() }])),
  },
};

function formatQuery(columns: string) {
  const description = `csv (the default): RFC 4180 with the columns ${columns}; ndjson: one JSON object per line.`;
  return z.enum(exportFormatNames).exactOptional().describe(description);
}

/** Complete only when the response ends in order: a failure cuts the connection. */
const cut = "newest first. Complete only when the response ends in order: a failure cuts the connection";

export function exportRoutes(app: Routes, deps: RouteDeps): void {
  const send = createSender(deps);
  const config = { operation: "events.history", problems: ["notFound", "quotaExceeded"], pointers: rangePointers } as const;
  // A HEAD would fetch everything to throw it away.
  const streamed = { exposeHeadRoute: false, handlerTimeout: limits.exportTimeoutMs };
  app.get(
    `${historyPath}/export`,
    {
      ...streamed,
      config: { ...config, documentedAs: "events.exportHistory" },
      schema: {
        tags: ["history"],
        summary: `The history of a property as a file, ${cut}`,
        params: propertyPath,
        querystring: z.strictObject({ ...rangeQuery, format: formatQuery("time, value (as JSON) and messageId") }),
        response: exported,
      },
    },
    async (request, reply) => {
      const { from, to, format = "csv" } = request.query;
      const { productKey, deviceName, property } = request.params;
      const query = { ...request.params, ...toRange({ from, to }) };
      return send(request, reply, { query, format: exportFormats[format], name: `${productKey}_${deviceName}_${property}.${format}` });
    },
  );
  app.get(
    `${manyHistoryPath}/export`,
    {
      ...streamed,
      config: { ...config, documentedAs: "events.exportHistoryOfMany" },
      schema: {
        tags: ["history"],
        summary: `The history of several properties or of all as a file, ${cut}`,
        params: devicePath,
        querystring: z.strictObject({
          ...propertyQuery,
          ...rangeQuery,
          format: formatQuery("time, property and value (both as JSON) and messageId"),
        }),
        response: exported,
      },
    },
    async (request, reply) => {
      const { from, to, property, format = "csv" } = request.query;
      const { productKey, deviceName } = request.params;
      const query = { ...request.params, ...toRange({ from, to }), ...toSelection(property) };
      return send(request, reply, { query, format: manyExportFormats[format], name: `${productKey}_${deviceName}.${format}` });
    },
  );
}

interface Export {
  readonly query: HistoryQuery;
  readonly format: ExportFormat;
  /** Of the file. */
  readonly name: string;
}

function createSender({ events, authenticate, log }: RouteDeps) {
  const slots = createSlots("exports", limits.exports);
  return async (request: FastifyRequest, reply: FastifyReply, { query, format, name }: Export): Promise<FastifyReply> => {
    const pages = createPages(events, query);
    const release = slots.take(request.caller);
    try {
      // Fetched before anything is answered: what is wrong with the request comes out as a problem document.
      const first = await pages(request.caller, undefined);
      const next = async (token: string): Promise<Page> => pages(await authenticate(request.headers.authorization), token);
      const file = Readable.from(lines(format, first, next)).once("close", release);
      file.once("error", (error) => log.warn({ err: error, name }, "an export was cut short"));
      reply.header("content-disposition", contentDisposition(name));
      // An error after this point destroys the connection: the last chunk never comes, so that no reader takes the part for the whole.
      return reply.type(format.contentType).send(file);
    } catch (error) {
      release();
      throw error;
    }
  };
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
