// What clients may say has to fit into what the sessions service keeps: it refuses a frame for one change that does not, and with it what others wait for.
import type { SessionLimits } from "@mooring/contracts";
import { type Setting, SettingError } from "@mooring/kit";
import { gatewaySettings } from "./config.ts";
import type { GatewayLimits } from "./ports.ts";
import { payloadBytesMax } from "./route/json-payload.ts";

/** Throws SettingError, with the names of the settings that do not go together. */
export function assertKeepable(limits: GatewayLimits, kept: SessionLimits): void {
  const { topicBytesMax, deviceTopicBytesMax, keptSubscriptionsMax, packetBytesMax, connectBytesMax } = limits;
  const longest = Math.max(topicBytesMax, deviceTopicBytesMax);
  refuseAbove(kept.topicBytesMax, "MOORING_SESSION_TOPIC_BYTES_MAX", gatewaySettings.topicBytesMax, topicBytesMax);
  refuseAbove(kept.topicBytesMax, "MOORING_SESSION_TOPIC_BYTES_MAX", gatewaySettings.deviceTopicBytesMax, deviceTopicBytesMax);
  refuseAbove(kept.subscriptionsMax, "MOORING_SESSION_SUBSCRIPTIONS_MAX", gatewaySettings.keptSubscriptionsMax, keptSubscriptionsMax);
  // A topic alias stands for a topic that is not in the packet.
  refuseAbove(kept.messageBytesMax - longest, messageBytes(longest), gatewaySettings.packetBytesMax, packetBytesMax);
  refuseAbove(kept.messageBytesMax, "MOORING_SESSION_MESSAGE_BYTES_MAX", gatewaySettings.connectBytesMax, connectBytesMax);
  if (payloadBytesMax + deviceTopicBytesMax <= kept.messageBytesMax) return;
  throw new SettingError(
    `MOORING_SESSION_MESSAGE_BYTES_MAX is ${kept.messageBytesMax} at the sessions service, and what a device sends by HTTPS has up to ${payloadBytesMax} bytes and a topic of ${deviceTopicBytesMax}`,
  );
}

function messageBytes(topicBytes: number): string {
  return `MOORING_SESSION_MESSAGE_BYTES_MAX without ${topicBytes} for a topic`;
}

function refuseAbove(max: number, which: string, { env }: Pick<Setting, "env">, value: number): void {
  if (value > max) throw new SettingError(`${env} is ${value}, which is more than the sessions service keeps: ${max} (${which})`);
}
