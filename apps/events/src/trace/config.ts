import type { SettingTable } from "@mooring/kit";

export const traceSettings = {
  refusalsHours: {
    env: "MOORING_REFUSALS_HOURS",
    kind: "integer",
    default: 168,
    min: 1,
    max: 87_600,
    doc: "How long it is kept what a device said and was not accepted, with the reason, in hours. At most the last 200 of each device.",
  },
} as const satisfies SettingTable;
