// The devices service behind the gateway of a test: devices, certificates, secrets, claims and sub-devices that exist, and the feed of their changes.
import { createHash, createHmac } from "node:crypto";
import {
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
  PlatformError,
  type ProductOptions,
  type ProvisioningRequest,
  type RegistrationProof,
  type SecretProof,
  type TokenProof,
} from "@mooring/contracts";
import { pause } from "@mooring/kit";

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

  provisionedPem = "PEM";

  async provisionDevice(_caller: Caller, { parameters, ...request }: ProvisioningRequest) {
    this.provisionings.push({ ...request, parameters });
    if (this.provisioningError !== undefined) throw this.provisioningError;
    const deviceName = parameters["serial"] ?? parameters["SerialNumber"] ?? "";
    return { productKey, deviceName, certificatePem: this.provisionedPem, chainPem: "CHAIN", notAfterMs: 86_400_000 };
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

  readonly enrollments: object[] = [];

  async enrollCertificate({ device }: Caller, request: { csrPem: string }) {
    this.#up();
    this.enrollments.push({ ...request, deviceName: device?.deviceName });
    const times = { notBeforeMs: 0, notAfterMs: 86_400_000 };
    const certificate = { fingerprint: "cd", serial: "02", subject: "CN=x", status: "active", ...times };
    return { certificate, certificatePem: this.authorityPem, chainPem: "CHAIN" };
  }

  /** What was said of whose authorities are asked for. */
  readonly askedAuthorities: object[] = [];

  async getAuthorityCertificates(_caller: Caller, request: { productKey?: string; serverName?: string }) {
    this.#up();
    this.askedAuthorities.push(request);
    if (request.productKey !== undefined && request.productKey !== productKey) throw new PlatformError("notFound", "whose is not known");
    return { certificatesPem: this.authorityPem };
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
