// CONNACK: what is offered, said in full, so that a client need not guess (MQTT 5 s3.2.2.3).
import { type ConnackPacket, type ConnectPacket, encodeConnack, type Properties, ProtocolLevel, ReasonCode } from "@mooring/mqtt";

export interface ConnackLimits {
  /** Seconds: the shortest keep-alive of MQTT 5 clients, and the longest; one that asks for none gets that. 0 for no such bound. */
  readonly keepAliveSMin: number;
  readonly keepAliveSMax: number;
  readonly packetBytesMax: number;
  /** QoS 1 and 2 messages a client may have unacknowledged. */
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** Messages in flight to one client, whatever it allows. */
  readonly inFlightMax: number;
}

/** What the connection and its session turned out to be. */
export interface Accepted {
  readonly sessionPresent: boolean;
  readonly clientId: string;
  readonly isAssigned: boolean;
  /** Seconds; what the session has, which may be less than was asked for. */
  readonly sessionExpiryS: number;
  /** Where answers to the client may go (s4.10.1); said when it asks. Undefined when there is no such topic. */
  readonly responseInformation: string | undefined;
  /** The last word of enhanced authentication. */
  readonly serverFinal: Uint8Array | undefined;
}

/**
 * The keep-alive to enforce, in seconds; 0 for none. MQTT 5 clients can be told another one [MQTT-3.1.2-21], older ones are held to
 * what they said.
 */
export function chooseKeepAlive(
  { protocolLevel, keepAliveS }: ConnectPacket,
  { keepAliveSMin, keepAliveSMax }: Pick<ConnackLimits, "keepAliveSMin" | "keepAliveSMax">,
): number {
  if (protocolLevel !== ProtocolLevel.V5) return keepAliveS;
  if (keepAliveS === 0) return keepAliveSMax;
  const atLeast = Math.max(keepAliveS, keepAliveSMin);
  return keepAliveSMax === 0 ? atLeast : Math.min(atLeast, keepAliveSMax);
}

/** How long the session is to last, in seconds, within what is allowed. Before MQTT 5 a session that is kept is kept as long as may be. */
export function chooseSessionExpiry({ protocolLevel, cleanStart, properties }: ConnectPacket, sessionExpirySMax: number): number {
  if (protocolLevel !== ProtocolLevel.V5) return cleanStart ? 0 : sessionExpirySMax;
  return Math.min(properties?.sessionExpiryIntervalS ?? 0, sessionExpirySMax);
}

export function acceptance(packet: ConnectPacket, accepted: Accepted, limits: ConnackLimits): ConnackPacket {
  const { sessionPresent } = accepted;
  if (packet.protocolLevel !== ProtocolLevel.V5) return { sessionPresent, reasonCode: ReasonCode.Success, properties: null };
  const keepAliveS = chooseKeepAlive(packet, limits);
  const properties: Properties = { receiveMaximum: limits.receiveMaximum, maximumPacketSize: limits.packetBytesMax };
  if (limits.topicAliasMaximum > 0) properties.topicAliasMaximum = limits.topicAliasMaximum;
  if (accepted.sessionExpiryS !== (packet.properties?.sessionExpiryIntervalS ?? 0))
    properties.sessionExpiryIntervalS = accepted.sessionExpiryS; // [MQTT-3.2.2-21]
  if (accepted.isAssigned) properties.assignedClientId = accepted.clientId; // [MQTT-3.2.2-16]
  if (keepAliveS !== packet.keepAliveS) properties.serverKeepAliveS = keepAliveS;
  if (packet.properties?.requestResponseInformation === true) properties.responseInformation = accepted.responseInformation;
  if (accepted.serverFinal !== undefined) {
    properties.authenticationMethod = packet.properties?.authenticationMethod; // [MQTT-4.12.0-5]
    properties.authenticationData = accepted.serverFinal;
  }
  return { sessionPresent, reasonCode: ReasonCode.Success, properties };
}

/** The largest packet that the client takes [MQTT-3.1.2-24]; no limit when it names none. */
export function maximumPacketSizeOf({ properties }: ConnectPacket): number {
  return properties?.maximumPacketSize ?? Number.MAX_SAFE_INTEGER;
}

/** CONNACK within what the client takes: without what can be left out when there is no room. Undefined when it does not fit even so. */
export function fittingConnack(packet: ConnackPacket, protocolLevel: ProtocolLevel, maximumPacketSize: number): Buffer | undefined {
  const whole = encodeConnack(packet, protocolLevel);
  if (whole.length <= maximumPacketSize) return whole;
  // [MQTT-3.2.2-19], [MQTT-3.2.2-20]
  const needed = { ...packet.properties, responseInformation: undefined, reasonString: undefined, userProperties: undefined };
  const short = encodeConnack({ ...packet, properties: needed }, protocolLevel);
  return short.length <= maximumPacketSize ? short : undefined;
}
