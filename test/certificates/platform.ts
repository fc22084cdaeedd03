// The devices service on real Postgres behind a gateway's real TLS listener, in this process. What devices say goes nowhere.
import { randomBytes } from "node:crypto";
import {
  createDeviceService,
  createFailureBook,
  createPostgresDeviceStores,
  startDeviceUpkeep,
  startListFetcher,
} from "@mooring/app-devices";
import { type Gateway, gatewaySettings, startGateway } from "@mooring/app-gateway";
import { createMemoryCluster } from "@mooring/cluster";
import { type AppendAck, type AppendFrame, type Caller, type DeviceApi, PlatformError } from "@mooring/contracts";
import { createAddressRules, createMetrics, type Log, loadSettings, silentLog, systemClock } from "@mooring/kit";
import { createRootAuthority, createServerCertificate } from "@mooring/pki";
import { createMemorySessions, makeCaller, openTestDatabase } from "@mooring/testkit";

export interface CertificatePlatform {
  readonly devices: DeviceApi;
  readonly owner: Caller;
  /** `host` and `port` of the MQTT/TLS listeners of two gateway nodes. */
  readonly doors: readonly { readonly host: string; readonly port: number }[];
  /** Of the first node's listeners for MQTT over WebSocket and for HTTPS, the same. */
  readonly otherDoors: readonly { readonly host: string; readonly port: number }[];
  readonly serverCa: string;
  readonly keyEncryptionKey: Buffer;
  readonly stores: ReturnType<typeof createPostgresDeviceStores>;
  /** Tenants have names under it. */
  readonly tenantHost: string;
  /** Why devices were refused, oldest first; emptied by who reads it. */
  readonly refusals: string[];
  stop(): Promise<void>;
}

/** Hears why the service refuses: the peer is told nothing. */
function listenTo(refusals: string[]): Log {
  const note = (facts: unknown): void => {
    const { reason } = facts as { readonly reason?: string };
    if (reason !== undefined) refusals.push(reason);
  };
  return { ...silentLog, info: note } as Log;
}

async function* acknowledge(frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
  let lastOffset = 0;
  for await (const { sequence, records } of frames) {
    lastOffset += records.length;
    yield { sequence, lastOffset };
  }
}

const nothing = async (): Promise<never> => {
  throw new PlatformError("unavailable", "not in this test");
};

/** `listPorts`: of this machine, where lists may be fetched. `tlsSessionS`: as the gateway's setting. */
export async function openCertificatePlatform(listPorts: readonly number[] = [], tlsSessionS = 0): Promise<CertificatePlatform> {
  const database = await openTestDatabase("devices");
  const stores = createPostgresDeviceStores({ control: database, authentication: database });
  const keyEncryptionKey = randomBytes(32);
  const refusals: string[] = [];
  const tenantHost = "iot.test";
  const models = { get: nothing };
  const failures = createFailureBook({ store: stores.failures, clock: systemClock, log: silentLog });
  const devices = createDeviceService({
    ...{ stores, models, keyEncryptionKey, failures, tenantHost, rules: createAddressRules([], []), clock: systemClock },
    ...{ log: listenTo(refusals), metrics: createMetrics() },
  });
  const upkeep = startDeviceUpkeep({ stores, clock: systemClock, log: silentLog });
  const rules = createAddressRules(["127.0.0.0/8"], listPorts);
  const fetching = { lists: stores.lists, rules, pausesMs: { min: 100, max: 200 } };
  const fetcher = startListFetcher({ ...fetching, clock: systemClock, log: silentLog, metrics: createMetrics() });
  const nowMs = Date.now();
  const authority = await createRootAuthority({ name: { commonName: "server" }, validityDays: 2, nowMs });
  const server = await createServerCertificate(authority, { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], validityDays: 1, nowMs });
  const cluster = createMemoryCluster({ log: silentLog });
  const sessions = createMemorySessions();
  const gateways = new Map<string, Gateway>();
  for (const nodeId of ["gateway-1", "gateway-2"]) {
    await cluster.nodes.register({ nodeId, kind: "gateway", address: "127.0.0.1:1" });
    const gateway = await startGateway(
      {
        ...{ nodeId, devices, sessions, answerCall: nothing, presence: cluster.presence, metrics: createMetrics() },
        thingModels: { ...models, listChanges: async () => ({ models: [], nowMs: Date.now() }) },
        shadow: { get: nothing, update: nothing, delete: nothing, listNames: nothing, deviceReady: nothing, waitApplied: nothing },
        events: { append: (_caller, frames) => acknowledge(frames), recordRefusals: async () => ({}) },
        access: { authenticateKey: nothing, findScramVerifier: nothing },
        gatewayNode: async (id) => gateways.get(id)?.api,
        clock: systemClock,
        log: silentLog,
      },
      {
        tls: { certificatePem: server.chainPem, keyPem: server.privateKeyPem },
        mqttsListen: "127.0.0.1:0",
        mqttWssListen: "127.0.0.1:0",
        deviceHttpsListen: "127.0.0.1:0",
        limits: { ...loadSettings(gatewaySettings, {}), strangersPerAddressMax: 1_000, tlsSessionS },
      },
    );
    gateways.set(nodeId, gateway);
  }
  const doorAt = (address = "") => {
    const [host = "", port] = address.split(":");
    return { host, port: Number(port) };
  };
  const doors = [...gateways.values()].map(({ addresses }) => doorAt(addresses.mqtts));
  const first = gateways.get("gateway-1")?.addresses;
  const otherDoors = [doorAt(first?.mqttWss), doorAt(first?.https)];
  return {
    ...{
      devices,
      owner: makeCaller(),
      doors,
      otherDoors,
      serverCa: authority.certificatePem,
      keyEncryptionKey,
      stores,
      refusals,
      tenantHost,
    },
    async stop() {
      await fetcher.stop();
      await upkeep.stop();
      for (const gateway of gateways.values()) await gateway.stop();
      await cluster.close();
      await database.stop();
    },
  };
}
