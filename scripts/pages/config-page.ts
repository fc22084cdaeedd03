import { accessSettings } from "@mooring/app-access";
import { adminApiSettings } from "@mooring/app-admin-api";
import { eventSettings } from "@mooring/app-events";
import { gatewaySettings } from "@mooring/app-gateway";
import { sessionSettings } from "@mooring/app-sessions";
import { setupSettings } from "@mooring/app-setup";
import { shadowSettings } from "@mooring/app-shadow";
import { clusterSettings } from "@mooring/cluster";
import { databaseSettings } from "@mooring/db";
import { processSettings, type Setting, type SettingTable } from "@mooring/kit";
import { keyEncryptionSettings } from "@mooring/pki";
import { addressSettings, advertiseSettings, rpcSettings } from "@mooring/rpc";
import { allInOneSettings } from "../../apps/all-in-one/src/config.ts";

const sections: readonly (readonly [string, SettingTable])[] = [
  ["One process (`npm start`)", allInOneSettings],
  ["Split: every service", { ...processSettings, ...rpcSettings }],
  ["Split: services that store", databaseSettings],
  ["Split: services that find nodes (gateway, shadow, rrpc, events)", clusterSettings],
  ["Split: nodes (gateway, rrpc)", advertiseSettings],
  ["Split: where the others are", addressSettings],
  ["Split: setup", setupSettings],
  ["Split: access", accessSettings],
  ["Split: services that keep secrets (devices, events)", keyEncryptionSettings],
  ["Split: events", eventSettings],
  ["Split: sessions", sessionSettings],
  ["Split: shadow", shadowSettings],
  ["Split: gateway", gatewaySettings],
  ["Split: admin-api", adminApiSettings],
];

export function configPage(): string {
  const tables = sections.map(([title, table]) => `## ${title}\n\n${tableOf(table)}`);
  return `# Settings

Made from the services' \`config.ts\` by \`npm run generate\`. Settings are environment variables. A \`MOORING_\` variable that the process does not know is
refused, so that a misspelt one is not silently a default.

${tables.join("\n\n")}
`;
}

function tableOf(table: SettingTable): string {
  const rows = Object.values(table).map(
    (setting) => `| \`${setting.env}\` | ${kindOf(setting)} | ${defaultOf(setting)} | ${setting.doc} |`,
  );
  return ["| name | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function kindOf(setting: Setting): string {
  if (setting.oneOf !== undefined) return setting.oneOf.join(", ");
  const range = setting.min === undefined && setting.max === undefined ? "" : ` ${setting.min ?? ""}…${setting.max ?? ""}`;
  return `${setting.kind}${range}${setting.secret ? ", secret" : ""}`;
}

function defaultOf(setting: Setting): string {
  if (setting.default === undefined) return "required";
  if (setting.default === null) return "none";
  // A default that is a path is this machine's; its documentation says it in words.
  const text = String(setting.default);
  return text.startsWith("/") ? "see there" : `\`${text}\``;
}
