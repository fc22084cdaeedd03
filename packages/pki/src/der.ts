// DER (X.690 §8, §10, §11): a strict reader for bytes a stranger sent, and the few writers certificates need.

/** Universal and context tags that certificates, requests and revocation lists are made of (X.680 §8.6). */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element. `content` and `raw` are views of the bytes that were read and live as long as those. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly raw: Uint8Array;
}

/** The bytes are not the DER they should be. Every reader of strangers' bytes catches it and answers in its own words. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** Enough for any certificate (the largest real ones hold some hundreds of names), so that a hostile one costs little. */
const elementsMax = 1024;

function readElement(bytes: Uint8Array, offset: number): { element: DerElement; end: number } {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError("element cut short");
  // Tag numbers above 30 do not occur in X.509; one spelling per element leaves no room for two readings.
  if ((tag & 0x1f) === 0x1f) throw new DerError("long tag");
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 3) throw new DerError("length is indefinite or too large");
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += octets;
    // X.690 §10.1: the shortest form only.
    if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError("length is not minimal");
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("element cut short");
  return { element: { tag, content: bytes.subarray(start, end), raw: bytes.subarray(offset, end) }, end };
}

/** The one element these bytes are. Throws DerError when there is anything before, behind or missing. */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const { element, end } = readElement(bytes, 0);
  if (end !== bytes.length) throw new DerError("bytes after the element");
  return tag === undefined ? element : expectTag(element, tag);
}

/** A request nests six deep. */
const depthMax = 16;

/**
 * Throws DerError unless the bytes are one element and DER all the way down: shortest lengths and numbers, whole octets in bit strings, at most
 * 1,024 elements, 16 deep. For what a reader of BER is to take apart, so that it cannot read it otherwise than others do.
 */
export function assertDer(bytes: Uint8Array): void {
  let left = elementsMax;
  const walk = (element: DerElement, depth: number): void => {
    if (left-- === 0 || depth > depthMax) throw new DerError("too many elements");
    if (element.tag === derTag.integer) readIntegerOctets(element);
    if (element.tag === derTag.bitString) readBits(element);
    if ((element.tag & 0x20) !== 0) for (const child of readChildren(element)) walk(child, depth + 1);
  };
  walk(readDer(bytes), 1);
}

/** The elements inside a constructed one, in order, at most `max` (1,024). Throws DerError. */
export function readChildren(parent: DerElement, max = elementsMax): DerElement[] {
  if ((parent.tag & 0x20) === 0) throw new DerError("not a constructed element");
  const children: DerElement[] = [];
  for (let offset = 0; offset < parent.content.length; ) {
    if (children.length === max) throw new DerError("too many elements");
    const { element, end } = readElement(parent.content, offset);
    children.push(element);
    offset = end;
  }
  return children;
}

/** The element itself when it is there and has this tag. Throws DerError otherwise. */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element === undefined || element.tag !== tag) throw new DerError(`expected tag 0x${tag.toString(16)}`);
  return element;
}

/** An object identifier in dotted form. Throws DerError. */
export function readOid(element: DerElement | undefined): string {
  const { content } = expectTag(element, derTag.oid);
  if (content.length === 0 || content.length > 64) throw new DerError("object identifier of an impossible length");
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80) throw new DerError("object identifier is not minimal");
    arc = arc * 128 + (octet & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerError("object identifier arc too large");
    fresh = octet < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  if (!fresh) throw new DerError("object identifier cut short");
  return arcs.join(".");
}

/** An INTEGER of 0 to 2^31 - 1. Throws DerError. */
export function readSmallInteger(element: DerElement | undefined): number {
  const content = readIntegerOctets(element);
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw new DerError("integer out of range");
  return content.reduce((value, octet) => value * 256 + octet, 0);
}

/** The content octets of an INTEGER in two's complement, in their only (shortest) form. Throws DerError. */
export function readIntegerOctets(element: DerElement | undefined): Uint8Array {
  const { content } = expectTag(element, derTag.integer);
  const [first, second] = content;
  if (first === undefined) throw new DerError("empty integer");
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new DerError("integer is not minimal");
  return content;
}

/** A BIT STRING's octets; `unusedBitsMax` 0 for keys and signatures. Throws DerError. */
export function readBits(element: DerElement | undefined, unusedBitsMax = 0): Uint8Array {
  const { content } = expectTag(element, derTag.bitString);
  const unused = content[0];
  if (unused === undefined || unused > unusedBitsMax) throw new DerError("bit string with odd unused bits");
  return content.subarray(1);
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 allows them (seconds, Z, no fraction), in ms since 1970. Throws DerError. */
export function readTime(element: DerElement | undefined): number {
  const text = Buffer.from(element?.content ?? []).toString("latin1");
  const short = element?.tag === derTag.utcTime;
  if (!short) expectTag(element, derTag.generalizedTime);
  if (!(short ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) throw new DerError("time is not in the form RFC 5280 asks for");
  // RFC 5280 §4.1.2.5.1: two-digit years of 50 and above are 19YY.
  const digits = short ? `${text < "5" ? "20" : "19"}${text}` : text;
  const iso = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}T${digits.slice(8, 10)}:${digits.slice(10, 12)}:${digits.slice(12, 14)}.000Z`;
  const time = Date.parse(iso);
  // Date.parse takes 30 February; a time that does not come back as it went in is none.
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso) throw new DerError("no such time");
  return time;
}

/** One element around the given parts. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [tag];
  if (length < 0x80) header.push(length);
  else if (length < 0x100) header.push(0x81, length);
  else if (length < 0x10000) header.push(0x82, length >> 8, length & 0xff);
  else if (length < 0x1000000) header.push(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff);
  else throw new DerError("element of 16 MB or more");
  return Buffer.concat([Buffer.from(header), ...parts]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(derTag.sequence, ...parts);
export const octetString = (value: Uint8Array): Buffer => der(derTag.octetString, value);
export const bitString = (value: Uint8Array): Buffer => der(derTag.bitString, Buffer.from([0]), value);

/** A non-negative INTEGER from its magnitude, big-endian. */
export function unsignedInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const body = magnitude.subarray(start);
  const padded = body.length === 0 || (body[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), body]) : body;
  return der(derTag.integer, padded);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left % 128) | 0x80);
    octets.push(...groups);
  }
  return der(derTag.oid, Buffer.from(octets));
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; parts of a second are dropped. */
export function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(derTag.utcTime, Buffer.from(`${digits.slice(2)}Z`, "latin1"))
    : der(derTag.generalizedTime, Buffer.from(`${digits}Z`, "latin1"));
}
