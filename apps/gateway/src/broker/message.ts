// Hot: a message as the broker keeps it, once for all who get it.
//
//   body:  [ topic | packet id | properties | payload ]     as it came, one copy out of the read buffer
//            ^bodyStart                        ^payloadStart  ^payloadEnd
//
// A subscriber of the same protocol level is sent these bytes with another first byte and packet id; only others are encoded for.
import { type Properties, type PublishBody, type PublishMessage, type PublishPacket, propertiesSize, type Qos } from "@mooring/mqtt";

export class Message implements PublishBody {
  readonly topic: string;
  readonly qos: Qos;
  /** As it was published. */
  readonly retain: boolean;
  /** What goes on to subscribers [MQTT-3.3.2-4, -15, -16, -17, -18, -20]; the expiry interval as it was given. */
  readonly properties: Properties | null;
  /** The bytes are of MQTT 5. */
  readonly isV5: boolean;
  /** The bytes may go on as they stand to a subscriber of that level. */
  readonly isPlain: boolean;
  readonly buffer: Buffer;
  readonly bodyStart: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /** Wall-clock milliseconds; 0 for never. */
  readonly expiresAtMs: number;

  constructor(head: MessageHead, body: MessageBody) {
    this.topic = head.topic;
    this.qos = head.qos;
    this.retain = head.retain;
    this.properties = head.properties;
    this.isV5 = body.isV5;
    this.isPlain = body.isPlain;
    this.buffer = body.buffer;
    this.bodyStart = body.bodyStart;
    this.payloadStart = body.payloadStart;
    this.payloadEnd = body.payloadEnd;
    this.expiresAtMs = head.expiresAtMs;
  }

  get payload(): Buffer {
    const { buffer, payloadStart, payloadEnd } = this;
    return payloadStart === 0 && payloadEnd === buffer.length ? buffer : buffer.subarray(payloadStart, payloadEnd);
  }

  /** With bytes of its own: of one whose bytes are good for a while only. */
  copy(): Message {
    const { isV5, isPlain, bodyStart } = this;
    const buffer = Buffer.from(this.buffer.subarray(bodyStart, this.payloadEnd));
    return new Message(this, {
      isV5,
      isPlain,
      buffer,
      bodyStart: 0,
      payloadStart: this.payloadStart - bodyStart,
      payloadEnd: buffer.length,
    });
  }

  /** What a queue is charged for it; the same for a message that came as a packet and as the store gives it back. */
  get bytes(): number {
    const { properties } = this;
    const carried =
      properties === null ? 0 : propertiesSize(properties) - (properties.messageExpiryIntervalS === undefined ? 0 : expiryBytes);
    return this.payloadEnd - this.payloadStart + this.topic.length + carried + messageBytesFixed;
  }

  isExpired(nowMs: number): boolean {
    return this.expiresAtMs !== 0 && nowMs >= this.expiresAtMs;
  }
}

/** The object, its buffer's header and its place in a queue: measured, rounded up. */
const messageBytesFixed = 256;
/** The property, which the store keeps as a time. */
const expiryBytes = 5;

export interface MessageHead {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: Properties | null;
  readonly expiresAtMs: number;
}

/** Its bytes, and what may be done with them. */
export type MessageBody = Pick<Message, "isV5" | "isPlain" | "buffer" | "bodyStart" | "payloadStart" | "payloadEnd">;

/** The message of a packet, copied out of the read buffer. `topic` is the packet's, or what its alias stands for. */
export function messageOfPacket(packet: PublishPacket, topic: string, isV5: boolean, nowMs: number): Message {
  const properties = forwardedProperties(packet.properties);
  const { qos, retain } = packet;
  const head = { topic, qos, retain, properties, expiresAtMs: expiryOf(packet.properties, nowMs) };
  const buffer = packet.copyBody();
  const payloadStart = packet.payloadStart - packet.bodyStart;
  const body = { isV5, isPlain: isPlain(packet.properties), buffer, bodyStart: 0, payloadStart, payloadEnd: buffer.length };
  return new Message(head, body);
}

/** A message that no packet brought: a will, or what was stored. The payload is kept as it is, not copied. */
export function createMessage(message: Omit<PublishMessage, "dup" | "packetId">, expiresAtMs: number): Message {
  const { topic, payload, qos, retain, properties } = message;
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const head = { topic, qos, retain, properties: forwardedProperties(properties), expiresAtMs };
  return new Message(head, { isV5: false, isPlain: false, buffer, bodyStart: 0, payloadStart: 0, payloadEnd: buffer.length });
}

/** Whether the packet's bytes may go on unchanged: an alias is the sender's own, and an expiry interval shrinks. */
export function isPlain(properties: Properties | null): boolean {
  return properties === null || (properties.topicAlias === undefined && properties.messageExpiryIntervalS === undefined);
}

/** When the message expires, or 0. */
export function expiryOf(properties: Properties | null, nowMs: number): number {
  const seconds = properties === null ? undefined : properties.messageExpiryIntervalS;
  return seconds === undefined ? 0 : nowMs + seconds * 1_000;
}

/** Properties of a PUBLISH that belong to the message and not to its way here. */
function forwardedProperties(from: Properties | null): Properties | null {
  if (from === null || (from.topicAlias === undefined && from.willDelayIntervalS === undefined)) return from;
  const { topicAlias: _alias, willDelayIntervalS: _delay, ...rest } = from;
  return rest;
}

/** The properties as they leave: what is left of the expiry interval [MQTT-3.3.2-6], and the subscription identifiers [MQTT-3.3.4-3]. */
export function leavingProperties(
  { properties, expiresAtMs }: Pick<Message, "properties" | "expiresAtMs">,
  nowMs: number,
  ids: readonly number[] | null,
): Properties | null {
  if (ids === null && expiresAtMs === 0) return properties;
  const leaving: Properties = { ...properties };
  if (expiresAtMs !== 0) leaving.messageExpiryIntervalS = Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1_000));
  if (ids !== null) leaving.subscriptionIds = ids as number[];
  return leaving;
}
