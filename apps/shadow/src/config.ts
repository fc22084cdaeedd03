import { deduplicationSettings, type SettingTable } from "@mooring/kit";

export const shadowSettings = {
  ...deduplicationSettings,
  shadowBytesMax: {
    env: "MOORING_SHADOW_BYTES_MAX",
    kind: "integer",
    default: 65_536,
    min: 1_024,
    // A message with the document before and after, with the times of all members, still fits what gRPC takes.
    max: 131_072,
    doc: "Largest shadow document in bytes: desired and reported together, as JSON. 8192 is what AWS allows.",
  },
  shadowHistoryDays: {
    env: "MOORING_SHADOW_HISTORY_DAYS",
    kind: "integer",
    default: 30,
    min: 1,
    max: 3_650,
    doc: "Days the changes of shadows are kept, and documents can be read as they were.",
  },
} as const satisfies SettingTable;
