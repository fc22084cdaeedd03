// Hot: every packet but CONNECT and CONNACK. A function returns null (or a negative number) with the reader's error set on a broken rule.
import { decodeProperties } from "./decode-properties.ts";
import type { PacketReader } from "./packet-reader.ts";
import {
  type Properties,
  PublishPacket,
  type ReasonPacket,
  type SubscribePacket,
  type SubscriptionAckPacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "./packets.ts";
import { PacketType, ProtocolLevel, type Qos, ReasonCode } from "./protocol.ts";
import { isDisconnectCodeOf, isReasonCodeOf } from "./reason-codes.ts";

/** Filters in one SUBSCRIBE or UNSUBSCRIBE: the spec names no bound, and four bytes of wire make an object and a trie entry. */
export const FILTERS_PER_PACKET_MAX = 1024;

/** Longer topics are not remembered: what a connection keeps is bounded. */
const LAST_TOPIC_CHARS_MAX = 128;

/** What decoding a PUBLISH needs to know of its connection. */
export interface PublishContext {
  readonly protocolLevel: number;
  /** A client may not send what only a server may. */
  readonly fromClient: boolean;
  /** The last topic seen, if ASCII and short. Most devices publish to one topic again and again, and recognizing it halves the work. */
  lastTopic: string;
}

/** PUBLISH (MQTT 5 s3.3). */
export function decodePublish(reader: PacketReader, header: number, context: PublishContext): PublishPacket | null {
  const isV5 = context.protocolLevel === ProtocolLevel.V5;
  const qosBits = header & 6;
  // [MQTT-3.3.1-4]: QoS 3 is malformed. [MQTT-3.3.1-2]: DUP is zero with QoS 0.
  if (qosBits === 6 || (qosBits === 0 && (header & 8) !== 0)) reader.fail(ReasonCode.MalformedPacket);
  const bodyStart = reader.offset;
  const start = bodyStart + 2;
  const topic = reader.topicName(context.lastTopic); // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
  // As many characters as bytes: the topic is ASCII.
  if (topic !== "" && topic.length <= LAST_TOPIC_CHARS_MAX && topic.length === reader.offset - start) context.lastTopic = topic;
  const packetId = qosBits === 0 ? 0 : reader.packetId();
  const properties = isV5 ? decodeProperties(reader, PacketType.Publish) : null;
  // [MQTT-3.3.4-6]: subscription identifiers come from the server only.
  if (context.fromClient && properties !== null && properties.subscriptionIds !== undefined) reader.fail(ReasonCode.ProtocolError);
  if (topic === "" && (properties === null || properties.topicAlias === undefined)) {
    // MQTT 5 s3.3.2.1: a protocol error without an alias. [MQTT-4.7.3-1] before.
    reader.fail(isV5 ? ReasonCode.ProtocolError : ReasonCode.MalformedPacket);
  }
  if (reader.error !== 0) return null;
  return new PublishPacket(header, topic, packetId, properties, reader.buffer, bodyStart, reader.offset, reader.end);
}

/** The properties of an acknowledgement whose packet id and reason code `decodeAckReason` has read. */
export function decodeAckProperties(reader: PacketReader, type: PacketType): Properties | null {
  const properties = reader.offset < reader.end ? decodeProperties(reader, type) : null;
  reader.expectEnd();
  return properties;
}

/** The reason code of PUBACK, PUBREC, PUBREL or PUBCOMP: left out when it is Success (MQTT 5 s3.4.2.1), absent before MQTT 5. */
export function decodeAckReason(reader: PacketReader, type: PacketType, isV5: boolean): number {
  if (reader.offset === reader.end) return ReasonCode.Success;
  if (!isV5) return reader.fail(ReasonCode.MalformedPacket);
  const code = reader.byte();
  // [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1]
  if (!isReasonCodeOf(type, code)) reader.fail(ReasonCode.ProtocolError);
  return code;
}

/** SUBSCRIBE (MQTT 5 s3.8). */
export function decodeSubscribe(reader: PacketReader, isV5: boolean): SubscribePacket | null {
  const packetId = reader.packetId();
  const properties = isV5 ? decodeProperties(reader, PacketType.Subscribe) : null;
  const subscriptions: SubscriptionRequest[] = [];
  if (reader.offset === reader.end) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.8.3-2]
  while (reader.offset < reader.end) {
    if (subscriptions.length === FILTERS_PER_PACKET_MAX) reader.fail(ReasonCode.QuotaExceeded);
    const filter = decodeFilter(reader);
    const options = reader.byte();
    checkOptions(reader, options, isV5, filter);
    subscriptions.push({
      filter,
      qos: (options & 3) as Qos,
      noLocal: (options & 4) !== 0,
      retainAsPublished: (options & 8) !== 0,
      retainHandling: (options >> 4) & 3,
    });
  }
  return reader.error === 0 ? { packetId, subscriptions, properties } : null;
}

function checkOptions(reader: PacketReader, options: number, isV5: boolean, filter: string): void {
  if ((options & 3) === 3) reader.fail(isV5 ? ReasonCode.ProtocolError : ReasonCode.MalformedPacket); // s3.8.3.1; 3.1.1 [MQTT-3.8.3-4]
  if ((options & (isV5 ? 0xc0 : 0xfc)) !== 0) reader.fail(ReasonCode.MalformedPacket); // [MQTT-3.8.3-5]; 3.1.1 [MQTT-3.8.3-4]
  if (!isV5) return;
  if ((options & 0x30) === 0x30) reader.fail(ReasonCode.ProtocolError); // s3.8.3.1: Retain Handling 3
  if ((options & 4) !== 0 && filter.startsWith("$share/")) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.8.3-4]
}

/** A topic filter: at least one character [MQTT-4.7.3-1]. */
function decodeFilter(reader: PacketReader): string {
  const filter = reader.string();
  if (filter === "") reader.fail(ReasonCode.MalformedPacket);
  return filter;
}

/** UNSUBSCRIBE (MQTT 5 s3.10). */
export function decodeUnsubscribe(reader: PacketReader, isV5: boolean): UnsubscribePacket | null {
  const packetId = reader.packetId();
  const properties = isV5 ? decodeProperties(reader, PacketType.Unsubscribe) : null;
  const filters: string[] = [];
  if (reader.offset === reader.end) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.10.3-2]
  while (reader.offset < reader.end) {
    if (filters.length === FILTERS_PER_PACKET_MAX) reader.fail(ReasonCode.QuotaExceeded);
    filters.push(decodeFilter(reader));
  }
  return reader.error === 0 ? { packetId, filters, properties } : null;
}

/** SUBACK (s3.9) and UNSUBACK (s3.11, which has no payload before MQTT 5). */
export function decodeSubscriptionAck(reader: PacketReader, type: 9 | 11, isV5: boolean): SubscriptionAckPacket | null {
  const packetId = reader.packetId();
  const properties = isV5 ? decodeProperties(reader, type) : null;
  const reasonCodes: number[] = [];
  if (type === PacketType.Unsuback && !isV5) reader.expectEnd();
  else if (reader.offset === reader.end) reader.fail(ReasonCode.ProtocolError);
  while (reader.offset < reader.end) {
    const code = reader.byte();
    if (reasonCodes.length === FILTERS_PER_PACKET_MAX) reader.fail(ReasonCode.QuotaExceeded);
    // [MQTT-3.9.3-2], [MQTT-3.11.3-2]; 3.1.1 knows 0, 1, 2 and 0x80.
    const isKnown = isV5 ? isReasonCodeOf(type, code) : code <= 2 || code === ReasonCode.UnspecifiedError;
    if (!isKnown) reader.fail(ReasonCode.ProtocolError);
    reasonCodes.push(code);
  }
  return reader.error === 0 ? { packetId, reasonCodes, properties } : null;
}

/** DISCONNECT (s3.14): empty before MQTT 5, and when it is a normal disconnection without properties. */
export function decodeDisconnect(reader: PacketReader, isV5: boolean, fromClient: boolean): ReasonPacket | null {
  if (!isV5) reader.expectEnd();
  let reasonCode: number = ReasonCode.Success;
  let properties: Properties | null = null;
  if (reader.offset < reader.end) {
    reasonCode = reader.byte();
    if (!isDisconnectCodeOf(fromClient, reasonCode)) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.14.2-1]
    properties = decodeAckProperties(reader, PacketType.Disconnect);
  }
  if (properties !== null) {
    // [MQTT-3.14.2-2]: a server sends no Session Expiry Interval. s3.14.2.2.5: a Server Reference is the server's.
    const isForeign = fromClient ? properties.serverReference !== undefined : properties.sessionExpiryIntervalS !== undefined;
    if (isForeign) reader.fail(ReasonCode.ProtocolError);
  }
  return reader.error === 0 ? { reasonCode, properties } : null;
}

/** AUTH (s3.15). It names its method unless it is a bare success from the server. */
export function decodeAuth(reader: PacketReader, fromClient: boolean): ReasonPacket | null {
  let reasonCode: number = ReasonCode.Success;
  let properties: Properties | null = null;
  if (reader.offset < reader.end) {
    reasonCode = reader.byte();
    properties = decodeAckProperties(reader, PacketType.Auth);
  }
  // [MQTT-3.15.2-1]: Success comes from the server, re-authentication from the client.
  const isTheirs = fromClient ? reasonCode !== ReasonCode.Success : reasonCode !== ReasonCode.ReAuthenticate;
  if (!isReasonCodeOf(PacketType.Auth, reasonCode) || !isTheirs) reader.fail(ReasonCode.ProtocolError);
  const isBareSuccess = reasonCode === ReasonCode.Success && properties === null;
  if (!isBareSuccess && properties?.authenticationMethod === undefined) reader.fail(ReasonCode.ProtocolError); // s3.15.2.2.2
  return reader.error === 0 ? { reasonCode, properties } : null;
}
