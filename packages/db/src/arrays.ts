// Hot: columns of many rows as Postgres's binary arrays, for `unnest`. As text each element would be quoted and escaped here, and read there letter by
// letter: that costs both sides twice as much.
//
//   array    dimensions (1; 0 when empty) | has nulls | element's oid | length | first index (1) | elements
//   element  bytes (-1 for null) | bytes
//
// (Postgres: array_recv in src/backend/utils/adt/arrayfuncs.c, and the recv function of each type.) `pg` sends a Buffer in binary, as it is.

type Absent = null | undefined;

const oids = { json: 114, int8: 20, text: 25, float8: 701, uuid: 2950 } as const;
const headerBytes = 20;
const uuidBytes = 16;
const numberBytes = 8;
const uuidLength = 36;

/** `uuid[]`. When something in it is no UUID in its usual form, all is left as text: it is for Postgres to take or refuse it. */
export function uuidArray(values: readonly string[]): Buffer | readonly string[] {
  const buffer = allocate(oids.uuid, values.length, values.length * (4 + uuidBytes));
  let at = headerBytes;
  for (const value of values) {
    buffer.writeInt32BE(uuidBytes, at);
    if (!writeUuid(buffer, at + 4, value)) return values;
    at += 4 + uuidBytes;
  }
  return buffer;
}

/** `text[]`. */
export function textArray(values: readonly (string | Absent)[]): Buffer {
  return stringArray(oids.text, values);
}

/** `json[]`, of JSON text. */
export function jsonArray(values: readonly (string | Absent)[]): Buffer {
  return stringArray(oids.json, values);
}

/** `bigint[]`, of whole numbers that a double holds exactly. */
export function bigintArray(values: readonly (number | Absent)[]): Buffer {
  return numberArray(oids.int8, values, writeInteger);
}

/** `double precision[]`. */
export function doubleArray(values: readonly (number | Absent)[]): Buffer {
  return numberArray(oids.float8, values, (buffer, at, value) => void buffer.writeDoubleBE(value, at));
}

function stringArray(oid: number, values: readonly (string | Absent)[]): Buffer {
  let bytes = values.length * 4;
  for (const value of values) if (value != null) bytes += Buffer.byteLength(value);
  const buffer = allocate(oid, values.length, bytes);
  let at = headerBytes;
  for (const value of values) {
    if (value == null) {
      at = writeNull(buffer, at);
      continue;
    }
    const written = buffer.write(value, at + 4);
    buffer.writeInt32BE(written, at);
    at += 4 + written;
  }
  return buffer;
}

function numberArray(
  oid: number,
  values: readonly (number | Absent)[],
  write: (buffer: Buffer, at: number, value: number) => void,
): Buffer {
  let present = 0;
  for (const value of values) if (value != null) present++;
  const buffer = allocate(oid, values.length, values.length * 4 + present * numberBytes);
  let at = headerBytes;
  for (const value of values) {
    if (value == null) {
      at = writeNull(buffer, at);
      continue;
    }
    buffer.writeInt32BE(numberBytes, at);
    write(buffer, at + 4, value);
    at += 4 + numberBytes;
  }
  return buffer;
}

function allocate(oid: number, length: number, elementBytes: number): Buffer {
  const isEmpty = length === 0;
  const buffer = Buffer.allocUnsafe((isEmpty ? headerBytes - 8 : headerBytes) + elementBytes);
  buffer.writeInt32BE(isEmpty ? 0 : 1, 0);
  // Only a hint: Postgres finds nulls by itself.
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(oid, 8);
  if (isEmpty) return buffer;
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

function writeNull(buffer: Buffer, at: number): number {
  buffer.writeInt32BE(-1, at);
  return at + 4;
}

function writeInteger(buffer: Buffer, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number that a double holds exactly`);
  const high = Math.floor(value / 2 ** 32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * 2 ** 32, at + 4);
}

/** False when the text is not a UUID in its usual form: 8-4-4-4-12 hexadecimal digits. */
function writeUuid(buffer: Buffer, at: number, text: string): boolean {
  if (text.length !== uuidLength) return false;
  let place = 0;
  let to = at;
  while (place < uuidLength) {
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (text.charCodeAt(place++) !== 45) return false;
      continue;
    }
    const byte = (digitOf(text.charCodeAt(place)) << 4) | digitOf(text.charCodeAt(place + 1));
    if (byte < 0) return false;
    buffer[to++] = byte;
    place += 2;
  }
  return true;
}

/** Of a hexadecimal digit; -1 for anything else, which stays negative when digits are put together. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
