export interface BannerFacts {
  readonly rest: string;
  readonly grpc: string;
  readonly amqp: string | undefined;
  readonly mqtts: string | undefined;
  readonly mqttPsk: string | undefined;
  readonly mqtt: string | undefined;
  readonly mqttWs: string | undefined;
  readonly mqttWss: string | undefined;
  readonly mqttDev: string | undefined;
  readonly mqttDevWs: string | undefined;
  readonly https: string | undefined;
  readonly caFile: string;
  readonly dataDir: string;
  readonly startedInMs: number;
  /** Only on the very first start. */
  readonly apiKey: string | undefined;
}

/** What the person who started it needs to know, on standard output: one fact a line, name first. */
export function banner(facts: BannerFacts): string {
  const lines: [string, string | undefined][] = [
    ["REST", facts.rest],
    ["gRPC", `${facts.grpc} (TLS)`],
    ["AMQP", facts.amqp === undefined ? undefined : `${facts.amqp} (TLS)`],
    ["MQTT/TLS", facts.mqtts],
    ["MQTT/PSK", facts.mqttPsk],
    ["MQTT", facts.mqtt],
    ["MQTT/WS", facts.mqttWs === undefined ? undefined : `ws://${facts.mqttWs}/mqtt`],
    ["MQTT/WSS", facts.mqttWss === undefined ? undefined : `wss://${facts.mqttWss}/mqtt`],
    ["MQTT dev", facts.mqttDev === undefined ? undefined : `${facts.mqttDev} (anybody, in a tenant of its own)`],
    ["", facts.mqttDevWs === undefined ? undefined : `ws://${facts.mqttDevWs}/mqtt (the same)`],
    ["HTTPS", facts.https === undefined ? undefined : `https://${facts.https}`],
    ["CA", facts.caFile],
    ["Data", facts.dataDir],
  ];
  const shown = lines.filter(([, value]) => value !== undefined).map(([name, value]) => `  ${name.padEnd(9)} ${value}`);
  const key =
    facts.apiKey === undefined
      ? []
      : ["", `  API key   ${facts.apiKey}`, "            shown this once; it may do everything in its tenant: keep it safe"];
  return [`Mooring is up (${(facts.startedInMs / 1_000).toFixed(1)} s).`, ...shown, ...key, "", "Ctrl-C stops it."].join("\n");
}
