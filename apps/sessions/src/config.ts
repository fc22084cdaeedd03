import type { SessionLimits } from "@mooring/contracts";
import { sessionLimitsDefault } from "@mooring/contracts";
import type { Settings, SettingTable } from "@mooring/kit";

export const sessionSettings = {
  sessionMessageBytesMax: {
    env: "MOORING_SESSION_MESSAGE_BYTES_MAX",
    kind: "integer",
    default: sessionLimitsDefault.messageBytesMax,
    min: 1_024,
    // The largest message has to fit what gRPC takes, with a margin.
    max: 2_097_152,
    doc: "Largest message kept for sessions that are away, retained, or as a will: topic, payload and properties, in bytes.",
  },
  sessionFrameOpsMax: {
    env: "MOORING_SESSION_FRAME_OPS_MAX",
    kind: "integer",
    default: sessionLimitsDefault.frameOpsMax,
    min: 1_000,
    max: 10_000,
    doc: "Most rows that one frame of a gateway may change.",
  },
  sessionTopicBytesMax: {
    env: "MOORING_SESSION_TOPIC_BYTES_MAX",
    kind: "integer",
    default: sessionLimitsDefault.topicBytesMax,
    min: 256,
    // Entries of Postgres' indexes have to stay below 2,700 bytes.
    max: 2_048,
    doc: "Longest topic or topic filter that is kept, in bytes.",
  },
  sessionSubscriptionsMax: {
    env: "MOORING_SESSION_SUBSCRIPTIONS_MAX",
    kind: "integer",
    default: sessionLimitsDefault.subscriptionsMax,
    min: 1,
    // A session is listed with all of them, in one message.
    max: 1_000,
    doc: "Most subscriptions of one session.",
  },
} as const satisfies SettingTable;

export function toLimits(settings: Settings<typeof sessionSettings>): SessionLimits {
  return {
    messageBytesMax: settings.sessionMessageBytesMax,
    frameOpsMax: settings.sessionFrameOpsMax,
    topicBytesMax: settings.sessionTopicBytesMax,
    subscriptionsMax: settings.sessionSubscriptionsMax,
  };
}
