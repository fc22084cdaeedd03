// Hot: one id per message.
import { randomUUID } from "node:crypto";

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
