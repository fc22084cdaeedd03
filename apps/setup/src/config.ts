import { databaseSettings } from "@mooring/db";
import { processSettings, type SettingTable } from "@mooring/kit";

export const serverNameSettings = {
  serverNames: {
    env: "MOORING_SERVER_NAMES",
    kind: "string",
    default: "localhost,127.0.0.1,::1",
    doc: "Host names and IP addresses devices reach the platform by, with commas between: what its certificate is made for.",
  },
} as const satisfies SettingTable;

export const setupSettings = {
  logLevel: processSettings.logLevel,
  logPretty: processSettings.logPretty,
  databaseUrl: databaseSettings.databaseUrl,
  ...serverNameSettings,
  databaseWaitSeconds: {
    env: "MOORING_SETUP_DATABASE_WAIT_SECONDS",
    kind: "integer",
    default: 60,
    min: 1,
    max: 3_600,
    doc: "How long setup waits for Postgres to answer.",
  },
  migrationsDir: {
    env: "MOORING_MIGRATIONS_DIR",
    kind: "string",
    default: null,
    doc: "Folder of the database migrations; prisma/migrations of the checkout when unset.",
  },
  stateDir: {
    env: "MOORING_SETUP_STATE_DIR",
    kind: "string",
    doc: "Folder for the private keys of the internal authority and of the server authority. Only setup needs it; keep a copy.",
  },
  internalTlsDir: {
    env: "MOORING_INTERNAL_TLS_DIR",
    kind: "string",
    doc: "Folder that gets ca.pem and each service's {name}.pem and {name}.key, for mutual TLS between services.",
  },
  serverTlsDir: {
    env: "MOORING_SERVER_TLS_DIR",
    kind: "string",
    doc: "Folder that gets ca.pem, server.pem and server.key, the platform's certificate for devices. One put there by hand is left alone.",
  },
  keyEncryptionKeyFile: {
    env: "MOORING_KEY_ENCRYPTION_KEY_FILE",
    kind: "string",
    default: null,
    doc: "File with the key-encryption key of devices, made when it is missing and never replaced. Without it what was sealed is lost: keep a copy.",
  },
} as const satisfies SettingTable;
