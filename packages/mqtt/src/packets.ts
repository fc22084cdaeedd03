// Hot: the shapes of decoded packets. Every field is set in one order, so that each shape has one hidden class.
import type { ProtocolLevel, Qos } from "./protocol.ts";

/**
 * All MQTT 5 properties (s2.2.2.2) under their spec names, units last. Absent is `undefined`. Which of them a packet may carry is checked
 * when decoding; an encoder writes what it is given. Binary values handed out by a decoder are copies and may be kept.
 */
export interface Properties {
  payloadFormatIndicator?: number | undefined;
  messageExpiryIntervalS?: number | undefined;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
  /** One id in SUBSCRIBE; one per matching subscription in a PUBLISH from a server. 1 to 268,435,455. */
  subscriptionIds?: number[] | undefined;
  topicAlias?: number | undefined;
  willDelayIntervalS?: number | undefined;
  /** Name and value pairs in the order sent; names may repeat. */
  userProperties?: [string, string][] | undefined;
  sessionExpiryIntervalS?: number | undefined;
  assignedClientId?: string | undefined;
  serverKeepAliveS?: number | undefined;
  authenticationMethod?: string | undefined;
  authenticationData?: Uint8Array | undefined;
  requestProblemInformation?: boolean | undefined;
  requestResponseInformation?: boolean | undefined;
  responseInformation?: string | undefined;
  serverReference?: string | undefined;
  reasonString?: string | undefined;
  receiveMaximum?: number | undefined;
  topicAliasMaximum?: number | undefined;
  maximumQos?: number | undefined;
  retainAvailable?: boolean | undefined;
  /** Bytes, the fixed header included. */
  maximumPacketSize?: number | undefined;
  wildcardSubscriptionAvailable?: boolean | undefined;
  subscriptionIdentifiersAvailable?: boolean | undefined;
  sharedSubscriptionAvailable?: boolean | undefined;
}

/** The will of a CONNECT. `payload` is a copy. */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: Properties | null;
}

/** CONNECT. `password` is a copy, since authentication outlives the read buffer. `cleanStart` is Clean Session before MQTT 5. */
export interface ConnectPacket {
  readonly protocolLevel: ProtocolLevel;
  readonly cleanStart: boolean;
  readonly keepAliveS: number;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Uint8Array | null;
  readonly will: Will | null;
  readonly properties: Properties | null;
}

/** CONNACK. `reasonCode` is an MQTT 5 code for every protocol level. */
export interface ConnackPacket {
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties: Properties | null;
}

/** What a PUBLISH says. `packetId` is 0 with QoS 0. */
export interface PublishMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
  readonly properties: Properties | null;
}

/**
 * A decoded PUBLISH. `buffer[bodyStart..payloadEnd)`, all behind the Remaining Length, and the view `payload` lie in the read buffer: they are
 * good until the handler returns, and whoever keeps them longer copies them (`copyBody`). The view is made only when asked for, because making
 * it costs as much as decoding the rest. All other fields may be kept. `topic` is "" when the packet names it by alias alone.
 */
export class PublishPacket implements PublishMessage {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
  readonly properties: Properties | null;
  readonly buffer: Buffer;
  readonly bodyStart: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;

  // Many positional parameters, against the house rule: an options object here would be a second allocation per message.
  constructor(
    header: number,
    topic: string,
    packetId: number,
    properties: Properties | null,
    buffer: Buffer,
    bodyStart: number,
    start: number,
    end: number,
  ) {
    this.topic = topic;
    this.qos = ((header >> 1) & 3) as Qos;
    this.retain = (header & 1) !== 0;
    this.dup = (header & 8) !== 0;
    this.packetId = packetId;
    this.properties = properties;
    this.buffer = buffer;
    this.bodyStart = bodyStart;
    this.payloadStart = start;
    this.payloadEnd = end;
  }

  /** A view of the payload, good until the handler returns. */
  get payload(): Buffer {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }

  /** A copy of the payload that may be kept. */
  copyPayload(): Buffer {
    return Buffer.from(this.buffer.subarray(this.payloadStart, this.payloadEnd));
  }

  /** A copy of everything behind the Remaining Length that may be kept; the payload begins in it at `payloadStart - bodyStart`. */
  copyBody(): Buffer {
    return Buffer.from(this.buffer.subarray(this.bodyStart, this.payloadEnd));
  }
}

/** PUBACK, PUBREC, PUBREL and PUBCOMP, for encoding. Before MQTT 5 only the packet id is written. */
export interface AckPacket {
  readonly packetId: number;
  readonly reasonCode: number;
  readonly properties: Properties | null;
}

/** One line of a SUBSCRIBE. Before MQTT 5 only `filter` and `qos` are on the wire; the rest is false, false, 0. */
export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send retained, 1 only for a new subscription, 2 never. */
  readonly retainHandling: number;
}

/** SUBSCRIBE. Filters are well-formed non-empty strings; whether they are valid filters is for `isValidTopicFilter`. */
export interface SubscribePacket {
  readonly packetId: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: Properties | null;
}

/** UNSUBSCRIBE. Filters as in SUBSCRIBE. */
export interface UnsubscribePacket {
  readonly packetId: number;
  readonly filters: readonly string[];
  readonly properties: Properties | null;
}

/** SUBACK and UNSUBACK: one code per filter, in order. UNSUBACK carries none before MQTT 5. */
export interface SubscriptionAckPacket {
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
  readonly properties: Properties | null;
}

/** DISCONNECT and AUTH. */
export interface ReasonPacket {
  readonly reasonCode: number;
  readonly properties: Properties | null;
}
