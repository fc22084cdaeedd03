// The set-up of the tests over real sockets: a fresh gateway for each test, and devices that sign on to it.

import { serviceCaller } from "@mooring/contracts";
import { ProtocolLevel } from "@mooring/mqtt";
import { afterEach, beforeEach } from "vitest";
import { type Harness, productKey, startHarness, type TestCredential } from "./harness.test-support.ts";
import { type MqttClient, openTls } from "./mqtt-client.test-support.ts";
import type { GatewayLimits } from "./ports.ts";

export interface Fixture {
  readonly harness: Harness;
  /** Ended after the test. */
  readonly clients: MqttClient[];
  /** In place of the gateway there is: one with these limits. */
  restart(options: Partial<GatewayLimits>): Promise<void>;
  open(credential: TestCredential, level?: ProtocolLevel): MqttClient;
  signOn(name?: string, options?: { readonly level?: ProtocolLevel; readonly clientId?: string }): Promise<MqttClient>;
  /** The bodies of the records of a kind, in order. */
  stored(kind: "properties" | "event" | "message" | "reply" | "online" | "offline"): unknown[];
  /** How many connections took a call, or a delta. */
  deliver(deviceId: string, messageId: string, kind?: "call" | "shadowDelta"): Promise<number>;
}

export function useGateway(): Fixture {
  let harness: Harness;
  const clients: MqttClient[] = [];
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await harness.stop();
  });
  const open = (credential: TestCredential, level: ProtocolLevel = ProtocolLevel.V5): MqttClient => {
    const client = openTls(harness.gateway.addresses.mqtts, credential.ca, credential, level);
    clients.push(client);
    return client;
  };
  return {
    get harness() {
      return harness;
    },
    clients,
    async restart(options) {
      await harness.stop();
      harness = await startHarness(options);
    },
    open,
    async signOn(name = "dev-1", { level, clientId = "c1" } = {}) {
      return open(await harness.credential(name), level).signOn({ clientId });
    },
    stored: (kind) => harness.events.ofKind(kind).map(({ body }) => JSON.parse(body)),
    async deliver(deviceId, messageId, kind = "call") {
      const payload = Buffer.from(kind === "call" ? "{}" : JSON.stringify({ state: {}, metadata: {}, version: 1, timestamp: 1_000 }));
      const downlink = { kind, payload, ...(kind === "call" ? { messageId } : {}) };
      return (await harness.gateway.api.deliver(serviceCaller("rrpc"), { deviceId, downlink })).delivered;
    },
  };
}

export const sys = (name: string): string => `/sys/${productKey}/${name}`;
export const post = (name: string): string => `${sys(name)}/thing/event/property/post`;
export const report = (params: object, sysAck?: number): object => ({
  id: "7",
  version: "1.0",
  params,
  ...(sysAck === undefined ? {} : { sys: { ack: sysAck } }),
});
