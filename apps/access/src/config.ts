import type { SettingTable } from "@mooring/kit";

export const accessSettings = {
  tenantName: { env: "MOORING_TENANT_NAME", kind: "string", default: "default", doc: "The name of the tenant made on an empty database." },
  firstKeyFile: {
    env: "MOORING_FIRST_KEY_FILE",
    kind: "string",
    default: null,
    doc: "File that the first owner's API key is written to, once, when the database is empty. Without it no tenant is made.",
  },
  signatureDays: {
    env: "MOORING_ACCESS_SIGNATURE_DAYS",
    kind: "integer",
    min: 1,
    max: 3_650,
    default: 365,
    doc: "How old a signature made with an access key may be. AMQP clients sign once and connect again with it for as long as they run.",
  },
} as const satisfies SettingTable;
