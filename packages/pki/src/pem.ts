// PEM (RFC 7468), strict: every BEGIN has its END and its base64 is whole. Text outside the blocks is allowed (RFC 7468 §5.2).
import { invalidField } from "@mooring/contracts";

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

// The body excludes '-', so each block is read once: the time is linear in the length whatever the text is.
const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,40})-----/g;

/** The blocks of a PEM text in order. Throws invalidArgument at `pointer` when it is longer than `bytesMax`, holds none, or a broken one. */
export function parsePem(text: string, bytesMax: number, pointer: string): PemBlock[] {
  if (typeof text !== "string") throw invalidField(pointer, "must be a PEM text");
  if (Buffer.byteLength(text, "utf8") > bytesMax) throw invalidField(pointer, `is longer than ${bytesMax} bytes`);
  const blocks: PemBlock[] = [];
  for (const [, label = "", body = "", endLabel] of text.matchAll(block)) {
    const base64 = body.replaceAll(/\s/g, "");
    const der = Buffer.from(base64, "base64");
    if (label !== endLabel || der.length === 0 || der.toString("base64") !== base64)
      throw invalidField(pointer, "holds a damaged PEM block");
    blocks.push({ label, der });
  }
  if (blocks.length !== text.split("-----BEGIN").length - 1) throw invalidField(pointer, "holds a damaged PEM block");
  if (blocks.length === 0) throw invalidField(pointer, "holds no PEM block");
  return blocks;
}

/** RFC 7468 §3: lines of 64 characters. */
export function formatPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
