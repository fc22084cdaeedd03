// Hot: CONNECT and CONNACK. Once per connection, but before anything is known of the peer.
import { decodeProperties } from "./decode-properties.ts";
import type { PacketReader } from "./packet-reader.ts";
import type { ConnackPacket, ConnectPacket, Properties, Will } from "./packets.ts";
import { WILL } from "./property-table.ts";
import { PacketType, ProtocolLevel, type Qos, ReasonCode } from "./protocol.ts";
import { isReasonCodeOf, reasonOfReturnCode } from "./reason-codes.ts";

/**
 * Reads the protocol name and level that begin a CONNECT: MQTT 4 and 5, and MQIsdp 3 ([MQTT-3.1.2-1], [MQTT-3.1.2-2]). Returns 0 with
 * `UnsupportedProtocolVersion` on the reader for any other.
 */
export function decodeProtocol(reader: PacketReader): ProtocolLevel | 0 {
  const name = reader.string();
  const level = reader.byte();
  if (name === "MQTT" && (level === ProtocolLevel.V311 || level === ProtocolLevel.V5)) return level;
  if (name === "MQIsdp" && level === ProtocolLevel.V31) return level;
  return reader.fail(ReasonCode.UnsupportedProtocolVersion);
}

/** Reads the rest of a CONNECT (MQTT 5 s3.1). Null, with the reader's error set, when it breaks a rule. */
export function decodeConnect(reader: PacketReader, protocolLevel: ProtocolLevel): ConnectPacket | null {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const flags = reader.byte();
  checkFlags(reader, flags, isV5);
  const keepAliveS = reader.uint16();
  const properties = isV5 ? decodeProperties(reader, PacketType.Connect) : null;
  checkAuthentication(reader, properties);
  const clientId = reader.string();
  const cleanStart = (flags & 2) !== 0;
  // 3.1.1 [MQTT-3.1.3-8]: a session that is kept needs a name. 3.1 has no empty client ids at all.
  if (clientId === "" && !isV5 && (!cleanStart || protocolLevel === ProtocolLevel.V31)) reader.fail(ReasonCode.ClientIdentifierNotValid);
  const will = (flags & 4) === 0 ? null : decodeWill(reader, flags, isV5);
  const username = (flags & 0x80) === 0 ? null : reader.string();
  const password = (flags & 0x40) === 0 ? null : reader.binary();
  reader.expectEnd();
  if (reader.error !== 0) return null;
  return { protocolLevel, cleanStart, keepAliveS, clientId, username, password, will, properties };
}

function checkFlags(reader: PacketReader, flags: number, isV5: boolean): void {
  const hasWill = (flags & 4) !== 0;
  const willQos = (flags >> 3) & 3;
  const isMalformed =
    (flags & 1) !== 0 || // [MQTT-3.1.2-3]
    (!hasWill && (flags & 0x38) !== 0) || // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
    willQos === 3 || // [MQTT-3.1.2-12]
    (!isV5 && (flags & 0xc0) === 0x40); // 3.1.1 [MQTT-3.1.2-22]: no password without a user name. MQTT 5 allows it.
  if (isMalformed) reader.fail(ReasonCode.MalformedPacket);
}

/** Authentication data without a method is a protocol error (MQTT 5 s3.1.2.11.10). */
function checkAuthentication(reader: PacketReader, properties: Properties | null): void {
  if (properties === null) return;
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) reader.fail(ReasonCode.ProtocolError);
}

function decodeWill(reader: PacketReader, flags: number, isV5: boolean): Will {
  const properties = isV5 ? decodeProperties(reader, WILL) : null;
  const topic = reader.topicName(); // The server will publish to it, so [MQTT-3.3.2-2] holds.
  if (topic === "") reader.fail(ReasonCode.MalformedPacket); // [MQTT-4.7.3-1]
  const payload = reader.binary();
  return { topic, payload, qos: ((flags >> 3) & 3) as Qos, retain: (flags & 0x20) !== 0, properties };
}

/** Reads a CONNACK (MQTT 5 s3.2). */
export function decodeConnack(reader: PacketReader, protocolLevel: ProtocolLevel): ConnackPacket | null {
  const isV5 = protocolLevel === ProtocolLevel.V5;
  const flags = reader.byte();
  // [MQTT-3.2.2-1]. In 3.1 the whole byte is unused and its value says nothing.
  if ((flags & 0xfe) !== 0 && protocolLevel !== ProtocolLevel.V31) reader.fail(ReasonCode.MalformedPacket);
  const sessionPresent = protocolLevel !== ProtocolLevel.V31 && flags === 1;
  const code = reader.byte();
  const reasonCode = isV5 ? code : reasonOfReturnCode(code);
  if (reasonCode < 0 || !isReasonCodeOf(PacketType.Connack, reasonCode)) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.2.2-8]
  if (sessionPresent && reasonCode !== ReasonCode.Success) reader.fail(ReasonCode.ProtocolError); // [MQTT-3.2.2-6]
  const properties = isV5 ? decodeProperties(reader, PacketType.Connack) : null;
  checkAuthentication(reader, properties);
  reader.expectEnd();
  return reader.error === 0 ? { sessionPresent, reasonCode, properties } : null;
}
