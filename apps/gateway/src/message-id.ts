// Hot: one id per message.
import { hash, randomUUID } from "node:crypto";

let lastMs = 0;
let lastPrefix = "";

/**
 * A message's id: UUID version 7 (RFC 9562 §5.7), time first, so that the log's index grows at its end. The random rest is a version 4
 * UUID's, of which Node keeps a cache: no system call each time. The log tells by the time in it where a record that is sent again cannot be, so
 * it is the steady clock's.
 */
export function createMessageId(nowMs: number): string {
  if (nowMs !== lastMs) {
    const hex = nowMs.toString(16).padStart(12, "0");
    lastMs = nowMs;
    lastPrefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7`;
  }
  return lastPrefix + randomUUID().slice(15);
}

/** Where a device gave its own id for a message; ids given in different places are different ids. */
export type IdSource = "message-id" | "idempotency-key" | "alink";

/**
 * The message id of an id that a device chose: UUID version 8 (RFC 9562 §5.8) over the device, the source and the id. The same message said
 * again has the same one, so the log stores it once within its deduplication window; no other device can come upon it.
 */
export function deriveMessageId(deviceId: string, source: IdSource, id: string): string {
  const hex = hash("sha256", `${deviceId}|${source}|${id}`, "hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Whether a device may choose this for an id: 1 to 128 printable ASCII characters. */
export function isGivenId(id: string): boolean {
  if (id.length === 0 || id.length > givenIdLengthMax) return false;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

const givenIdLengthMax = 128;
/** For refusals, after the name of the field. */
export const givenIdRule = `must be 1 to ${givenIdLengthMax} printable ASCII characters`;
