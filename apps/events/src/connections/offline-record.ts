import { createHash } from "node:crypto";
import type { ConnectionBody, NewRecord } from "@mooring/contracts";
import type { OnlineDevice } from "./ports.ts";

/** What the gateway would have said, had it lived. However many find out at once, the log stores it once. */
export function createNodeLostRecord(row: OnlineDevice, nowMs: number): NewRecord {
  const { device, nodeId, epoch, clientId, protocol, address } = row;
  const where = { protocol, nodeId, ...(address === undefined ? {} : { address }) };
  const body: ConnectionBody = { clientId, epoch, sequence: 1, ...where, reason: "nodeLost" };
  const messageId = nodeLostId(device.deviceId, epoch);
  return { messageId, device, kind: "offline", receivedAtMs: nowMs, body: JSON.stringify(body) };
}

/** A UUID version 8 (RFC 9562 §5.8) from what the record is about. */
function nodeLostId(deviceId: string, epoch: number): string {
  const hash = createHash("sha256").update(`nodeLost ${deviceId} ${epoch}`).digest();
  hash.writeUInt8(((hash[6] ?? 0) & 0x0f) | 0x80, 6);
  hash.writeUInt8(((hash[8] ?? 0) & 0x3f) | 0x80, 8);
  const hex = hash.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
