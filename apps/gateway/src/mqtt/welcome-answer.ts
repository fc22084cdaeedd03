// What a client that may stay is told in CONNACK, and what of its CONNECT holds for its channel.
import type { ConnackPacket, ConnectPacket } from "@mooring/mqtt";
import { isValidTopicName, ProtocolLevel } from "@mooring/mqtt";
import { acceptance, type ConnackLimits, maximumPacketSizeOf } from "./acceptance.ts";
import type { ChannelLimits, ChannelStart } from "./channel.ts";
import type { ClientSignedOn, DeviceSignedOn, SignedOn } from "./connect.ts";

export interface AnswerDeps {
  readonly connack: ConnackLimits;
  /** Of clients of the broker; devices have narrower ones. */
  readonly clientLimits: ChannelLimits;
}

/** Whoever has a session in a tenant. */
export type Member = SignedOn & (DeviceSignedOn | ClientSignedOn);

export function ownerOf(signedOn: Member): string {
  return signedOn.kind === "client" ? signedOn.owner : `device:${signedOn.identity.device.deviceId}`;
}

export function channelStart(packet: ConnectPacket, connack: ConnackLimits): ChannelStart {
  const { protocolLevel, properties } = packet;
  return {
    protocolLevel,
    receiveMaximum: connack.receiveMaximum,
    windowMax: Math.min(properties?.receiveMaximum ?? 65_535, connack.inFlightMax),
    maximumPacketSize: maximumPacketSizeOf(packet),
    topicAliasMaximum: protocolLevel === ProtocolLevel.V5 ? connack.topicAliasMaximum : 0,
    sentAliasMaximum: Math.min(properties?.topicAliasMaximum ?? 0, connack.topicAliasMaximum),
    saysProblems: properties?.requestProblemInformation !== false,
  };
}

export function connackOf(
  deps: AnswerDeps,
  packet: ConnectPacket,
  signedOn: Member,
  { expiryS, isPresent }: { readonly expiryS: number; readonly isPresent: boolean },
): ConnackPacket {
  const { clientId, isAssigned } = signedOn;
  const asks = packet.properties?.requestResponseInformation === true;
  const responseInformation = asks ? responseTopicOf(signedOn, deps.clientLimits) : undefined;
  const serverFinal = signedOn.kind === "client" ? signedOn.serverFinal : undefined;
  const accepted = { sessionPresent: isPresent, clientId, isAssigned, sessionExpiryS: expiryS, responseInformation, serverFinal };
  return acceptance(packet, accepted, deps.connack);
}

/** Where the client may ask to be answered: a topic that is its own (s4.10.1). Undefined when its client id is too long for one. */
function responseTopicOf(signedOn: Member, { topicBytesMax, topicLevelsMax }: ChannelLimits): string | undefined {
  if (signedOn.kind === "device") {
    const { productKey, deviceName } = signedOn.identity.device;
    return `/${productKey}/${deviceName}/user/response`;
  }
  // A client id may have what no topic may.
  const topic = `response/${signedOn.clientId.replaceAll(/[%+#]/g, encodeURIComponent)}`;
  return isValidTopicName(topic, topicBytesMax, topicLevelsMax) ? topic : undefined;
}
