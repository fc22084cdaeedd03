// Hot: called once per string on the wire.

/** Bits returned by `scanText`. */
export const Text = { Ascii: 0, MultiByte: 1, IllFormed: 2, Wildcard: 4 } as const;

/** What one byte says about the string it is in: a table makes the ASCII scan free of branches. */
const CLASS = new Uint8Array(256);
CLASS[0] = Text.IllFormed; // [MQTT-1.5.4-2]: U+0000 may not be in a string.
CLASS[0x23] = Text.Wildcard;
CLASS[0x2b] = Text.Wildcard;
CLASS.fill(Text.MultiByte, 0x80);

/**
 * Classifies `bytes[start..end)` as an MQTT UTF-8 string: a set of `Text` bits. `IllFormed` covers U+0000, overlong forms, surrogates and
 * code points above U+10FFFF ([MQTT-1.5.4-1], [MQTT-1.5.4-2]). `Wildcard` says that `+` or `#` occurs.
 */
export function scanText(bytes: Uint8Array, start: number, end: number): number {
  let seen = 0;
  for (let at = start; at < end; at++) seen |= CLASS[bytes[at] as number] as number;
  return (seen & Text.MultiByte) === 0 || isWellFormed(bytes, start, end) ? seen : seen | Text.IllFormed;
}

/** Unicode 16 table 3-7, row by row. */
function isWellFormed(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++] as number;
    if (lead < 0x80) continue;
    const more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    if (more === 0 || end - at < more) return false;
    const second = bytes[at] as number;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let tail = 1; tail < more; tail++) if (((bytes[at + tail] as number) & 0xc0) !== 0x80) return false;
    at += more;
  }
  return true;
}

/** Node's string slices on Buffer: they take offsets and skip the argument handling of `toString`. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** The string in `bytes[start..end)`, given what `scanText` said of it. A leading U+FEFF is kept ([MQTT-1.5.4-3]). */
export function sliceText(bytes: Buffer, start: number, end: number, scanned: number): string {
  const slices = bytes as unknown as Slices;
  return (scanned & Text.MultiByte) === 0 ? slices.latin1Slice(start, end) : slices.utf8Slice(start, end);
}
