import {
  assertMay,
  asTenantId,
  type Caller,
  type Device,
  type DeviceAddress,
  type DeviceApi,
  defaultSecrecy,
  PlatformError,
  type Product,
  type Role,
  type ThingModelVersion,
} from "@mooring/contracts";
import { createMetrics, silentLog } from "@mooring/kit";
import { createMemorySessions } from "@mooring/testkit";
import { createMemoryEvents, type MemoryLog } from "./memory-events.test-support.ts";
import { createMemoryShadow } from "./memory-shadow.test-support.ts";
import type { Services } from "./route.ts";

/** Keys that the services below know, one for each role a key may have. */
export const keyOf = (role: Role): string => `mk_${role}`;
export const keyRoles: readonly Role[] = ["owner", "operator", "backend", "viewer"];

export const t0 = Date.UTC(2026, 0, 31, 12);
const refuse = (): never => {
  throw new PlatformError("failedPrecondition", "this is not kept in memory");
};

const productDefaults = {
  validation: "enforce",
  ...defaultSecrecy,
  acknowledgement: "persisted",
  historyDays: 90,
  deduplicateIds: false,
  pushDelta: false,
  createdAtMs: t0,
};

interface Memory {
  readonly revoked: ReadonlySet<string>;
  readonly products: Map<string, Product>;
  readonly devices: Map<string, Device>;
  readonly models: Map<string, { readonly model: ThingModelVersion; readonly document: string; readonly imports: readonly string[] }>;
  readonly calls: unknown[];
}

/** Small services in memory, just enough to see what the edge makes of their answers and errors. Product `pk01` with device `dev-1` is there. */
export function createMemoryServices(options: { readonly revoked?: ReadonlySet<string> } = {}): {
  readonly services: Services;
  /** What reached the services behind calls, certificates and history. */
  readonly calls: unknown[];
  readonly log: MemoryLog;
} {
  const product = { ...productDefaults, tenantId: "t1", productKey: "pk01", name: "p" };
  const device = { tenantId: "t1", deviceId: "d1", productKey: "pk01", deviceName: "dev-1", status: "enabled", tags: {}, createdAtMs: t0 };
  const memory: Memory = {
    revoked: options.revoked ?? new Set(),
    products: new Map([["pk01", product]]),
    devices: new Map([["pk01/dev-1", device]]),
    models: new Map(),
    calls: [],
  };
  const { events, log } = createMemoryEvents(memory.calls);
  const services = {
    access: createAccess(memory),
    devices: { ...createProducts(memory), ...createDevices(memory), ...createCredentials(memory) },
    thingModels: createThingModels(memory),
    shadow: createMemoryShadow(t0, (address) => deviceOf(memory, address)),
    rrpc: createRrpc(memory),
    events,
    sessions: createMemorySessions(),
  };
  return { services, calls: memory.calls, log };
}

function deviceOf({ devices }: Memory, request: DeviceAddress): Device {
  const device = devices.get(`${request.productKey}/${request.deviceName}`);
  if (device === undefined) throw new PlatformError("notFound", "there is no such device");
  return device;
}

function createAccess({ revoked }: Memory): Services["access"] {
  return {
    async authenticateKey(caller, { secret }) {
      assertMay(caller, "access.authenticateKey");
      const role = keyRoles.find((one) => keyOf(one) === secret);
      if (role === undefined || revoked.has(secret)) throw new PlatformError("unauthenticated", "the API key is not valid");
      return { tenantId: asTenantId("t1"), principal: `key:${role}`, role } satisfies Caller;
    },
    authenticateSignature: async () => refuse(),
    async createApiKey(_, { name, role, accessKey }) {
      const key = { id: "k1", name, role: role as Role, createdAtMs: t0 };
      if (accessKey !== true) return { key, secret: "mk_new" };
      return { key: { ...key, accessKeyId: "MK1" }, secret: "mk_new", accessKey: { id: "MK1", secret: "mks_new" } };
    },
    findScramVerifier: async () => {
      throw new PlatformError("unauthenticated", "the API key is not valid");
    },
    listApiKeys: async () => ({ keys: [] }),
    revokeApiKey: async () => refuse(),
    getTenant: async (caller) => ({ tenantId: caller.tenantId, name: "first", status: "active", createdAtMs: t0 }),
    listTenants: async (caller) => ({ tenants: [{ tenantId: caller.tenantId, name: "first", status: "active", createdAtMs: t0 }] }),
    setTenantStatus: async () => refuse(),
    listTenantsSince: async () => ({ tenants: [] }),
    listSuspendedTenants: async () => ({ tenantIds: [] }),
  };
}

function createProducts({ products }: Memory): Pick<DeviceApi, "createProduct" | "getProduct" | "listProducts" | "updateProduct"> {
  return {
    async createProduct(caller, request) {
      const { productKey = "made" } = request;
      if (products.has(productKey)) throw new PlatformError("alreadyExists", `the product key ${productKey} is taken`);
      const product = { ...productDefaults, ...request, tenantId: caller.tenantId, productKey };
      products.set(productKey, product);
      return product;
    },
    async getProduct(_, { productKey }) {
      const product = products.get(productKey);
      if (product === undefined) throw new PlatformError("notFound", "there is no such product");
      return product;
    },
    async listProducts(_, { pageSize = 100 }) {
      return { products: [...products.values()].slice(0, pageSize), ...(products.size > pageSize ? { nextPageToken: "more" } : {}) };
    },
    async updateProduct(_, request) {
      const known = products.get(request.productKey);
      if (known === undefined) throw new PlatformError("notFound", "there is no such product");
      const product = { ...known, ...request };
      products.set(product.productKey, product);
      return product;
    },
  };
}

function createDevices(
  memory: Memory,
): Pick<DeviceApi, "createDevice" | "getDevice" | "listDevices" | "setDeviceStatus" | "setDeviceTags" | "deleteDevice"> {
  const { devices } = memory;
  return {
    async createDevice(caller, { productKey, deviceName }) {
      const device = {
        tenantId: caller.tenantId,
        deviceId: `id-${deviceName}`,
        productKey,
        deviceName,
        status: "enabled",
        tags: {},
        createdAtMs: t0,
      };
      devices.set(`${productKey}/${deviceName}`, device);
      return device;
    },
    getDevice: async (_, request) => deviceOf(memory, request),
    listDevices: async () => ({ devices: [...devices.values()] }),
    setDeviceStatus: async (_, request) => ({ ...deviceOf(memory, request), status: request.status }),
    async setDeviceTags(_, request) {
      const device = { ...deviceOf(memory, request), tags: request.tags };
      devices.set(`${device.productKey}/${device.deviceName}`, device);
      return device;
    },
    async deleteDevice(_, request) {
      devices.delete(`${deviceOf(memory, request).productKey}/${request.deviceName}`);
      return {};
    },
  };
}

function createCredentials({
  calls,
}: Memory): Omit<DeviceApi, keyof ReturnType<typeof createProducts> | keyof ReturnType<typeof createDevices>> {
  return {
    async issueCertificate(_, request) {
      if (!request.csrPem.startsWith("-----BEGIN CERTIFICATE REQUEST-----")) {
        throw new PlatformError("invalidArgument", "/csrPem: is not PEM", { issues: [{ pointer: "/csrPem", message: "is not PEM" }] });
      }
      calls.push(request);
      const certificate = { fingerprint: "ab", serial: "01", subject: "CN=dev", status: "active", notBeforeMs: t0, notAfterMs: t0 + 1 };
      return { certificate, certificatePem: "LEAF\n", chainPem: "LEAF\nISSUER\n" };
    },
    listCertificates: async () => ({ certificates: [] }),
    revokeCertificate: async () => refuse(),
    setCertificateStatus: async () => refuse(),
    issueKeyPair: async () => refuse(),
    renewCertificate: async () => refuse(),
    enrollCertificate: async () => refuse(),
    getAuthorityCertificates: async () => refuse(),
    registerCertificate: async () => refuse(),
    listAuthorities: async () => ({ authorities: [] }),
    rotateAuthority: async () => refuse(),
    revokeAuthority: async () => refuse(),
    takeRootKey: async () => refuse(),
    registerAuthority: async () => refuse(),
    proveAuthority: async () => refuse(),
    updateAuthority: async () => refuse(),
    deleteAuthority: async () => refuse(),
    putRevocationList: async () => refuse(),
    getRevocationList: async () => refuse(),
    answerStatusRequest: async () => refuse(),
    createClaim: async () => refuse(),
    listClaims: async () => ({ claims: [] }),
    getClaim: async () => refuse(),
    updateClaim: async () => refuse(),
    listClaimFailures: async () => ({ failures: [] }),
    authenticateClaim: async () => refuse(),
    checkClaim: async () => refuse(),
    createClaimedCertificate: async () => refuse(),
    provisionDevice: async () => refuse(),
    createDeviceSecret: async () => ({ secret: "s", version: 1 }),
    async rotateDeviceSecret(_, request) {
      calls.push(request);
      return { secret: "s", version: 2, previousValidUntilMs: t0 + (request.overlapSeconds ?? 0) * 1_000 };
    },
    createProductSecret: async () => ({ secret: "p", version: 1 }),
    async addPublicKey(_, request) {
      calls.push(request);
      return { keyId: "ab".repeat(32), algorithm: "EdDSA", createdAtMs: t0 };
    },
    listPublicKeys: async () => ({ keys: [{ keyId: "ab".repeat(32), algorithm: "EdDSA", createdAtMs: t0 }] }),
    async deletePublicKey(_, request) {
      if (request.keyId !== "ab".repeat(32)) throw new PlatformError("notFound", "the device has no such public key");
      return {};
    },
    async listConnectionFailures() {
      const failure = { reason: "disabled", message: "The device is disabled.", protocol: "mqtt-5.0", address: "192.0.2.1" };
      return { failures: [{ ...failure, proven: true, count: 2, firstAtMs: t0, lastAtMs: t0 + 1 }] };
    },
    authenticateToken: async () => refuse(),
    authenticateJwt: async () => refuse(),
    findPreSharedKey: async () => refuse(),
    createDeviceSession: async () => refuse(),
    authenticateDeviceSession: async () => refuse(),
    registerDevice: async () => refuse(),
    recordConnectionFailures: async () => refuse(),
    authenticateCertificate: async () => refuse(),
    authenticateSecret: async () => refuse(),
    checkCredential: async () => refuse(),
    async addSubDevice(_, { subDevice }) {
      if (subDevice.deviceName === "taken-1") throw new PlatformError("alreadyExists", "is a sub-device of another gateway");
      return { ...subDevice, deviceId: "d2", addedAtMs: t0 };
    },
    proveSubDevices: async () => refuse(),
    async removeSubDevice(_, request) {
      calls.push(request);
      return {};
    },
    listSubDevices: async (_, { productKey }) => ({
      subDevices: [{ productKey, deviceName: "meter-1", deviceId: "d2", addedAtMs: t0 }],
      nextPageToken: "n",
    }),
    findSubDevices: async () => refuse(),
    findTags: async () => refuse(),
    listProductOptions: async () => refuse(),
    listChanges: async () => refuse(),
  };
}

const noObject = { severity: "error", pointer: "", message: "An SDF document must be a JSON object." };

function createThingModels({ models }: Memory): Services["thingModels"] {
  return {
    async publish(_, { name, version, document: text, format }) {
      const document = format === undefined ? text : `${format}:${text}`;
      const known = models.get(`${name}@${version}`);
      if (known !== undefined && known.document !== document) throw new PlatformError("alreadyExists", "published with another text");
      const model = { name, version, contentHash: "h", publishedAtMs: t0, state: "published" };
      models.set(`${name}@${version}`, { model, document, imports: [] });
      return { model, findings: [], changes: [] };
    },
    async get(_, { name, version }) {
      const known = models.get(`${name}@${version}`);
      if (known === undefined) throw new PlatformError("notFound", "there is no such thing model version");
      return known;
    },
    async export(_, { name, version, format }) {
      if (!models.has(`${name}@${version}`)) throw new PlatformError("notFound", "there is no such thing model version");
      return { text: `${name} as ${format}`, mediaType: "text/x-protobuf", losses: [{ pointer: "/sdfObject", sentence: "It is lost." }] };
    },
    list: async () => ({ models: [...models.values()].map(({ model }) => model) }),
    async saveDraft(_, { name, version, document }) {
      if (document === "[]") return { model: { name, version, contentHash: "", publishedAtMs: t0, state: "draft" }, findings: [noObject] };
      throw new PlatformError("failedPrecondition", "is published, and no draft any more");
    },
    async deprecate(_, { name, version, replacement, retireAtMs }) {
      const { model } = await this.get(_, { name, version });
      const more = { ...(replacement === undefined ? {} : { replacement }), ...(retireAtMs === undefined ? {} : { retireAtMs }) };
      return { model: { ...model, state: "deprecated", ...more } };
    },
    retire: async () => refuse(),
    async listFindings(_, key) {
      await this.get(_, key);
      return { findings: [noObject] };
    },
    async diff(_, { name, version, against }) {
      await this.get(_, { name, version });
      await this.get(_, { name, version: against });
      return { isCompatible: true, changes: [] };
    },
    async validate(_, { name, version, kind, member, payload }) {
      await this.get(_, { name, version });
      return { errors: [{ pointer: "/t", expected: "number", got: JSON.stringify(payload), message: `${kind} ${member ?? ""}` }] };
    },
    listChanges: async () => refuse(),
  };
}

function createRrpc({ calls }: Memory): Services["rrpc"] {
  return {
    async call(_, request) {
      calls.push(request);
      if (request.service === "offline") throw new PlatformError("deviceOffline", "the device is not connected");
      if (request.service === "silent") throw new PlatformError("timeout", "the device did not answer within 100 ms");
      if (request.service === "broken") throw new TypeError("secret internals");
      return {
        messageId: "42",
        payload: request.payload ?? Buffer.from("{}"),
        ...(request.service === undefined ? {} : { output: { ok: 1 } }),
        ...(request.service === "odd" ? { checkFailedData: [{ pointer: "/data/ok", message: "must be boolean", got: "1" }] } : {}),
      };
    },
    answer: async () => refuse(),
  };
}

/** What createAdminServer needs around services in memory. */
export function createTestDeps(services: Services, nowMs: () => number = () => t0) {
  return { ...services, log: silentLog, metrics: createMetrics(), clock: { now: nowMs } };
}
