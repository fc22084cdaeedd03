// A gateway on loopback with real sockets, real TLS and real certificates; the services behind it are small ones of this file.
import { createHash, createHmac } from "node:crypto";
import { createMemoryCluster } from "@mooring/cluster";
import {
  type AppendAck,
  type AppendFrame,
  type Caller,
  type DeviceRef,
  type NewRecord,
  PlatformError,
  type Refusal,
  type ScramVerifier,
  serviceCaller,
} from "@mooring/contracts";
import { createMetrics, type Log, loadSettings, type Metrics, pause, type ServerTls, silentLog, systemClock } from "@mooring/kit";
import { type Authority, createRootAuthority, createServerCertificate } from "@mooring/pki";
import { createMemorySessions, type MemorySessions } from "@mooring/testkit";
import { deviceNamed, productKey, TestDevices } from "./devices.test-support.ts";
import { type Gateway, type GatewayDeps, type GatewayLimits, gatewaySettings, startGateway } from "./index.ts";
import type { DevelopmentOptions } from "./ports.ts";
import { TestShadow } from "./shadow.test-support.ts";

export { deviceNamed, productKey, TestDevices };

export interface TestCredential {
  readonly device: DeviceRef;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly ca: string;
}

/** A log whose commits can be held up. */
export class TestEvents {
  readonly records: NewRecord[] = [];
  readonly refusals: Refusal[] = [];
  isHeld = false;
  isBroken = false;

  async *append(_caller: Caller, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
    for await (const { sequence, records } of frames) {
      while (this.isHeld) await pause(2);
      if (this.isBroken) throw new PlatformError("unavailable", "the log is down");
      this.records.push(...records.filter(({ messageId }) => !this.records.some((record) => record.messageId === messageId)));
      yield { sequence, lastOffset: this.records.length };
    }
  }

  async recordRefusals(_caller: Caller, { refusals }: { readonly refusals: readonly Refusal[] }): Promise<Record<never, never>> {
    this.refusals.push(...refusals);
    return {};
  }

  ofKind(kind: NewRecord["kind"]): readonly NewRecord[] {
    return this.records.filter((record) => record.kind === kind);
  }
}

const model = JSON.stringify({
  namespace: { t: "https://models.example/t" },
  defaultNamespace: "t",
  sdfObject: {
    Thermostat: {
      sdfProperty: { Temperature: { type: "number", minimum: -40, maximum: 120 }, Label: { type: "string" } },
      sdfEvent: { Overheated: { sdfOutputData: { type: "object", properties: { limit: { type: "number" } } } } },
    },
  },
});

/** The defaults, but small where a test waits for a limit. */
export const limits: GatewayLimits = {
  ...loadSettings(gatewaySettings, {}),
  connectionsMax: 1_000,
  strangersPerAddressMax: 100,
  writeBytesMax: 65_536,
  stalledMs: 1_000,
  publishRateMax: 0,
};

export interface LoggedError {
  readonly facts: { readonly err?: unknown };
  readonly message: string;
}

export interface Harness {
  readonly gateway: Gateway;
  readonly devices: TestDevices;
  readonly events: TestEvents;
  readonly shadow: TestShadow;
  /** Answers the devices gave, by message id; those in `waited` are accepted. */
  readonly answers: Map<string, string>;
  readonly waited: Set<string>;
  /** Of the first gateway. */
  readonly metrics: Metrics;
  /** What the gateways logged as errors. */
  readonly errors: LoggedError[];
  /** Of all gateways; outlives them. */
  readonly sessions: MemorySessions;
  /** API keys that are good, and whose they are. */
  readonly keys: Map<string, Caller>;
  /** From now on no key is good, for this reason. */
  refusesKeys(error: PlatformError): void;
  /** The same by their ids. */
  readonly scramVerifiers: Map<string, ScramVerifier>;
  /** A device with a certificate, made when first asked for. */
  credential(name: string): Promise<TestCredential>;
  /** A second gateway in the same cluster. */
  anotherGateway(): Promise<Gateway>;
  stop(): Promise<void>;
}

/** Where the certificate of the doors is read again; it is given the first one. */
export interface TlsSource {
  readonly readTlsMs: number;
  readTls(opened: ServerTls): Promise<ServerTls>;
}

export async function startHarness(
  options: Partial<GatewayLimits> = {},
  development: Partial<DevelopmentOptions> = {},
  tlsSource?: TlsSource,
  sessions: MemorySessions = createMemorySessions(),
): Promise<Harness> {
  const nowMs = Date.now();
  const authority = await createRootAuthority({ name: { commonName: "test" }, validityDays: 2, nowMs });
  const server = await createServerCertificate(authority, { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], validityDays: 1, nowMs });
  const [devices, events, shadow] = [new TestDevices(), new TestEvents(), new TestShadow()];
  devices.authorityPem = authority.certificatePem;
  const answers = new Map<string, string>();
  const waited = new Set<string>();
  const cluster = createMemoryCluster({ log: silentLog });
  const gateways = new Map<string, Gateway>();
  const keys = new Map<string, Caller>();
  const scramVerifiers = new Map<string, ScramVerifier>();
  let keyError: PlatformError | undefined;
  const metrics = createMetrics();
  const errors: LoggedError[] = [];
  const log: Log = { ...silentLog, error: (facts, message) => void errors.push({ facts, message }), child: () => log };
  const start = async (nodeId: string): Promise<Gateway> => {
    await cluster.nodes.register({ nodeId, kind: "gateway", address: "127.0.0.1:1" });
    const deps: GatewayDeps = {
      nodeId,
      devices,
      events,
      shadow,
      thingModels: {
        get: async () => ({
          model: { name: "thermostat", version: "1.0.0", contentHash: "", publishedAtMs: 0, state: "published" },
          document: model,
          imports: [],
        }),
        listChanges: async () => ({ models: [], nowMs: Date.now() }),
      },
      answerCall: async (_caller, { messageId, payload }) => {
        answers.set(messageId, Buffer.from(payload).toString());
        return { accepted: waited.has(messageId) };
      },
      sessions,
      access: {
        authenticateKey: async (_caller, { secret }) => {
          if (keyError !== undefined) throw keyError;
          return keys.get(secret) ?? refuseKey();
        },
        findScramVerifier: async (_caller, { keyId }) => scramVerifiers.get(keyId) ?? refuseKey(),
      },
      presence: cluster.presence,
      gatewayNode: async (id) => gateways.get(id)?.api,
      clock: systemClock,
      log,
      metrics: gateways.size === 0 ? metrics : createMetrics(),
    };
    const anyPort = "127.0.0.1:0";
    const tls = { certificatePem: server.chainPem, keyPem: server.privateKeyPem };
    const listens = {
      mqttsListen: anyPort,
      mqttListen: anyPort,
      mqttPskListen: anyPort,
      mqttWsListen: anyPort,
      mqttWssListen: anyPort,
      deviceHttpsListen: anyPort,
    };
    const gateway = await startGateway(deps, {
      ...listens,
      tls,
      ...(tlsSource && { readTlsMs: tlsSource.readTlsMs, readTls: () => tlsSource.readTls(tls) }),
      development: {
        ...loadSettings(gatewaySettings, {}),
        mqttDevListen: "127.0.0.1:0",
        mqttDevWsListen: "127.0.0.1:0",
        mqttDevTlsListen: "127.0.0.1:0",
        ...development,
      },
      limits: { ...limits, ...options },
    });
    gateways.set(nodeId, gateway);
    return gateway;
  };
  shadow.tell = async (deviceId, downlinks) => {
    for (const { api } of gateways.values()) await api.deliverAll(serviceCaller("shadow"), { deviceId, downlinks });
  };
  const gateway = await start("gateway-1");
  return {
    gateway,
    devices,
    events,
    shadow,
    answers,
    waited,
    sessions,
    keys,
    refusesKeys: (error) => {
      keyError = error;
    },
    scramVerifiers,
    metrics,
    errors,
    credential: (name) => issueCredential(authority, devices, name),
    anotherGateway: () => start("gateway-2"),
    async stop() {
      for (const running of gateways.values()) await running.stop();
    },
  };
}

function refuseKey(): never {
  throw new PlatformError("unauthenticated", "no such key");
}

/** A self-made leaf is enough: who it belongs to is looked up by its fingerprint. */
async function issueCredential(authority: Authority, devices: TestDevices, name: string): Promise<TestCredential> {
  const device = deviceNamed(name);
  const leaf = await createServerCertificate(authority, {
    dnsNames: [`${name.toLowerCase()}.test`],
    clientAuth: true,
    validityDays: 1,
    nowMs: Date.now(),
  });
  const der = Buffer.from(leaf.certificatePem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const credentialId = `certificate:${createHash("sha256").update(der).digest("hex")}`;
  devices.identities.set(credentialId, { device, credentialId });
  return { device, certificatePem: leaf.certificatePem, keyPem: leaf.privateKeyPem, ca: authority.certificatePem };
}

/** What a device with a secret says in CONNECT (wire formats 2.2): mode 2 over TLS, 3 without. */
export function secretConnect(name: string, secret: string, mode: 2 | 3): { clientId: string; username: string; password: Uint8Array } {
  const content = `clientIdx1deviceName${name}productKey${productKey}timestamp99`;
  const password = Buffer.from(createHmac("sha256", secret).update(content).digest("hex"));
  return { clientId: `x1|securemode=${mode},signmethod=hmacsha256,timestamp=99|`, username: `${name}&${productKey}`, password };
}
