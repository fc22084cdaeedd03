import { deduplicationSettings, type Settings, type SettingTable } from "@mooring/kit";
import type { RetentionRules } from "./retention.ts";

/** What the log can be told. */
export const logSettings = {
  logRetentionHours: {
    env: "MOORING_LOG_RETENTION_HOURS",
    kind: "integer",
    default: 168,
    min: 1,
    max: 87_600,
    doc: "How long the log keeps what devices said, in hours, for subscribers and trace. It goes in large pieces, so some of it stays an eighth longer.",
  },
  logBytesMax: {
    env: "MOORING_LOG_BYTES_MAX",
    kind: "integer",
    default: 20_000_000_000,
    min: 0,
    doc: "Bytes on disk above which the log's oldest pieces are dropped before their time; 0 for no limit. What history and shadow have not read yet stays.",
  },
  ...deduplicationSettings,
  logBehindMax: {
    env: "MOORING_LOG_BEHIND_MAX",
    kind: "integer",
    default: 15_000,
    min: 0,
    doc: "Records that history, shadow or connections may be behind the log before it takes in more slowly, so that they keep up: a commit then waits for up to 200 ms. One that has stood still for 5 s is not waited for. 0: never.",
  },
} as const satisfies SettingTable;

export type LogSettings = Settings<typeof logSettings>;

export function toRules(settings: LogSettings): RetentionRules {
  return { retentionMs: settings.logRetentionHours * 3_600_000, bytesMax: settings.logBytesMax };
}
