import { randomUUID } from "node:crypto";

/**
 * The message id of something that happened: a UUID version 7 (RFC 9562 §5.7). Its time tells the log since when the event may have been stored, however
 * much later it is sent again.
 */
export function createEventId(atMs: number): string {
  const hex = atMs.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${randomUUID().slice(15)}`;
}
