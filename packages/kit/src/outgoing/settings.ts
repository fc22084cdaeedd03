import { SettingError, type Settings, type SettingTable } from "../settings.ts";
import { type AddressRules, createAddressRules, isNetwork } from "./networks.ts";

/** Where requests go whose address somebody else chose: webhooks, and revocation lists that are fetched. */
export const outgoingSettings = {
  webhookAllowNetworks: {
    env: "MOORING_WEBHOOK_ALLOW_NETWORKS",
    kind: "string",
    default: null,
    doc: "Networks inside that webhooks, and requests for revocation lists, may reach, as comma-separated CIDRs, for instance 10.1.0.0/16,fd00::/8. Without it only public addresses; webhooks over plain http go to these networks only.",
  },
  webhookPorts: {
    env: "MOORING_WEBHOOK_PORTS",
    kind: "string",
    default: "80,443,8080,8443",
    doc: "Ports that webhooks, and requests for revocation lists, may reach, comma-separated.",
  },
} as const satisfies SettingTable;

/** Throws SettingError. */
export function readAddressRules(settings: Settings<typeof outgoingSettings>): AddressRules {
  const list = (text: string): string[] => text.split(",").map((item) => item.trim());
  const networks = settings.webhookAllowNetworks === undefined ? [] : list(settings.webhookAllowNetworks);
  const ports = list(settings.webhookPorts);
  for (const network of networks) {
    if (!isNetwork(network)) throw new SettingError(`${outgoingSettings.webhookAllowNetworks.env}: ${JSON.stringify(network)} is no CIDR`);
  }
  for (const port of ports) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      throw new SettingError(`${outgoingSettings.webhookPorts.env}: ${JSON.stringify(port)} is no port`);
    }
  }
  return createAddressRules(networks, ports.map(Number));
}
