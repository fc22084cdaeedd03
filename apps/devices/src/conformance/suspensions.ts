import { errorOf, makeCaller, makeCertificate } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { gateway, makeDevice, makeKeyPair, sign, signRegistration } from "./made-device.test-support.ts";

export function describeSuspensions(given: () => Harness): void {
  describe("a suspended tenant", () => {
    test("whatever its devices prove is refused with the reason, gateways hear of it, and after it all holds again", async () => {
      const { api, stores } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { deviceId } = device;
      const { secret } = await api.createDeviceSecret(owner, address);
      const { publicKeyPem, sign: signToken } = makeKeyPair();
      await api.addPublicKey(owner, { ...address, publicKeyPem });
      const jwt = signToken({ sub: `${deviceName}&${productKey}`, aud: productKey, exp: Math.floor(given().now() / 1_000) + 60 });
      const credentialId = `certificate:${certificate.certificate.fingerprint}`;
      const { token } = await api.createDeviceSession(gateway, { deviceId, credentialId });
      const certificateDer = derOf(certificate.certificatePem);
      const forms: (() => Promise<unknown>)[] = [
        () => api.authenticateCertificate(gateway, { certificateDer, origin: { protocol: "mqtt-5.0", address: "192.0.2.1" } }),
        () => api.authenticateSecret(gateway, sign(address, secret)),
        () => api.authenticateJwt(gateway, { jwt }),
        () => api.findPreSharedKey(gateway, { identity: `${deviceName}&${productKey}` }),
        () => api.authenticateDeviceSession(gateway, { token }),
        () => api.checkCredential(gateway, { deviceId, credentialId }),
        () => api.checkCredential(gateway, { deviceId, credentialId: "secret:1" }),
      ];
      await Promise.all(forms.map((form) => form()));
      const other = await makeDevice(api, makeCaller());
      const { next } = await api.listChanges(gateway, {});
      await stores.suspensions.replace([owner.tenantId]);
      const { changes, next: end } = await api.listChanges(gateway, { after: next });
      expect(changes.map((change) => change.productKey)).toEqual([productKey]);
      await stores.suspensions.replace([owner.tenantId]);
      expect(await api.listChanges(gateway, { after: end })).toMatchObject({ changes: [] });
      for (const form of forms)
        expect(await errorOf(form())).toMatchObject({
          code: "permissionDenied",
          message: "the tenant is suspended",
        });
      await api.authenticateCertificate(gateway, { certificateDer: derOf(other.certificate.certificatePem) });
      const { failures } = await api.listConnectionFailures(owner, address);
      expect(failures).toMatchObject([{ reason: "tenant-suspended", message: expect.stringContaining("suspended") }]);
      await stores.suspensions.replace([]);
      expect((await api.listChanges(gateway, { after: end })).changes).toMatchObject([{ productKey }]);
      await Promise.all(forms.map((form) => form()));
    });

    test("nobody is made one of its devices, by its authority or by registering", async () => {
      const { api, stores } = given();
      const owner = makeCaller();
      const { productKey } = await api.createProduct(owner, { name: "Sensor", secretAuthentication: true, registration: "open" });
      const { secret } = await api.createProductSecret(owner, { productKey });
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const { der } = makeCertificate({ commonNames: ["newcomer-1"], issuer: authority });
      const arrivals: (() => Promise<unknown>)[] = [
        () => api.authenticateCertificate(gateway, { certificateDer: der }),
        () => api.registerDevice(gateway, signRegistration({ productKey, deviceName: "newcomer-2" }, "regnwl", secret)),
      ];
      await stores.suspensions.replace([owner.tenantId]);
      for (const arrive of arrivals) expect(await errorOf(arrive())).toMatchObject({ code: "permissionDenied" });
      expect((await api.listDevices(owner, { productKey })).devices).toEqual([]);
      await stores.suspensions.replace([]);
      await Promise.all(arrivals.map((arrive) => arrive()));
    });
  });
}
