import type { SettingTable } from "./settings.ts";

/** What all services that store what clients say are told alike. */
export const deduplicationSettings = {
  logDeduplicationMinutes: {
    env: "MOORING_LOG_DEDUPLICATION_MINUTES",
    kind: "integer",
    default: 60,
    min: 1,
    max: 10_080,
    doc: "For how long a message id that comes again is stored once, and a change of a shadow made once, in minutes.",
  },
} as const satisfies SettingTable;
