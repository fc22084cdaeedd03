// Hot: one id per message of those who give them.
import { hash } from "node:crypto";

/** Where a client gave its own id for what it says; ids given in different places are different ids. */
export type IdSource = "message-id" | "idempotency-key" | "alink";

/**
 * The message id of an id that a client chose: UUID version 8 (RFC 9562 §5.8) over who it is (a device's id, or a principal), the source and the id. The
 * same message said again has the same one, so it is stored once within the deduplication window; nobody else can come upon it.
 */
export function deriveMessageId(who: string, source: IdSource, id: string): string {
  const hex = hash("sha256", `${who}|${source}|${id}`, "hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Whether a client may choose this for an id: 1 to 128 printable ASCII characters. */
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
