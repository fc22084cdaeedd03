import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type DeviceRef, type LogRecord, type NewRecord } from "@mooring/contracts";
import type { EventLog } from "../ports.ts";

export const device: DeviceRef = {
  tenantId: asTenantId(randomUUID()),
  deviceId: asDeviceId(randomUUID()),
  productKey: asProductKey("pk11"),
  deviceName: asDeviceName("dev1"),
};

/** UUID version 7, as the platform makes them. */
export function timedId(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}

/** UUID version 8, as the gateway derives them from what a client chose. */
export function chosenId(): string {
  const id = randomUUID();
  return `${id.slice(0, 14)}8${id.slice(15)}`;
}

export function record(messageId: string, body = "{}", receivedAtMs = Date.now()): NewRecord {
  return { messageId, device, kind: "message", receivedAtMs, body };
}

export function idsOf(records: readonly LogRecord[]): readonly string[] {
  return records.map(({ messageId }) => messageId);
}

/** From `after` to the end, in steps of `limit`. */
export async function readFrom(log: Pick<EventLog, "read">, after: number, limit = 1_000): Promise<readonly LogRecord[]> {
  const all: LogRecord[] = [];
  for (let position = after; ; ) {
    const records = await log.read(position, limit);
    const last = records.at(-1);
    if (last === undefined) return all;
    all.push(...records);
    position = last.offset;
  }
}
