// Hot: all packets but PUBLISH, each into a buffer of its own. The size is computed first, so that one allocation is enough.
import { propertiesSize, writeProperties } from "./encode-properties.ts";
import { ACK_BYTES, writeAck } from "./encode-publish.ts";
import type {
  AckPacket,
  ConnackPacket,
  ConnectPacket,
  Properties,
  ReasonPacket,
  SubscribePacket,
  SubscriptionAckPacket,
  UnsubscribePacket,
  Will,
} from "./packets.ts";
import { type AckType, PacketType, ProtocolLevel, ReasonCode } from "./protocol.ts";
import { returnCodeOfReason, subackCode } from "./reason-codes.ts";
import { binarySize, packetSize, stringSize, varintSize, writeBinary, writeString, writeUint16, writeVarint } from "./write.ts";

/** Bytes of the properties with their length; none before MQTT 5. */
function propertiesField(properties: Properties | null, isV5: boolean): number {
  if (!isV5) return 0;
  const size = propertiesSize(properties);
  return varintSize(size) + size;
}

function writePropertiesField(target: Buffer, offset: number, properties: Properties | null, isV5: boolean): number {
  return isV5 ? writeProperties(target, offset, properties, propertiesSize(properties)) : offset;
}

/** A buffer for a packet with its fixed header written. The body begins at `length - body`. */
function allocate(header: number, body: number): Buffer {
  const bytes = Buffer.allocUnsafe(packetSize(body));
  bytes[0] = header;
  writeVarint(bytes, 1, body);
  return bytes;
}

/** CONNECT (MQTT 5 s3.1). */
export function encodeConnect(packet: ConnectPacket): Buffer {
  const { protocolLevel, will, username, password } = packet;
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const name = protocolLevel === ProtocolLevel.V31 ? "MQIsdp" : "MQTT";
  let body = stringSize(name) + 4 + propertiesField(packet.properties, isV5) + stringSize(packet.clientId);
  if (will !== null) body += propertiesField(will.properties, isV5) + stringSize(will.topic) + binarySize(will.payload);
  if (username !== null) body += stringSize(username);
  if (password !== null) body += binarySize(password);
  const bytes = allocate(PacketType.Connect << 4, body);
  let at = writeString(bytes, bytes.length - body, name);
  bytes[at++] = protocolLevel;
  bytes[at++] = connectFlags(packet);
  at = writeUint16(bytes, at, packet.keepAliveS);
  at = writePropertiesField(bytes, at, packet.properties, isV5);
  at = writeString(bytes, at, packet.clientId);
  if (will !== null) at = writeWill(bytes, at, will, isV5);
  if (username !== null) at = writeString(bytes, at, username);
  if (password !== null) writeBinary(bytes, at, password);
  return bytes;
}

function connectFlags(packet: ConnectPacket): number {
  let flags = packet.cleanStart ? 2 : 0;
  if (packet.will !== null) flags |= 4 | (packet.will.qos << 3) | (packet.will.retain ? 0x20 : 0);
  if (packet.password !== null) flags |= 0x40;
  if (packet.username !== null) flags |= 0x80;
  return flags;
}

function writeWill(target: Buffer, offset: number, will: Will, isV5: boolean): number {
  let at = writePropertiesField(target, offset, will.properties, isV5);
  at = writeString(target, at, will.topic);
  return writeBinary(target, at, will.payload);
}

/** CONNACK (s3.2). `reasonCode` is of MQTT 5; earlier levels get the nearest return code. */
export function encodeConnack(packet: ConnackPacket, protocolLevel: ProtocolLevel): Buffer {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const body = 2 + propertiesField(packet.properties, isV5);
  const bytes = allocate(PacketType.Connack << 4, body);
  let at = bytes.length - body;
  bytes[at++] = packet.sessionPresent && protocolLevel !== ProtocolLevel.V31 ? 1 : 0;
  bytes[at++] = isV5 ? packet.reasonCode : returnCodeOfReason(packet.reasonCode);
  writePropertiesField(bytes, at, packet.properties, isV5);
  return bytes;
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP (s3.4 to s3.7), as short as the spec allows. */
export function encodeAck(type: AckType, packet: AckPacket, protocolLevel: ProtocolLevel): Buffer {
  const size = propertiesSize(packet.properties);
  if (protocolLevel !== ProtocolLevel.V5 || (packet.reasonCode === ReasonCode.Success && size === 0)) {
    const short = Buffer.allocUnsafe(ACK_BYTES);
    writeAck(short, 0, type, packet.packetId);
    return short;
  }
  const body = 3 + (size === 0 ? 0 : varintSize(size) + size);
  const bytes = allocate((type << 4) | (type === PacketType.Pubrel ? 2 : 0), body);
  const at = writeUint16(bytes, bytes.length - body, packet.packetId);
  bytes[at] = packet.reasonCode;
  if (size > 0) writeProperties(bytes, at + 1, packet.properties, size);
  return bytes;
}

export function encodePuback(packet: AckPacket, protocolLevel: ProtocolLevel): Buffer {
  return encodeAck(PacketType.Puback, packet, protocolLevel);
}

export function encodePubrec(packet: AckPacket, protocolLevel: ProtocolLevel): Buffer {
  return encodeAck(PacketType.Pubrec, packet, protocolLevel);
}

export function encodePubrel(packet: AckPacket, protocolLevel: ProtocolLevel): Buffer {
  return encodeAck(PacketType.Pubrel, packet, protocolLevel);
}

export function encodePubcomp(packet: AckPacket, protocolLevel: ProtocolLevel): Buffer {
  return encodeAck(PacketType.Pubcomp, packet, protocolLevel);
}

/** SUBSCRIBE (s3.8). */
export function encodeSubscribe(packet: SubscribePacket, protocolLevel: ProtocolLevel): Buffer {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  let body = 2 + propertiesField(packet.properties, isV5);
  for (const subscription of packet.subscriptions) body += stringSize(subscription.filter) + 1;
  const bytes = allocate((PacketType.Subscribe << 4) | 2, body);
  let at = writeUint16(bytes, bytes.length - body, packet.packetId);
  at = writePropertiesField(bytes, at, packet.properties, isV5);
  for (const subscription of packet.subscriptions) {
    at = writeString(bytes, at, subscription.filter);
    const { qos, noLocal, retainAsPublished, retainHandling } = subscription;
    bytes[at++] = isV5 ? qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4) : qos;
  }
  return bytes;
}

/** UNSUBSCRIBE (s3.10). */
export function encodeUnsubscribe(packet: UnsubscribePacket, protocolLevel: ProtocolLevel): Buffer {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  let body = 2 + propertiesField(packet.properties, isV5);
  for (const filter of packet.filters) body += stringSize(filter);
  const bytes = allocate((PacketType.Unsubscribe << 4) | 2, body);
  let at = writeUint16(bytes, bytes.length - body, packet.packetId);
  at = writePropertiesField(bytes, at, packet.properties, isV5);
  for (const filter of packet.filters) at = writeString(bytes, at, filter);
  return bytes;
}

/** SUBACK (s3.9). Before MQTT 5 every failure is 0x80. */
export function encodeSuback(packet: SubscriptionAckPacket, protocolLevel: ProtocolLevel): Buffer {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const body = 2 + propertiesField(packet.properties, isV5) + packet.reasonCodes.length;
  const bytes = allocate(PacketType.Suback << 4, body);
  let at = writeUint16(bytes, bytes.length - body, packet.packetId);
  at = writePropertiesField(bytes, at, packet.properties, isV5);
  for (const code of packet.reasonCodes) bytes[at++] = subackCode(code, protocolLevel);
  return bytes;
}

/** UNSUBACK (s3.11). Before MQTT 5 it carries the packet id alone. */
export function encodeUnsuback(packet: SubscriptionAckPacket, protocolLevel: ProtocolLevel): Buffer {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const body = 2 + (isV5 ? propertiesField(packet.properties, true) + packet.reasonCodes.length : 0);
  const bytes = allocate(PacketType.Unsuback << 4, body);
  let at = writeUint16(bytes, bytes.length - body, packet.packetId);
  if (!isV5) return bytes;
  at = writePropertiesField(bytes, at, packet.properties, true);
  for (const code of packet.reasonCodes) bytes[at++] = code;
  return bytes;
}

export function encodePingreq(): Buffer {
  return allocate(PacketType.Pingreq << 4, 0);
}

export function encodePingresp(): Buffer {
  return allocate(PacketType.Pingresp << 4, 0);
}

/** DISCONNECT (s3.14). Before MQTT 5 it is empty and only a client sends it. */
export function encodeDisconnect(packet: ReasonPacket, protocolLevel: ProtocolLevel): Buffer {
  if (protocolLevel !== ProtocolLevel.V5) return allocate(PacketType.Disconnect << 4, 0);
  return encodeReason(PacketType.Disconnect, packet);
}

/** AUTH (s3.15), MQTT 5 only. */
export function encodeAuth(packet: ReasonPacket): Buffer {
  return encodeReason(PacketType.Auth, packet);
}

function encodeReason(type: PacketType, packet: ReasonPacket): Buffer {
  const size = propertiesSize(packet.properties);
  if (size === 0 && packet.reasonCode === ReasonCode.Success) return allocate(type << 4, 0);
  // AUTH has no form without a property length except the empty one (s3.15.2.1); DISCONNECT takes the same form.
  const body = 1 + varintSize(size) + size;
  const bytes = allocate(type << 4, body);
  const at = bytes.length - body;
  bytes[at] = packet.reasonCode;
  writeProperties(bytes, at + 1, packet.properties, size);
  return bytes;
}
