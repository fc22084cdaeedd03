// Hot: the data types of MQTT 5 s1.5 on the way out. Each function writes at an offset and returns the offset after what it wrote.
import { REMAINING_LENGTH_MAX, STRING_BYTES_MAX } from "./protocol.ts";

/** Up to this many characters a loop over char codes beats the call into the runtime. */
const COUNT_MAX = 32;
const WRITE_MAX = 8;

/** Node's UTF-8 write on Buffer, without the argument handling of `write`. Returns the bytes written. */
interface Writes {
  utf8Write(text: string, offset: number): number;
}

/** Bytes of a string with its length. Throws RangeError beyond 65,535 bytes: whoever lets strings in checks them there. */
export function stringSize(text: string): number {
  const length = utf8Length(text);
  if (length > STRING_BYTES_MAX) throw new RangeError(`a string of ${length} bytes does not fit MQTT's limit of ${STRING_BYTES_MAX}`);
  return length + 2;
}

function utf8Length(text: string): number {
  const length = text.length;
  if (length > COUNT_MAX) return Buffer.byteLength(text);
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 127) return Buffer.byteLength(text);
  return length;
}

/** Bytes of binary data with its length; throws as `stringSize` does. */
export function binarySize(bytes: Uint8Array): number {
  if (bytes.length > STRING_BYTES_MAX) throw new RangeError(`${bytes.length} bytes do not fit MQTT's limit of ${STRING_BYTES_MAX}`);
  return bytes.length + 2;
}

/** Bytes of a variable byte integer. Throws RangeError beyond 268,435,455. */
export function varintSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  if (value <= REMAINING_LENGTH_MAX) return 4;
  throw new RangeError(`${value} does not fit a variable byte integer`);
}

/** Bytes of a whole packet whose body has `body` bytes. */
export function packetSize(body: number): number {
  return 1 + varintSize(body) + body;
}

export function writeVarint(target: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 127) {
    target[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

export function writeUint16(target: Buffer, offset: number, value: number): number {
  target[offset] = value >> 8;
  target[offset + 1] = value & 255;
  return offset + 2;
}

export function writeUint32(target: Buffer, offset: number, value: number): number {
  return writeUint16(target, writeUint16(target, offset, value >>> 16), value & 0xffff);
}

export function writeString(target: Buffer, offset: number, text: string): number {
  const start = offset + 2;
  const length = text.length;
  if (length <= WRITE_MAX) {
    let at = 0;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 127) break;
      target[start + at] = code;
    }
    if (at === length) {
      writeUint16(target, offset, length);
      return start + length;
    }
  }
  const written = (target as unknown as Writes).utf8Write(text, start);
  writeUint16(target, offset, written);
  return start + written;
}

/** Bytes without a length. `set` is the fastest copy there is except for a handful of bytes. */
export function writeBytes(target: Buffer, offset: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length < 16) for (let at = 0; at < length; at++) target[offset + at] = bytes[at] as number;
  else target.set(bytes, offset);
  return offset + length;
}

export function writeBinary(target: Buffer, offset: number, bytes: Uint8Array): number {
  return writeBytes(target, writeUint16(target, offset, bytes.length), bytes);
}

/** Overwrites the two bytes of a packet id at `offset`. */
export function patchPacketId(target: Buffer, offset: number, packetId: number): void {
  target[offset] = packetId >> 8;
  target[offset + 1] = packetId & 255;
}
