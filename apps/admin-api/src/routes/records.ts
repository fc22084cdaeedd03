import { type JsonValue, type LogRecord, recordKinds } from "@mooring/contracts";
import { z } from "zod";
import { time, toTime } from "./schemas.ts";

/** A record of the log as REST shows it. */
export const recordAnswer = z.object({
  offset: z.int().describe("Its place in the log: grows, with gaps."),
  messageId: z.string().describe("The same however often the record is delivered."),
  productKey: z.string(),
  deviceName: z.string(),
  deviceId: z.string(),
  kind: z.string().describe(recordKinds.join(", ")),
  receivedAt: time,
  body: z.unknown().describe("What was said; its shape follows from the kind."),
});

export function toRecord(record: LogRecord): z.output<typeof recordAnswer> {
  const { offset, messageId, device, kind, receivedAtMs, body } = record;
  const { productKey, deviceName, deviceId } = device;
  const receivedAt = toTime(receivedAtMs);
  return { offset, messageId, productKey, deviceName, deviceId, kind, receivedAt, body: JSON.parse(body) as JsonValue };
}
