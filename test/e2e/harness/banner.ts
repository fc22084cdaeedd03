import type { PlatformAddress } from "./platform.ts";

export type Banner = Omit<PlatformAddress, "mode" | "apiKey" | "databaseUrl"> & { readonly apiKey?: string };

/** What the platform prints when it is up, read back; undefined while it has not. Throws when a line is missing. */
export function parseBanner(output: string): Banner | undefined {
  const [, text] = /^(Mooring is up[\s\S]*?^Ctrl-C stops it\.)/m.exec(output) ?? [];
  if (text === undefined) return undefined;
  const find = (name: string): string | undefined => new RegExp(`^ *${name} +(\\S+)`, "m").exec(text)?.[1];
  const get = (name: string): string => {
    const value = find(name);
    if (value === undefined) throw new Error(`what the platform printed has no line ${name}:\n${text}`);
    return value;
  };
  const place = (name: string): { readonly host: string; readonly port: number } => {
    const [host = "", port] = get(name).split(":");
    return { host, port: Number(port) };
  };
  const apiKey = find("API key");
  return {
    rest: get("REST"),
    grpc: get("gRPC"),
    amqp: get("AMQP"),
    mqtts: place("MQTT/TLS"),
    mqttPsk: place("MQTT/PSK"),
    https: get("HTTPS"),
    caFile: get("CA"),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** The same for people, of a platform that runs as processes. */
export function formatBanner(platform: PlatformAddress): string {
  const lines = [
    ["REST", platform.rest],
    ["gRPC", `${platform.grpc} (TLS)`],
    ["AMQP", `${platform.amqp} (TLS)`],
    ["MQTT/TLS", `${platform.mqtts.host}:${platform.mqtts.port}`],
    ["MQTT/PSK", `${platform.mqttPsk.host}:${platform.mqttPsk.port}`],
    ["HTTPS", platform.https],
    ["CA", platform.caFile],
    ["API key", platform.apiKey],
  ];
  const shown = lines.map(([name = "", value]) => `  ${name.padEnd(9)} ${value}`);
  return ["Mooring is up, each service in a process of its own.", ...shown, "", "Ctrl-C stops it."].join("\n");
}
