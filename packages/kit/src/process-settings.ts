import type { SettingTable } from "./settings.ts";

/** What every process can be told. */
export const processSettings = {
  logLevel: {
    env: "MOORING_LOG_LEVEL",
    kind: "string",
    default: "info",
    oneOf: ["debug", "info", "warn", "error"],
    doc: "The least grave message that is logged.",
  },
  logPretty: { env: "MOORING_LOG_PRETTY", kind: "boolean", default: false, doc: "Log lines for people instead of JSON." },
  opsListen: {
    env: "MOORING_OPS_LISTEN",
    kind: "address",
    default: null,
    doc: "host:port for /livez, /readyz and /metrics; not opened when unset.",
  },
} as const satisfies SettingTable;
