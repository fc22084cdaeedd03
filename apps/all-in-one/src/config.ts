import { fileURLToPath } from "node:url";
import { accessSettings } from "@mooring/app-access";
import { adminApiSettings } from "@mooring/app-admin-api";
import { deviceSettings } from "@mooring/app-devices";
import { eventSettings } from "@mooring/app-events";
import { gatewaySettings } from "@mooring/app-gateway";
import { sessionSettings } from "@mooring/app-sessions";
import { serverNameSettings } from "@mooring/app-setup";
import { shadowSettings } from "@mooring/app-shadow";
import { processSettings, type SettingTable } from "@mooring/kit";

const ownSettings = {
  dataDir: {
    env: "MOORING_DATA_DIR",
    kind: "string",
    default: fileURLToPath(new URL("../../../.mooring", import.meta.url)),
    doc: "Folder for everything that is kept: the database, the platform's certificates, the key-encryption key. Default: .mooring in the checkout.",
  },
  postgresPort: {
    env: "MOORING_POSTGRES_PORT",
    kind: "port",
    default: 0,
    doc: "Port of the embedded Postgres on 127.0.0.1; 0 takes a free one at the first start and keeps it.",
  },
  databasePool: {
    env: "MOORING_DATABASE_POOL",
    kind: "integer",
    default: 10,
    min: 2,
    max: 50,
    doc: "Most connections of each of the two pools to Postgres.",
  },
  ...serverNameSettings,
} as const satisfies SettingTable;

const { logLevel, logPretty, opsListen } = processSettings;
const { tenantName, signatureDays } = accessSettings;

/** Everything the one process can be told. Logs are for people here and quiet unless asked: the addresses printed at the end matter more. */
export const allInOneSettings = {
  logLevel: { ...logLevel, default: "warn" },
  logPretty: { ...logPretty, default: true },
  opsListen,
  ...ownSettings,
  tenantName,
  signatureDays,
  ...gatewaySettings,
  ...adminApiSettings,
  ...deviceSettings,
  ...eventSettings,
  ...sessionSettings,
  ...shadowSettings,
} as const satisfies SettingTable;
