// Hot: the numbers of MQTT 5 s2.2.2.2 and in which packets each property may stand.
import { PacketType } from "./protocol.ts";

/** Property identifiers. */
export const PropertyId = {
  PayloadFormatIndicator: 1,
  MessageExpiryInterval: 2,
  ContentType: 3,
  ResponseTopic: 8,
  CorrelationData: 9,
  SubscriptionIdentifier: 11,
  SessionExpiryInterval: 17,
  AssignedClientIdentifier: 18,
  ServerKeepAlive: 19,
  AuthenticationMethod: 21,
  AuthenticationData: 22,
  RequestProblemInformation: 23,
  WillDelayInterval: 24,
  RequestResponseInformation: 25,
  ResponseInformation: 26,
  ServerReference: 28,
  ReasonString: 31,
  ReceiveMaximum: 33,
  TopicAliasMaximum: 34,
  TopicAlias: 35,
  MaximumQos: 36,
  RetainAvailable: 37,
  UserProperty: 38,
  MaximumPacketSize: 39,
  WildcardSubscriptionAvailable: 40,
  SubscriptionIdentifierAvailable: 41,
  SharedSubscriptionAvailable: 42,
} as const;

/** Will properties are a place of their own; packet type 0 is reserved, so its number is free for them. */
export const WILL = 0;

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback, Disconnect, Auth } =
  PacketType;
const ACKS = [Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback];

/** Identifier -> set of places (bit = packet type, bit 0 = will). An identifier that stands nowhere is not defined. */
export const PLACES = new Uint16Array(43);

function place(id: number, packets: readonly number[]): void {
  for (const packet of packets) PLACES[id] = (PLACES[id] as number) | (1 << packet);
}

place(PropertyId.PayloadFormatIndicator, [Publish, WILL]);
place(PropertyId.MessageExpiryInterval, [Publish, WILL]);
place(PropertyId.ContentType, [Publish, WILL]);
place(PropertyId.ResponseTopic, [Publish, WILL]);
place(PropertyId.CorrelationData, [Publish, WILL]);
place(PropertyId.SubscriptionIdentifier, [Publish, Subscribe]);
place(PropertyId.SessionExpiryInterval, [Connect, Connack, Disconnect]);
place(PropertyId.AssignedClientIdentifier, [Connack]);
place(PropertyId.ServerKeepAlive, [Connack]);
place(PropertyId.AuthenticationMethod, [Connect, Connack, Auth]);
place(PropertyId.AuthenticationData, [Connect, Connack, Auth]);
place(PropertyId.RequestProblemInformation, [Connect]);
place(PropertyId.WillDelayInterval, [WILL]);
place(PropertyId.RequestResponseInformation, [Connect]);
place(PropertyId.ResponseInformation, [Connack]);
place(PropertyId.ServerReference, [Connack, Disconnect]);
place(PropertyId.ReasonString, [Connack, ...ACKS, Disconnect, Auth]);
place(PropertyId.ReceiveMaximum, [Connect, Connack]);
place(PropertyId.TopicAliasMaximum, [Connect, Connack]);
place(PropertyId.TopicAlias, [Publish]);
place(PropertyId.MaximumQos, [Connack]);
place(PropertyId.RetainAvailable, [Connack]);
place(PropertyId.UserProperty, [Connect, Connack, Publish, WILL, ...ACKS, Subscribe, Unsubscribe, Disconnect, Auth]);
place(PropertyId.MaximumPacketSize, [Connect, Connack]);
place(PropertyId.WildcardSubscriptionAvailable, [Connack]);
place(PropertyId.SubscriptionIdentifierAvailable, [Connack]);
place(PropertyId.SharedSubscriptionAvailable, [Connack]);
