// Hot: the packets of the message flow. `write...` puts them into the connection's pending buffer and allocates nothing.
import { propertiesSize, writeProperties } from "./encode-properties.ts";
import type { PublishMessage } from "./packets.ts";
import { type AckType, PacketType, ProtocolLevel, type Qos } from "./protocol.ts";
import { packetSize, patchPacketId, stringSize, varintSize, writeBytes, writeString, writeUint16, writeVarint } from "./write.ts";

/** Bytes `writePublish` will write. Throws RangeError when a field does not fit its length (topic over 65,535 bytes). */
export function publishSize(message: PublishMessage, protocolLevel: ProtocolLevel): number {
  return packetSize(stringSize(message.topic) + sizeBesidesTopic(message, protocolLevel));
}

function sizeBesidesTopic(message: PublishMessage, protocolLevel: ProtocolLevel): number {
  const fixed = message.payload.length + (message.qos === 0 ? 0 : 2);
  if (protocolLevel !== ProtocolLevel.V5) return fixed;
  if (message.properties === null) return fixed + 1;
  const properties = propertiesSize(message.properties);
  return fixed + varintSize(properties) + properties;
}

/**
 * Writes a PUBLISH at `offset` of a buffer that has `publishSize` bytes left there; returns the offset after it. The packet id is written
 * with QoS 1 and 2 only, properties with MQTT 5 only.
 */
export function writePublish(target: Buffer, offset: number, message: PublishMessage, protocolLevel: ProtocolLevel): number {
  const { topic, qos, properties } = message;
  target[offset] = 0x30 | (message.dup ? 8 : 0) | (qos << 1) | (message.retain ? 1 : 0);
  const rest = sizeBesidesTopic(message, protocolLevel);
  // Nearly every topic is ASCII: take that for granted, and start over when writing it shows otherwise. Counting first costs more.
  const start = writeVarint(target, offset + 1, rest + 2 + topic.length);
  let at = writeString(target, start, topic);
  if (at - start !== topic.length + 2) at = writeString(target, writeVarint(target, offset + 1, rest + at - start), topic);
  if (qos !== 0) at = writeUint16(target, at, message.packetId);
  if (protocolLevel === ProtocolLevel.V5) at = writeProperties(target, at, properties, propertiesSize(properties));
  return writeBytes(target, at, message.payload);
}

/** A PUBLISH in a buffer of its own. */
export function encodePublish(message: PublishMessage, protocolLevel: ProtocolLevel): Buffer {
  const bytes = Buffer.allocUnsafe(publishSize(message, protocolLevel));
  writePublish(bytes, 0, message, protocolLevel);
  return bytes;
}

/**
 * A PUBLISH as it came, behind its Remaining Length: topic, packet id if `qos` is not 0, properties if it is of MQTT 5, payload. It can go on to
 * a subscriber of the same protocol level as it stands, as long as its properties may.
 */
export interface PublishBody {
  readonly buffer: Buffer;
  readonly bodyStart: number;
  readonly payloadEnd: number;
  readonly qos: Qos;
}

/** The first byte of a PUBLISH. */
export function publishHeader(qos: Qos, retain: boolean, dup: boolean): number {
  return 0x30 | (qos << 1) | (retain ? 1 : 0) | (dup ? 8 : 0);
}

/** Bytes that `writeForwarded` will write. */
export function forwardedSize(body: PublishBody, header: number): number {
  return packetSize(body.payloadEnd - body.bodyStart - (body.qos !== 0 && (header & 6) === 0 ? 2 : 0));
}

/**
 * Writes a PUBLISH with this first byte (whose QoS is at most the body's) from the bytes of another: neither topic nor properties are encoded
 * anew. Returns the offset after it.
 */
export function writeForwarded(target: Buffer, offset: number, body: PublishBody, header: number, packetId: number): number {
  const { buffer, bodyStart, payloadEnd } = body;
  target[offset] = header;
  const size = payloadEnd - bodyStart;
  const hasId = (header & 6) !== 0;
  if (hasId || body.qos === 0) {
    const at = writeVarint(target, offset + 1, size);
    target.set(viewOf(body), at);
    if (hasId) patchPacketId(target, at + 2 + topicBytes(buffer, bodyStart), packetId);
    return at + size;
  }
  const idAt = bodyStart + 2 + topicBytes(buffer, bodyStart);
  const at = writeVarint(target, offset + 1, size - 2);
  copyBytes(target, at, buffer, bodyStart, idAt);
  copyBytes(target, at + idAt - bodyStart, buffer, idAt + 2, payloadEnd);
  return at + size - 2;
}

let viewed: PublishBody | null = null;
let view: Uint8Array = new Uint8Array(0);

/** The body as `set` takes it, made once for all subscribers. */
function viewOf(body: PublishBody): Uint8Array {
  if (body === viewed) return view;
  const { buffer, bodyStart, payloadEnd } = body;
  viewed = body;
  view = new Uint8Array(buffer.buffer, buffer.byteOffset + bodyStart, payloadEnd - bodyStart);
  return view;
}

function topicBytes(buffer: Buffer, at: number): number {
  return ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
}

/** `set` with a view made by hand: less than half of `subarray` and two thirds of `copy` for the hundred bytes of a usual message. */
function copyBytes(target: Buffer, offset: number, from: Buffer, start: number, end: number): void {
  target.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start), offset);
}

/**
 * A PUBLISH encoded once for many subscribers of one protocol level and QoS. For each of them: copy `bytes` with `writeEncoded`, which
 * writes the subscriber's packet id at `packetIdOffset` (0 with QoS 0, which has none).
 */
export interface EncodedPublish {
  readonly bytes: Buffer;
  readonly packetIdOffset: number;
}

/** Encodes for fan-out. The payload is copied, so the result may be kept. */
export function encodeForFanOut(message: PublishMessage, protocolLevel: ProtocolLevel): EncodedPublish {
  const bytes = encodePublish(message, protocolLevel);
  if (message.qos === 0) return { bytes, packetIdOffset: 0 };
  let topic = 2; // The packet id follows the topic, which follows the first byte and the Remaining Length.
  while ((bytes[topic - 1] as number) > 127) topic++;
  return { bytes, packetIdOffset: topic + 2 + (((bytes[topic] as number) << 8) | (bytes[topic + 1] as number)) };
}

/** Copies an encoded PUBLISH to `offset` of a buffer with `bytes.length` left there, with its own packet id; returns the offset after it. */
export function writeEncoded(target: Buffer, offset: number, encoded: EncodedPublish, packetId: number): number {
  target.set(encoded.bytes, offset);
  if (encoded.packetIdOffset !== 0) patchPacketId(target, offset + encoded.packetIdOffset, packetId);
  return offset + encoded.bytes.length;
}

/** Size of what `writeAck` writes. */
export const ACK_BYTES = 4;

/** Writes an acknowledgement that says Success: the same four bytes in every protocol level (MQTT 5 s3.4.2.1). Returns the offset after it. */
export function writeAck(target: Buffer, offset: number, type: AckType, packetId: number): number {
  target[offset] = (type << 4) | (type === PacketType.Pubrel ? 2 : 0); // [MQTT-3.6.1-1]
  target[offset + 1] = 2;
  return writeUint16(target, offset + 2, packetId);
}
