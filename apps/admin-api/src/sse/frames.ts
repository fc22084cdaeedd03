import type { LogRecord, PlatformError } from "@mooring/contracts";
import { toProblem } from "../problem.ts";

// Frames of text/event-stream as the HTML standard parses them (§9.2.6): fields by line, an empty line dispatches. A frame without data
// dispatches nothing, but its id becomes the Last-Event-ID all the same.

/** A record as JSON: the members of REST answers, and the body as the device said it. */
export function recordJson({ offset, messageId, device, kind, receivedAtMs, body }: LogRecord): string {
  const { productKey, deviceName, deviceId } = device;
  const head = JSON.stringify({
    offset,
    messageId,
    productKey,
    deviceName,
    deviceId,
    kind,
    receivedAt: new Date(receivedAtMs).toISOString(),
  });
  return `${head.slice(0, -1)},"body":${body}}`;
}

export function recordFrame(record: LogRecord): string {
  return `id: ${record.offset}\nevent: ${record.kind}\n${dataLines(recordJson(record))}\n\n`;
}

/** The first frame: where the stream begins, so that a client that loses it before the first record comes back to the same place. */
export function openingFrame(position: number, retryMs: number): string {
  return `retry: ${retryMs}\nid: ${position}\n\n`;
}

/** Keeps the connection alive, and moves the client on past records that it does not want. */
export function heartbeatFrame(position: number): string {
  return `: heartbeat\nid: ${position}\n\n`;
}

export const farewellFrame = ": come again\n\n";

/** Why the stream ends. It has no id: the client's place stays that of the last record. */
export function errorFrame(error: PlatformError): string {
  return `event: error\n${dataLines(JSON.stringify(toProblem(error)))}\n\n`;
}

/** A line break would end the field: between the lines of JSON it is white space, and the parser puts it back. */
function dataLines(text: string): string {
  return `data: ${text.replaceAll(/\r\n|\r|\n/g, "\ndata: ")}`;
}
