import type { SettingTable } from "@mooring/kit";

/** What every service that talks to nodes can be told. */
export const clusterSettings = {
  redisUrl: {
    env: "MOORING_REDIS_URL",
    kind: "string",
    secret: true,
    doc: "Redis 7 or later: redis://:password@host:port. Holds nothing that cannot be made again.",
  },
} as const satisfies SettingTable;
