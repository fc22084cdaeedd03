// Hot: a packet without properties costs one byte and one comparison.
import type { Properties } from "./packets.ts";
import { PropertyId as Id } from "./property-table.ts";
import { binarySize, stringSize, varintSize, writeBinary, writeString, writeUint16, writeUint32, writeVarint } from "./write.ts";

/** Bytes of the properties without their length. */
export function propertiesSize(from: Properties | null): number {
  return from === null ? 0 : messageSize(from) + sessionSize(from) + limitsSize(from);
}

function messageSize(from: Properties): number {
  let size = 0;
  if (from.payloadFormatIndicator !== undefined) size += 2;
  if (from.messageExpiryIntervalS !== undefined) size += 5;
  if (from.contentType !== undefined) size += 1 + stringSize(from.contentType);
  if (from.responseTopic !== undefined) size += 1 + stringSize(from.responseTopic);
  if (from.correlationData !== undefined) size += 1 + binarySize(from.correlationData);
  if (from.subscriptionIds !== undefined) for (const id of from.subscriptionIds) size += 1 + varintSize(id);
  if (from.topicAlias !== undefined) size += 3;
  if (from.willDelayIntervalS !== undefined) size += 5;
  if (from.userProperties !== undefined) for (const pair of from.userProperties) size += 1 + stringSize(pair[0]) + stringSize(pair[1]);
  return size;
}

function sessionSize(from: Properties): number {
  let size = 0;
  if (from.sessionExpiryIntervalS !== undefined) size += 5;
  if (from.assignedClientId !== undefined) size += 1 + stringSize(from.assignedClientId);
  if (from.serverKeepAliveS !== undefined) size += 3;
  if (from.authenticationMethod !== undefined) size += 1 + stringSize(from.authenticationMethod);
  if (from.authenticationData !== undefined) size += 1 + binarySize(from.authenticationData);
  if (from.requestProblemInformation !== undefined) size += 2;
  if (from.requestResponseInformation !== undefined) size += 2;
  if (from.responseInformation !== undefined) size += 1 + stringSize(from.responseInformation);
  if (from.serverReference !== undefined) size += 1 + stringSize(from.serverReference);
  if (from.reasonString !== undefined) size += 1 + stringSize(from.reasonString);
  return size;
}

function limitsSize(from: Properties): number {
  let size = 0;
  if (from.receiveMaximum !== undefined) size += 3;
  if (from.topicAliasMaximum !== undefined) size += 3;
  if (from.maximumQos !== undefined) size += 2;
  if (from.retainAvailable !== undefined) size += 2;
  if (from.maximumPacketSize !== undefined) size += 5;
  if (from.wildcardSubscriptionAvailable !== undefined) size += 2;
  if (from.subscriptionIdentifiersAvailable !== undefined) size += 2;
  if (from.sharedSubscriptionAvailable !== undefined) size += 2;
  return size;
}

/** Writes the property length (`size`, as `propertiesSize` counted) and the properties. Returns the offset after them. */
export function writeProperties(target: Buffer, offset: number, from: Properties | null, size: number): number {
  if (from === null || size === 0) {
    target[offset] = 0; // [MQTT-2.2.2-1]
    return offset + 1;
  }
  let at = writeVarint(target, offset, size);
  at = writeOfMessage(target, at, from);
  at = writeOfSession(target, at, from);
  return writeOfLimits(target, at, from);
}

function writeOfMessage(target: Buffer, offset: number, from: Properties): number {
  let at = offset;
  if (from.payloadFormatIndicator !== undefined) at = putByte(target, at, Id.PayloadFormatIndicator, from.payloadFormatIndicator);
  if (from.messageExpiryIntervalS !== undefined) at = putUint32(target, at, Id.MessageExpiryInterval, from.messageExpiryIntervalS);
  if (from.contentType !== undefined) at = putString(target, at, Id.ContentType, from.contentType);
  if (from.responseTopic !== undefined) at = putString(target, at, Id.ResponseTopic, from.responseTopic);
  if (from.correlationData !== undefined) at = putBinary(target, at, Id.CorrelationData, from.correlationData);
  if (from.subscriptionIds !== undefined) {
    for (const id of from.subscriptionIds) {
      target[at] = Id.SubscriptionIdentifier;
      at = writeVarint(target, at + 1, id);
    }
  }
  if (from.topicAlias !== undefined) at = putUint16(target, at, Id.TopicAlias, from.topicAlias);
  if (from.willDelayIntervalS !== undefined) at = putUint32(target, at, Id.WillDelayInterval, from.willDelayIntervalS);
  if (from.userProperties !== undefined) {
    for (const pair of from.userProperties) at = writeString(target, putString(target, at, Id.UserProperty, pair[0]), pair[1]);
  }
  return at;
}

function writeOfSession(target: Buffer, offset: number, from: Properties): number {
  let at = offset;
  if (from.sessionExpiryIntervalS !== undefined) at = putUint32(target, at, Id.SessionExpiryInterval, from.sessionExpiryIntervalS);
  if (from.assignedClientId !== undefined) at = putString(target, at, Id.AssignedClientIdentifier, from.assignedClientId);
  if (from.serverKeepAliveS !== undefined) at = putUint16(target, at, Id.ServerKeepAlive, from.serverKeepAliveS);
  if (from.authenticationMethod !== undefined) at = putString(target, at, Id.AuthenticationMethod, from.authenticationMethod);
  if (from.authenticationData !== undefined) at = putBinary(target, at, Id.AuthenticationData, from.authenticationData);
  if (from.requestProblemInformation !== undefined) at = putByte(target, at, Id.RequestProblemInformation, +from.requestProblemInformation);
  if (from.requestResponseInformation !== undefined)
    at = putByte(target, at, Id.RequestResponseInformation, +from.requestResponseInformation);
  if (from.responseInformation !== undefined) at = putString(target, at, Id.ResponseInformation, from.responseInformation);
  if (from.serverReference !== undefined) at = putString(target, at, Id.ServerReference, from.serverReference);
  if (from.reasonString !== undefined) at = putString(target, at, Id.ReasonString, from.reasonString);
  return at;
}

function writeOfLimits(target: Buffer, offset: number, from: Properties): number {
  let at = offset;
  if (from.receiveMaximum !== undefined) at = putUint16(target, at, Id.ReceiveMaximum, from.receiveMaximum);
  if (from.topicAliasMaximum !== undefined) at = putUint16(target, at, Id.TopicAliasMaximum, from.topicAliasMaximum);
  if (from.maximumQos !== undefined) at = putByte(target, at, Id.MaximumQos, from.maximumQos);
  if (from.retainAvailable !== undefined) at = putByte(target, at, Id.RetainAvailable, +from.retainAvailable);
  if (from.maximumPacketSize !== undefined) at = putUint32(target, at, Id.MaximumPacketSize, from.maximumPacketSize);
  const { wildcardSubscriptionAvailable: wildcard, subscriptionIdentifiersAvailable: ids, sharedSubscriptionAvailable: shared } = from;
  if (wildcard !== undefined) at = putByte(target, at, Id.WildcardSubscriptionAvailable, +wildcard);
  if (ids !== undefined) at = putByte(target, at, Id.SubscriptionIdentifierAvailable, +ids);
  if (shared !== undefined) at = putByte(target, at, Id.SharedSubscriptionAvailable, +shared);
  return at;
}

function putByte(target: Buffer, offset: number, id: number, value: number): number {
  target[offset] = id;
  target[offset + 1] = value;
  return offset + 2;
}

function putUint16(target: Buffer, offset: number, id: number, value: number): number {
  target[offset] = id;
  return writeUint16(target, offset + 1, value);
}

function putUint32(target: Buffer, offset: number, id: number, value: number): number {
  target[offset] = id;
  return writeUint32(target, offset + 1, value);
}

function putString(target: Buffer, offset: number, id: number, value: string): number {
  target[offset] = id;
  return writeString(target, offset + 1, value);
}

function putBinary(target: Buffer, offset: number, id: number, value: Uint8Array): number {
  target[offset] = id;
  return writeBinary(target, offset + 1, value);
}
