import { randomBytes, randomUUID } from "node:crypto";
import { serviceCaller } from "@mooring/contracts";
import { createAddressRules, createMetrics, silentLog } from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import { behindWire, errorOf, makeCaller, makeSigningRequest } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTenantAuthority } from "./authority.ts";
import { activeCertificatesMax } from "./certificates.ts";
import { describeDeviceApi } from "./conformance.ts";
import { createFailureBook } from "./failure-book.ts";
import { derOf, type Harness, openHarness } from "./harness.test-support.ts";
import { createDeviceService } from "./service.ts";

describeDeviceApi("the device service", openHarness);
describeDeviceApi("the device service over gRPC", async () => behindWire("devices", await openHarness()));

const gateway = serviceCaller("gateway");

describe("the device service on its store", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness();
  });
  afterAll(() => harness.stop());

  async function makeDevice() {
    const { api } = harness;
    const owner = makeCaller();
    const { productKey } = await api.createProduct(owner, { name: "Thermostat", secretAuthentication: true });
    const address = { productKey, deviceName: "thermostat-1" };
    const device = await api.createDevice(owner, address);
    return { owner, address, device, issue: () => api.issueCertificate(owner, { ...address, csrPem: makeSigningRequest().csrPem }) };
  }

  test("an authority made twice at once is one, and its keys are sealed at rest", async () => {
    const { stores, keyEncryptionKey } = harness;
    const tenantId = randomUUID();
    const deps = { authorities: stores.authorities, sealer: createSealer([keyEncryptionKey]), clock: { now: () => Date.now() } };
    const opened = await Promise.all(Array.from({ length: 4 }, () => openTenantAuthority(deps, tenantId)));
    expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
    const { rows } = await harness.database.pool.query("SELECT * FROM authorities WHERE tenant_id = $1", [tenantId]);
    expect(rows.length).toBe(1);
    expect(JSON.stringify(rows)).not.toContain("PRIVATE KEY");
  });

  test("a device secret is not stored as it is", async () => {
    const { owner, address, device } = await makeDevice();
    const { secret } = await harness.api.createDeviceSecret(owner, address);
    const { rows } = await harness.database.pool.query("SELECT sealed_secret FROM devices WHERE id = $1", [device.deviceId]);
    expect(rows[0].sealed_secret).toMatch(/^mooring-sealed\./);
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  test("a device has so many valid certificates, and a revoked one makes room for the next", async () => {
    const { owner, address, issue } = await makeDevice();
    const first = await issue();
    for (let i = 1; i < activeCertificatesMax; i++) await issue();
    expect(await errorOf(issue())).toMatchObject({ code: "quotaExceeded" });
    await harness.api.revokeCertificate(owner, { ...address, fingerprint: first.certificate.fingerprint });
    await issue();
    expect(await errorOf(issue())).toMatchObject({ code: "quotaExceeded" });
  });

  test("a row that points at another device, or another tenant's authority, authenticates nobody", async () => {
    const { pool } = harness.database;
    const [victim, attacker] = [await makeDevice(), await makeDevice()];
    await victim.issue();
    const { certificate, certificatePem } = await attacker.issue();
    const attempt = () => harness.api.authenticateCertificate(gateway, { certificateDer: derOf(certificatePem) });
    await attempt();
    await pool.query("UPDATE certificates SET device_id = $1 WHERE fingerprint = $2", [victim.device.deviceId, certificate.fingerprint]);
    expect(await errorOf(attempt())).toMatchObject({ code: "unauthenticated" });
    const authority = "(SELECT id FROM authorities WHERE tenant_id = $1)";
    const values = [victim.device.tenantId, certificate.fingerprint];
    await pool.query(`UPDATE certificates SET authority_id = ${authority} WHERE fingerprint = $2`, values);
    expect(await errorOf(attempt())).toMatchObject({ code: "unauthenticated" });
    expect(await harness.metrics.text()).toMatch(/mooring_device_authentications_total\{method="certificate",outcome="unknown-issuer"\} 1/);
  });

  test("a database out of reach refuses everybody", async () => {
    const other = await openHarness();
    const { owner, address } = await makeDevice();
    const { secret } = await harness.api.createDeviceSecret(owner, address);
    await other.stop();
    expect(
      await rejects(other.api.authenticateSecret(gateway, { ...address, signMethod: "hmacsha256", content: "", signature: secret })),
    ).toBe(true);
    expect(await rejects(other.api.checkCredential(gateway, { deviceId: randomUUID(), credentialId: "secret:1" }))).toBe(true);
  });

  test("a secret sealed with another key-encryption key refuses rather than accepts", async () => {
    const { owner, address } = await makeDevice();
    await harness.api.createDeviceSecret(owner, address);
    const { stores } = harness;
    const models = { get: () => Promise.reject(new Error("not asked")) };
    const clock = { now: () => Date.now() };
    const failures = createFailureBook({ store: stores.failures, clock, log: silentLog });
    const deps = { stores, models, failures, rules: createAddressRules([], []), clock, log: silentLog, metrics: createMetrics() };
    const service = createDeviceService({ ...deps, keyEncryptionKey: randomBytes(32) });
    const proof = { ...address, signMethod: "hmacsha256", content: "x", signature: "00".repeat(32) };
    expect(await errorOf(service.authenticateSecret(gateway, proof))).toMatchObject({ code: "internal" });
  });

  test("an expired certificate is refused", async () => {
    const { device, issue } = await makeDevice();
    const { certificate, certificatePem } = await issue();
    const certificateDer = derOf(certificatePem);
    const { credentialId } = await harness.api.authenticateCertificate(gateway, { certificateDer });
    harness.advance(certificate.notAfterMs - Date.now() + 1_000);
    expect(await errorOf(harness.api.authenticateCertificate(gateway, { certificateDer }))).toMatchObject({ code: "unauthenticated" });
    const check = harness.api.checkCredential(gateway, { deviceId: device.deviceId, credentialId });
    expect(await errorOf(check)).toMatchObject({ code: "unauthenticated" });
  });
});

async function rejects(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}
