// A gateway on loopback with real sockets, real TLS and real certificates; the services behind it are small ones of this file.
import { createHash, createHmac } from "node:crypto";
import { createMemoryCluster } from "@mooring/cluster";
import {
  type AppendAck,
  type AppendFrame,
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Caller,
  type ClaimIdentity,
  type DeviceAddress,
  type DeviceChange,
  type DeviceIdentity,
  type DeviceRef,
  defaultSecrecy,
  invalidField,
  type NewConnectionFailure,
  type NewRecord,
  PlatformError,
  type ProductOptions,
  type ProvisioningRequest,
  type Refusal,
  type RegistrationProof,
  type ScramVerifier,
  type SecretProof,
  serviceCaller,
  type TokenProof,
} from "@mooring/contracts";
import { createMetrics, type Log, loadSettings, type Metrics, pause, type ServerTls, silentLog, systemClock } from "@mooring/kit";
import { type Authority, createRootAuthority, createServerCertificate } from "@mooring/pki";
import { createMemorySessions, type MemorySessions } from "@mooring/testkit";
import { type Gateway, type GatewayDeps, type GatewayLimits, gatewaySettings, startGateway } from "./index.ts";
import type { DevelopmentOptions } from "./ports.ts";
import { TestShadow } from "./shadow.test-support.ts";

export const productKey = "a1b2c3";

export function deviceNamed(name: string): DeviceRef {
  const deviceId = createHash("md5")
    .update(name)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return {
    tenantId: asTenantId("00000000-0000-4000-8000-000000000001"),
    deviceId: asDeviceId(deviceId),
    productKey: asProductKey(productKey),
    deviceName: asDeviceName(name),
  };
}

/** What a device connects with. */
export interface TestCredential {
  readonly device: DeviceRef;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly ca: string;
}

/** Devices, certificates and secrets that exist, and the feed of their changes. */
export class TestDevices {
  readonly identities = new Map<string, DeviceIdentity>();
  readonly secrets = new Map<string, string>();
  /** `{client id}:{token}` by device. */
  readonly tokens = new Map<string, string>();
  readonly productSecret = "product-secret";
  readonly failures: NewConnectionFailure[] = [];
  readonly changes: DeviceChange[] = [];
  validation = "enforce";
  /** Of the one product there is. */
  options: Required<ProductOptions> = { acknowledgement: "persisted", historyDays: 90, deduplicateIds: false, pushDelta: true };
  isDown = false;
  /** The tenant is. */
  isSuspended = false;

  #up(): void {
    if (this.isDown) throw new PlatformError("unavailable", "the devices service is down");
  }

  async authenticateCertificate(_caller: Caller, { certificateDer }: { readonly certificateDer: Uint8Array }): Promise<DeviceIdentity> {
    this.#up();
    const credentialId = `certificate:${createHash("sha256").update(certificateDer).digest("hex")}`;
    if (this.claims.has(credentialId)) throw new PlatformError("failedPrecondition", "a claim's");
    return this.#held(credentialId);
  }

  /** Claims by `certificate:{fingerprint}`, and what was asked by them. */
  readonly claims = new Map<string, ClaimIdentity>();
  readonly provisionings: object[] = [];
  /** What is wrong with the next of them. */
  provisioningError: PlatformError | undefined;

  async authenticateClaim(_caller: Caller, { certificateDer }: { readonly certificateDer: Uint8Array }): Promise<ClaimIdentity> {
    const claim = this.claims.get(`certificate:${createHash("sha256").update(certificateDer).digest("hex")}`);
    if (claim === undefined) throw new PlatformError("unauthenticated", "not authenticated");
    return claim;
  }

  async checkClaim(_caller: Caller, { claimId }: { readonly claimId: string }): Promise<ClaimIdentity> {
    const claim = [...this.claims.values()].find((one) => one.claimId === claimId);
    if (claim === undefined) throw new PlatformError("unauthenticated", "not authenticated");
    return claim;
  }

  async createClaimedCertificate(_caller: Caller, { origin: _, ...request }: { readonly csrPem?: string; readonly origin: object }) {
    this.provisionings.push(request);
    if (this.provisioningError !== undefined) throw this.provisioningError;
    const key = request.csrPem === undefined ? { privateKeyPem: "KEY" } : {};
    return { certificateId: "ab", certificatePem: "PEM", ownershipToken: "TOKEN", ...key };
  }

  async provisionDevice(_caller: Caller, { parameters, ...request }: ProvisioningRequest) {
    this.provisionings.push({ ...request, parameters });
    if (this.provisioningError !== undefined) throw this.provisioningError;
    const deviceName = parameters["serial"] ?? parameters["SerialNumber"] ?? "";
    return { productKey, deviceName, certificatePem: "PEM", chainPem: "CHAIN", notAfterMs: 86_400_000 };
  }

  async authenticateSecret(
    _caller: Caller,
    proof: { productKey: string; deviceName: string; content: string; signature: string },
  ): Promise<DeviceIdentity> {
    this.#up();
    const secret = this.secrets.get(proof.deviceName);
    const expected = createHmac("sha256", secret ?? "")
      .update(proof.content)
      .digest("hex");
    if (secret === undefined || proof.productKey !== productKey || expected !== proof.signature.toLowerCase())
      throw new PlatformError("unauthenticated", "not authenticated");
    return { device: deviceNamed(proof.deviceName), credentialId: "secret:1" };
  }

  async authenticateToken(_caller: Caller, { deviceName, clientId, token }: TokenProof): Promise<DeviceIdentity> {
    this.#up();
    if (this.tokens.get(deviceName) !== `${clientId}:${token}`) throw new PlatformError("unauthenticated", "not authenticated");
    return { device: deviceNamed(deviceName), credentialId: "token:1" };
  }

  async authenticateJwt(_caller: Caller, { jwt }: { readonly jwt: string }): Promise<DeviceIdentity> {
    this.#up();
    return this.#held(jwt);
  }

  async createDeviceSession(_caller: Caller, { deviceId, credentialId }: { readonly deviceId: string; readonly credentialId: string }) {
    const token = `session-${credentialId}-${deviceId}`;
    const [owner = ""] = [...this.secrets.keys()].filter((name) => deviceNamed(name).deviceId === deviceId);
    this.identities.set(token, { device: deviceNamed(owner), credentialId });
    return { token, validUntilMs: Date.now() + 1_000_000 };
  }

  async authenticateDeviceSession(_caller: Caller, { token }: { readonly token: string }): Promise<DeviceIdentity> {
    this.#up();
    return this.#held(token);
  }

  async findPreSharedKey(_caller: Caller, { identity }: { readonly identity: string }) {
    this.#up();
    const [deviceName = ""] = identity.split("&");
    const secret = this.secrets.get(deviceName);
    if (secret === undefined) throw new PlatformError("unauthenticated", "not authenticated");
    return { identity: { device: deviceNamed(deviceName), credentialId: "secret:1" }, key: Buffer.from(secret, "hex") };
  }

  async registerDevice(_caller: Caller, { productKey, deviceName, way, random, signature }: RegistrationProof) {
    this.#up();
    const content = `deviceName${deviceName}productKey${productKey}random${random}`;
    if (createHmac("sha256", this.productSecret).update(content).digest("hex") !== signature)
      throw new PlatformError("unauthenticated", "not authenticated");
    if (way === "register") return { productKey, deviceName, deviceSecret: "5ec2e7" };
    return { productKey, deviceName, clientId: "c0ffee", deviceToken: "t0ken" };
  }

  async recordConnectionFailures(_caller: Caller, { failures }: { readonly failures: readonly NewConnectionFailure[] }) {
    this.failures.push(...failures);
    return {};
  }

  async checkCredential(
    _caller: Caller,
    { deviceId, credentialId }: { readonly deviceId: string; readonly credentialId: string },
  ): Promise<DeviceIdentity> {
    this.#up();
    const [owner] = [...this.secrets.keys()].filter((name) => deviceNamed(name).deviceId === deviceId);
    if (credentialId === "secret:1" && owner !== undefined) return { device: deviceNamed(owner), credentialId };
    return this.#held(credentialId);
  }

  /** Sub-devices by the id of their gateway; disabled are those named so. */
  readonly subDevices = new Map<string, DeviceRef[]>();
  /** What `findSubDevices` waits for. */
  gate: Promise<void> = Promise.resolve();
  /** How often it was asked. */
  found = 0;

  async findSubDevices(
    _caller: Caller,
    { gatewayId, devices }: { readonly gatewayId: string; readonly devices: readonly DeviceAddress[] },
  ) {
    this.found++;
    const own = this.subDevices.get(gatewayId) ?? [];
    await this.gate;
    this.#up();
    const asked = own.filter(({ deviceName }) => devices.some((device) => device.deviceName === deviceName));
    return { subDevices: asked.map((device) => ({ device, status: device.deviceName.startsWith("off") ? "disabled" : "enabled" })) };
  }

  /** What gateways proved, in order. */
  readonly proofs: SecretProof[] = [];

  async proveSubDevices(caller: Caller, { proofs }: { readonly proofs: readonly SecretProof[] }) {
    for (const [at, proof] of proofs.entries()) {
      const isProved = await this.authenticateSecret(caller, proof).catch(() => undefined);
      if (isProved === undefined) throw new PlatformError("unauthenticated", `/proofs/${at}: the sub-device could not be authenticated`);
    }
    this.proofs.push(...proofs);
    const gatewayId = caller.device?.deviceId ?? "";
    const added = proofs.map(({ deviceName }) => deviceNamed(deviceName));
    this.subDevices.set(gatewayId, [...(this.subDevices.get(gatewayId) ?? []), ...added]);
    return { subDevices: added.map((device) => ({ ...device, addedAtMs: 0 })) };
  }

  async removeSubDevice(caller: Caller, { subDevice }: { readonly subDevice: DeviceAddress }) {
    const gatewayId = caller.device?.deviceId ?? "";
    const left = (this.subDevices.get(gatewayId) ?? []).filter(({ deviceName }) => deviceName !== subDevice.deviceName);
    this.subDevices.set(gatewayId, left);
    return {};
  }

  async listSubDevices(caller: Caller, { pageToken }: { readonly pageToken?: string }) {
    const all = (this.subDevices.get(caller.device?.deviceId ?? "") ?? []).map((device) => ({ ...device, addedAtMs: 0 }));
    const at = Number(pageToken ?? 0);
    return { subDevices: all.slice(at, at + 1), ...(at + 1 < all.length ? { nextPageToken: String(at + 1) } : {}) };
  }

  async getProduct() {
    this.#up();
    const thingModel = { name: "thermostat", version: "1.0.0" };
    const product = { tenantId: "t", productKey, name: "p", validation: this.validation, ...defaultSecrecy, createdAtMs: 0 };
    return { ...product, ...this.options, thingModel };
  }

  async listChanges(_caller: Caller, { after, waitMs = 0 }: { readonly after?: number; readonly waitMs?: number }) {
    const until = Date.now() + waitMs;
    while (after !== undefined && after >= this.changes.length && Date.now() < until) await pause(20);
    this.#up();
    const changes = after === undefined ? [] : this.changes.slice(after);
    return { changes, next: this.changes.length };
  }

  /** What was asked for. */
  readonly renewals: { readonly csrPem: string; readonly fingerprint: string; readonly keepsOld?: boolean }[] = [];
  /** One authority there is, for who asks for it and for what is issued. */
  authorityPem = "";

  async renewCertificate(_caller: Caller, request: { csrPem: string; fingerprint: string; keepsOld?: boolean }) {
    this.#up();
    if (!request.csrPem.includes("CERTIFICATE REQUEST")) throw invalidField("/csrPem", "must be a CERTIFICATE REQUEST");
    this.renewals.push(request);
    const times = { notBeforeMs: 0, notAfterMs: 86_400_000 };
    const certificate = { fingerprint: "ab", serial: "01", subject: "CN=x", status: "active", ...times };
    return { certificate, certificatePem: this.authorityPem, chainPem: "CHAIN", activateBeforeMs: 3_600_000 };
  }

  async listAuthorities() {
    this.#up();
    const own = { authorityId: "a", kind: "own", status: "active", hasRootKey: true, mode: "known", byServerName: false, createdAtMs: 0 };
    return { authorities: [{ ...own, certificatePem: this.authorityPem, rootPem: this.authorityPem }] };
  }

  revoke(device: DeviceRef): void {
    for (const [id, identity] of this.identities) if (identity.device.deviceId === device.deviceId) this.identities.delete(id);
    this.changes.push({ offset: this.changes.length + 1, productKey, deviceId: device.deviceId });
  }

  #held(credentialId: string): DeviceIdentity {
    const identity = this.identities.get(credentialId);
    if (identity === undefined) throw new PlatformError("unauthenticated", "not authenticated");
    if (this.isSuspended) throw new PlatformError("permissionDenied", "the tenant is suspended");
    return identity;
  }
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
  const sessions = createMemorySessions();
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
