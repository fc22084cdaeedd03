// The will of a CONNECT: whether the client may have it, and how its session keeps it [MQTT-3.1.2-7].
import { type ConnectPacket, isValidTopicName, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { createMessage } from "../broker/message.ts";
import type { SessionWill } from "../broker/will.ts";
import type { ChannelLimits } from "./channel-ports.ts";
import type { ClientRights } from "./client-channel.ts";
import { type DeviceSignedOn, SignOnRefused } from "./connect.ts";
import { TopicReader } from "./publish.ts";

/** The will of a client of the broker. Throws SignOnRefused for a topic that it may not publish to. */
export function clientWill(packet: ConnectPacket, rights: ClientRights, limits: ChannelLimits, willDelaySMax: number): SessionWill | null {
  const { will } = packet;
  if (will === null) return null;
  if (!isWithin(limits, will.topic)) throw new SignOnRefused(ReasonCode.TopicNameInvalid, "protocol");
  if (rights.refuseTopic(will.topic) !== 0) throw new SignOnRefused(ReasonCode.NotAuthorized, "protocol");
  return willOf(packet, willDelaySMax);
}

/**
 * The will of a device, in its own topics only. Before MQTT 5 firmware sets wills by default, wherever, and cannot be told: those are let in
 * without, which is null. Throws SignOnRefused.
 */
export function deviceWill(
  packet: ConnectPacket,
  { identity }: DeviceSignedOn,
  limits: ChannelLimits,
  willDelaySMax: number,
): SessionWill | null {
  const { will, protocolLevel } = packet;
  if (will === null) return null;
  const topics = new TopicReader(identity.device);
  topics.read(will.topic);
  const isShort = isWithin(limits, will.topic);
  if (isShort && topics.meaning !== undefined) return willOf(packet, willDelaySMax);
  if (protocolLevel !== ProtocolLevel.V5) return null;
  throw new SignOnRefused(isShort ? ReasonCode.NotAuthorized : ReasonCode.TopicNameInvalid, "protocol");
}

function isWithin({ topicBytesMax, topicLevelsMax }: ChannelLimits, topic: string): boolean {
  return isValidTopicName(topic, topicBytesMax, topicLevelsMax);
}

function willOf({ will }: ConnectPacket, willDelaySMax: number): SessionWill | null {
  if (will === null) return null;
  const { topic, payload, qos, retain } = will;
  const { willDelayIntervalS, messageExpiryIntervalS, ...properties } = will.properties ?? {};
  const message = createMessage({ topic, payload, qos, retain, properties: will.properties === null ? null : properties }, 0);
  return { message, delayS: Math.min(willDelayIntervalS ?? 0, willDelaySMax), expiryIntervalS: messageExpiryIntervalS };
}
