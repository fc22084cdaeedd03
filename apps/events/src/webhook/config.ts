import { SettingError, type Settings, type SettingTable } from "@mooring/kit";
import { type AddressRules, createAddressRules, isNetwork } from "./networks.ts";

/** Where webhooks may go. */
export const webhookSettings = {
  webhookAllowNetworks: {
    env: "MOORING_WEBHOOK_ALLOW_NETWORKS",
    kind: "string",
    default: null,
    doc: "Networks inside that webhooks may reach, as comma-separated CIDRs, for instance 10.1.0.0/16,fd00::/8. Without it only public addresses; plain http goes to these networks only.",
  },
  webhookPorts: {
    env: "MOORING_WEBHOOK_PORTS",
    kind: "string",
    default: "80,443,8080,8443",
    doc: "Ports that webhooks may reach, comma-separated.",
  },
} as const satisfies SettingTable;

/** Throws SettingError. */
export function readAddressRules(settings: Settings<typeof webhookSettings>): AddressRules {
  const list = (text: string): string[] => text.split(",").map((item) => item.trim());
  const networks = settings.webhookAllowNetworks === undefined ? [] : list(settings.webhookAllowNetworks);
  const ports = list(settings.webhookPorts);
  for (const network of networks) {
    if (!isNetwork(network)) throw new SettingError(`${webhookSettings.webhookAllowNetworks.env}: ${JSON.stringify(network)} is no CIDR`);
  }
  for (const port of ports) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      throw new SettingError(`${webhookSettings.webhookPorts.env}: ${JSON.stringify(port)} is no port`);
    }
  }
  return createAddressRules(networks, ports.map(Number));
}
