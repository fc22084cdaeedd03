import type { Caller, DeviceApi } from "@mooring/contracts";
import { errorOf, type MadeParty, makeAuthority, makeCaller, makeCertificate } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness, tenantHost } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

interface Tenant {
  readonly owner: Caller;
  readonly productKey: string;
  readonly serverName: string;
}

async function makeTenant(api: DeviceApi): Promise<Tenant> {
  const owner = makeCaller();
  const { productKey } = await makeDevice(api, owner);
  return { owner, productKey, serverName: `${owner.tenantId}.${tenantHost}` };
}

export function describeServerNames(given: () => Harness): void {
  const enter = ({ der }: Pick<MadeParty, "der">, serverName?: string) =>
    given().api.authenticateCertificate(gateway, { certificateDer: der, ...(serverName !== undefined && { serverName }) });
  const provision = ({ productKey }: Tenant, more: object = {}) => ({ mode: "provision", template: { productKey }, ...more });

  describe("an authority of several tenants", () => {
    test("its devices are those of the tenant that they name, also one certificate with several tenants", async () => {
      const { api } = given();
      const [one, two] = [await makeTenant(api), await makeTenant(api)];
      const authority = makeAuthority("Module maker");
      for (const tenant of [one, two]) {
        const { record } = await registerAuthority(api, tenant.owner, provision(tenant, { authority, byServerName: true }));
        expect(record).toMatchObject({ status: "active", byServerName: true, serverName: tenant.serverName });
      }
      const leaf = makeCertificate({ commonNames: ["module-1"], issuer: authority });
      for (const name of [undefined, tenantHost, `mqtt.${tenantHost}`, `${one.owner.tenantId}.elsewhere.test`, `x${one.serverName}`])
        await expectRefused(enter(leaf, name));
      const first = await enter(leaf, one.serverName);
      expect(first.device).toMatchObject({ tenantId: one.owner.tenantId, productKey: one.productKey, deviceName: "module-1" });
      const second = await enter(leaf, `${two.serverName.toUpperCase()}.`);
      expect(second.device).toMatchObject({ tenantId: two.owner.tenantId, productKey: two.productKey });
      await expectRefused(enter(leaf));
      await api.deleteDevice(one.owner, { productKey: one.productKey, deviceName: "module-1" });
      await expectRefused(enter(leaf, one.serverName));
      expect(await enter(leaf, two.serverName)).toMatchObject({ device: { deviceId: second.device.deviceId } });
      const { deviceId } = first.device;
      await expectRefused(api.checkCredential(gateway, { deviceId, credentialId: first.credentialId }));
    });

    test("who registered it without names keeps those of its devices that say none, and nobody else gets them", async () => {
      const { api } = given();
      const [plain, named] = [await makeTenant(api), await makeTenant(api)];
      const authority = makeAuthority("Module maker");
      await registerAuthority(api, plain.owner, provision(plain, { authority }));
      const again = await errorOf(registerAuthority(api, named.owner, provision(named, { authority })));
      expect(again).toMatchObject({ code: "alreadyExists", message: expect.stringContaining("byServerName") });
      const leaf = makeCertificate({ commonNames: ["module-2"], issuer: authority });
      expect((await enter(leaf)).device.tenantId).toBe(plain.owner.tenantId);
      await expectRefused(enter(leaf, named.serverName));
      await registerAuthority(api, named.owner, provision(named, { authority, byServerName: true }));
      expect((await enter(leaf)).device.tenantId).toBe(plain.owner.tenantId);
      expect((await enter(leaf, plain.serverName)).device.tenantId).toBe(plain.owner.tenantId);
      expect((await enter(leaf, named.serverName)).device.tenantId).toBe(named.owner.tenantId);
      const twice = await errorOf(registerAuthority(api, named.owner, provision(named, { authority, byServerName: true })));
      expect(twice).toMatchObject({ code: "alreadyExists" });
    });

    test("a name of another tenant refuses also whom the platform itself has given a certificate", async () => {
      const { api } = given();
      const [one, two] = [await makeTenant(api), await makeTenant(api)];
      const { certificate } = await makeDevice(api, one.owner, "own-device");
      const own = { der: derOf(certificate.certificatePem) };
      await expectRefused(enter(own, two.serverName));
      for (const name of [undefined, one.serverName, `mqtt.${tenantHost}`]) expect(await enter(own, name)).toBeDefined();
    });

    test("where the name cannot be seen, the platform's own certificates are good, and nobody else is guessed or made known", async () => {
      const { api } = given();
      const [plain, named] = [await makeTenant(api), await makeTenant(api)];
      const authority = makeAuthority("Module maker");
      await registerAuthority(api, plain.owner, provision(plain, { authority }));
      await registerAuthority(api, named.owner, provision(named, { authority, byServerName: true }));
      const enterUnseen = (certificateDer: Uint8Array) => api.authenticateCertificate(gateway, { certificateDer, isNameHidden: true });
      const leaf = makeCertificate({ commonNames: ["module-9"], issuer: authority });
      await expectRefused(enterUnseen(leaf.der));
      for (const { owner, productKey } of [plain, named])
        expect(await errorOf(api.getDevice(owner, { productKey, deviceName: "module-9" }))).toMatchObject({ code: "notFound" });
      await enter(leaf);
      // Known to one tenant alone so far, and yet it may mean the other one.
      await expectRefused(enterUnseen(leaf.der));
      const { certificate } = await makeDevice(api, plain.owner, "own-device");
      const own = await enterUnseen(derOf(certificate.certificatePem));
      expect(own.device).toMatchObject({ tenantId: plain.owner.tenantId, deviceName: "own-device" });
      const { claim, certificatePem } = await api.createClaim(plain.owner, { productKey: plain.productKey, name: "line-9" });
      expect(await errorOf(enterUnseen(derOf(certificatePem)))).toMatchObject({ code: "failedPrecondition" });
      expect(claim.status).toBe("active");
    });

    test("a certificate registered by hand is one device's in each tenant, and another tenant cannot take it away", async () => {
      const { api } = given();
      const [one, two] = [await makeTenant(api), await makeTenant(api)];
      const authority = makeAuthority("Module maker");
      for (const tenant of [one, two]) await registerAuthority(api, tenant.owner, { authority, byServerName: true });
      const leaf = makeCertificate({ commonNames: ["module-3"], issuer: authority });
      const register = ({ owner, productKey }: Tenant) =>
        api.registerCertificate(owner, { productKey, deviceName: "thermostat-1", certificatePem: leaf.pem });
      await register(two);
      await register(one);
      expect(await errorOf(register(one))).toMatchObject({ code: "alreadyExists" });
      for (const tenant of [one, two]) expect((await enter(leaf, tenant.serverName)).device.tenantId).toBe(tenant.owner.tenantId);
    });
  });
}
