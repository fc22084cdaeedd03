// Hot: a PUBLISH without properties costs one byte read and no allocation.
import type { PacketReader } from "./packet-reader.ts";
import type { Properties } from "./packets.ts";
import { PLACES, PropertyId, WILL } from "./property-table.ts";
import { PacketType, ReasonCode } from "./protocol.ts";

/** User properties in one packet. The spec names no bound; without one, 1 MB of wire becomes 20 MB of small arrays. */
export const USER_PROPERTIES_MAX = 256;
/** Subscription identifiers in one PUBLISH, for the same reason. */
export const SUBSCRIPTION_IDS_MAX = 1024;

/** What a message may carry (PUBLISH and will); set in one order so that all of them share one hidden class. */
class MessageProperties implements Properties {
  payloadFormatIndicator: number | undefined = undefined;
  messageExpiryIntervalS: number | undefined = undefined;
  contentType: string | undefined = undefined;
  responseTopic: string | undefined = undefined;
  correlationData: Uint8Array | undefined = undefined;
  subscriptionIds: number[] | undefined = undefined;
  topicAlias: number | undefined = undefined;
  willDelayIntervalS: number | undefined = undefined;
  userProperties: [string, string][] | undefined = undefined;
}

/**
 * Reads the property length and the properties of a packet of type `packet` (or `WILL`). Returns null when there are none. A property that
 * is unknown or may not stand in this packet is malformed (MQTT 5 s2.2.2.2); one that occurs twice, or has a value its section calls a
 * protocol error, is that.
 */
export function decodeProperties(reader: PacketReader, packet: number): Properties | null {
  const length = reader.varint();
  if (length === 0) return null;
  const packetEnd = reader.end;
  const end = reader.offset + length;
  if (end > packetEnd) {
    reader.fail(ReasonCode.MalformedPacket);
    return null;
  }
  reader.end = end;
  const properties: Properties = packet === PacketType.Publish || packet === WILL ? new MessageProperties() : {};
  readAll(reader, packet, properties);
  // On failure the offset stays at the end of the properties; the sticky error stops every caller.
  reader.end = packetEnd;
  if (reader.error !== 0) reader.offset = packetEnd;
  return properties;
}

function readAll(reader: PacketReader, packet: number, into: Properties): void {
  let seenLow = 0;
  let seenHigh = 0;
  while (reader.offset < reader.end) {
    const id = reader.varint();
    if (id >= PLACES.length || ((PLACES[id] as number) & (1 << packet)) === 0) {
      reader.fail(ReasonCode.MalformedPacket);
      return;
    }
    if (id !== PropertyId.UserProperty && !(id === PropertyId.SubscriptionIdentifier && packet === PacketType.Publish)) {
      const bit = 1 << (id & 31);
      const seen = id < 32 ? seenLow : seenHigh;
      if ((seen & bit) !== 0) reader.fail(ReasonCode.ProtocolError);
      if (id < 32) seenLow |= bit;
      else seenHigh |= bit;
    }
    if (id <= PropertyId.SubscriptionIdentifier || id === PropertyId.TopicAlias || id === PropertyId.UserProperty)
      readOfMessage(reader, id, into);
    else if (id <= PropertyId.ReasonString) readOfSession(reader, id, into);
    else readOfLimits(reader, id, into);
  }
}

function readOfMessage(reader: PacketReader, id: number, into: Properties): void {
  switch (id) {
    case PropertyId.PayloadFormatIndicator:
      into.payloadFormatIndicator = reader.byte();
      if (into.payloadFormatIndicator > 1) reader.fail(ReasonCode.ProtocolError);
      return;
    case PropertyId.MessageExpiryInterval:
      into.messageExpiryIntervalS = reader.uint32();
      return;
    case PropertyId.ContentType:
      into.contentType = reader.string();
      return;
    case PropertyId.ResponseTopic:
      into.responseTopic = reader.topicName(); // [MQTT-3.3.2-14]
      if (into.responseTopic === "") reader.fail(ReasonCode.TopicNameInvalid); // [MQTT-4.7.3-1]
      return;
    case PropertyId.CorrelationData:
      into.correlationData = reader.binary();
      return;
    case PropertyId.SubscriptionIdentifier:
      readSubscriptionId(reader, into);
      return;
    case PropertyId.TopicAlias:
      into.topicAlias = reader.uint16();
      if (into.topicAlias === 0) reader.fail(ReasonCode.TopicAliasInvalid); // [MQTT-3.3.2-8]
      return;
    case PropertyId.UserProperty:
      readUserProperty(reader, into);
  }
}

function readSubscriptionId(reader: PacketReader, into: Properties): void {
  const value = reader.varint();
  if (value === 0) reader.fail(ReasonCode.ProtocolError); // MQTT 5 s3.8.2.1.2
  if (into.subscriptionIds === undefined) into.subscriptionIds = [value];
  else if (into.subscriptionIds.length >= SUBSCRIPTION_IDS_MAX) reader.fail(ReasonCode.QuotaExceeded);
  else into.subscriptionIds.push(value);
}

function readUserProperty(reader: PacketReader, into: Properties): void {
  const name = reader.string();
  const value = reader.string();
  if (into.userProperties === undefined) into.userProperties = [[name, value]];
  else if (into.userProperties.length >= USER_PROPERTIES_MAX) reader.fail(ReasonCode.QuotaExceeded);
  else into.userProperties.push([name, value]);
}

function readOfSession(reader: PacketReader, id: number, into: Properties): void {
  switch (id) {
    case PropertyId.SessionExpiryInterval:
      into.sessionExpiryIntervalS = reader.uint32();
      return;
    case PropertyId.AssignedClientIdentifier:
      into.assignedClientId = reader.string();
      return;
    case PropertyId.ServerKeepAlive:
      into.serverKeepAliveS = reader.uint16();
      return;
    case PropertyId.AuthenticationMethod:
      into.authenticationMethod = reader.string();
      return;
    case PropertyId.AuthenticationData:
      into.authenticationData = reader.binary();
      return;
    case PropertyId.RequestProblemInformation:
      into.requestProblemInformation = readFlag(reader);
      return;
    case PropertyId.WillDelayInterval:
      into.willDelayIntervalS = reader.uint32();
      return;
    case PropertyId.RequestResponseInformation:
      into.requestResponseInformation = readFlag(reader);
      return;
    case PropertyId.ResponseInformation:
      into.responseInformation = reader.string();
      return;
    case PropertyId.ServerReference:
      into.serverReference = reader.string();
      return;
    case PropertyId.ReasonString:
      into.reasonString = reader.string();
  }
}

function readOfLimits(reader: PacketReader, id: number, into: Properties): void {
  switch (id) {
    case PropertyId.ReceiveMaximum:
      into.receiveMaximum = reader.uint16();
      if (into.receiveMaximum === 0) reader.fail(ReasonCode.ProtocolError); // MQTT 5 s3.1.2.11.3
      return;
    case PropertyId.TopicAliasMaximum:
      into.topicAliasMaximum = reader.uint16();
      return;
    case PropertyId.MaximumQos:
      into.maximumQos = readFlag(reader) ? 1 : 0;
      return;
    case PropertyId.RetainAvailable:
      into.retainAvailable = readFlag(reader);
      return;
    case PropertyId.MaximumPacketSize:
      into.maximumPacketSize = reader.uint32();
      if (into.maximumPacketSize === 0) reader.fail(ReasonCode.ProtocolError); // MQTT 5 s3.1.2.11.4
      return;
    case PropertyId.WildcardSubscriptionAvailable:
      into.wildcardSubscriptionAvailable = readFlag(reader);
      return;
    case PropertyId.SubscriptionIdentifierAvailable:
      into.subscriptionIdentifiersAvailable = readFlag(reader);
      return;
    case PropertyId.SharedSubscriptionAvailable:
      into.sharedSubscriptionAvailable = readFlag(reader);
  }
}

/** A byte that may only be 0 or 1; anything else is a protocol error in the section of each such property. */
function readFlag(reader: PacketReader): boolean {
  const value = reader.byte();
  if (value > 1) reader.fail(ReasonCode.ProtocolError);
  return value === 1;
}
