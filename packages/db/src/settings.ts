import type { SettingTable } from "@mooring/kit";

/** What every service that stores can be told. */
export const databaseSettings = {
  databaseUrl: {
    env: "MOORING_DATABASE_URL",
    kind: "string",
    secret: true,
    doc: "Postgres 15 or later: postgresql://user:password@host:port/database.",
  },
  databasePool: {
    env: "MOORING_DATABASE_POOL",
    kind: "integer",
    default: 10,
    min: 2,
    max: 200,
    doc: "Most connections this service holds to Postgres.",
  },
} as const satisfies SettingTable;
