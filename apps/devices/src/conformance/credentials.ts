import { errorOf, makeCaller, makeSigningRequest, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice, sign } from "./made-device.test-support.ts";

export function describeCertificates(given: () => Harness): void {
  describe("certificates", () => {
    test("one that was issued proves its device until it is revoked", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const { fingerprint } = certificate.certificate;
      const certificateDer = derOf(certificate.certificatePem);
      const identity = await api.authenticateCertificate(gateway, { certificateDer });
      const { deviceId, tenantId } = device;
      expect(identity).toEqual({ device: { deviceId, tenantId, productKey, deviceName }, credentialId: `certificate:${fingerprint}` });
      const { credentialId } = identity;
      expect(await api.checkCredential(gateway, { deviceId, credentialId })).toEqual(identity);
      expect(await api.listCertificates(owner, { productKey, deviceName })).toEqual({ certificates: [certificate.certificate] });

      const revoked = await api.revokeCertificate(owner, { productKey, deviceName, fingerprint, reason: "keyCompromise" });
      expect(revoked).toMatchObject({ fingerprint, status: "revoked", revocationReason: "keyCompromise" });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer }));
      await expectRefused(api.checkCredential(gateway, { deviceId, credentialId }));
      expect(await api.revokeCertificate(owner, { productKey, deviceName, fingerprint, reason: "superseded" })).toEqual(revoked);
    });

    test("a disabled device is refused, and taken again when it is enabled", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const certificateDer = derOf(certificate.certificatePem);
      const { credentialId } = await api.authenticateCertificate(gateway, { certificateDer });
      await api.setDeviceStatus(owner, { productKey, deviceName, status: "disabled" });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer }));
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      await api.setDeviceStatus(owner, { productKey, deviceName, status: "enabled" });
      expect(await api.authenticateCertificate(gateway, { certificateDer })).toMatchObject({ credentialId });
    });

    test("a certificate of another device's does not pass a check for this one", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { certificate } = await makeDevice(api, owner);
      const other = await makeDevice(api, owner);
      const credentialId = `certificate:${certificate.certificate.fingerprint}`;
      await expectRefused(api.checkCredential(gateway, { deviceId: other.device.deviceId, credentialId }));
    });

    test.each([
      ["nothing", Buffer.alloc(0)],
      ["no certificate", Buffer.from("not a certificate")],
      ["17 KB", Buffer.alloc(17_000, 0x30)],
    ])("%s is refused like any other", async (_, certificateDer) => {
      await expectRefused(given().api.authenticateCertificate(gateway, { certificateDer }));
    });

    test("a request that is none, a validity or a reason out of bounds is named", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const { csrPem } = makeSigningRequest();
      expect(pointersOf(await errorOf(api.issueCertificate(owner, { productKey, deviceName, csrPem: "x" })))).toEqual(["/csrPem"]);
      const longLived = { productKey, deviceName, csrPem, validityDays: 3_651 };
      expect(pointersOf(await errorOf(api.issueCertificate(owner, longLived)))).toEqual(["/validityDays"]);
      const revocation = { productKey, deviceName, fingerprint: certificate.certificate.fingerprint, reason: "bored" };
      expect(pointersOf(await errorOf(api.revokeCertificate(owner, revocation)))).toEqual(["/reason"]);
      const unknown = { productKey, deviceName, fingerprint: "ab".repeat(32) };
      expect(await errorOf(api.revokeCertificate(owner, unknown))).toMatchObject({ code: "notFound" });
    });
  });
}

export function describeSecrets(given: () => Harness): void {
  describe("device secrets", () => {
    test("a secret proves its device until the next one is made", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const first = await api.createDeviceSecret(owner, address);
      expect(first).toMatchObject({ version: 1, secret: expect.stringMatching(/^[0-9a-f]{64}$/) });
      for (const method of ["sha256", "sha1"]) {
        const identity = await api.authenticateSecret(gateway, sign(address, first.secret, method));
        expect(identity).toMatchObject({ device: { deviceId: device.deviceId }, credentialId: "secret:1" });
        const upper = { ...sign(address, first.secret, method), signature: sign(address, first.secret, method).signature.toUpperCase() };
        expect(await api.authenticateSecret(gateway, upper)).toEqual(identity);
      }
      const second = await api.createDeviceSecret(owner, address);
      expect(second.version).toBe(2);
      await expectRefused(api.authenticateSecret(gateway, sign(address, first.secret)));
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId: "secret:1" }));
      expect(await api.authenticateSecret(gateway, sign(address, second.secret))).toMatchObject({ credentialId: "secret:2" });
      expect(await api.checkCredential(gateway, { deviceId: device.deviceId, credentialId: "secret:2" })).toMatchObject({
        credentialId: "secret:2",
      });
    });

    test("everything else is refused with one and the same message", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      await expectRefused(api.authenticateSecret(gateway, sign(address, "")));
      const { secret } = await api.createDeviceSecret(owner, address);
      const good = sign(address, secret);
      const wrong = [
        { signature: `${good.signature.slice(0, -1)}${good.signature.endsWith("0") ? "1" : "0"}` },
        { signature: good.signature.slice(0, -2) },
        { signature: "" },
        { signature: "zz" },
        { content: `${good.content}x` },
        { signMethod: "hmacsha512" },
        { content: "x", otherContents: Array(4).fill(good.content) },
        { signMethod: "__proto__" },
        { deviceName: "nobody" },
        { productKey: "none" },
        { productKey: "" },
      ];
      for (const part of wrong) await expectRefused(api.authenticateSecret(gateway, { ...good, ...part }));
      for (const credentialId of ["", "secret:", "secret:2", "secret:01", "certificate:", "x"]) {
        await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      }
      await expectRefused(api.checkCredential(gateway, { deviceId: "x", credentialId: "secret:1" }));
      expect(await api.authenticateSecret(gateway, good)).toMatchObject({ credentialId: "secret:1" });
      await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      await expectRefused(api.authenticateSecret(gateway, good));
    });

    test("a product that does not allow secrets, or no longer does, has none that work", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { secret } = await api.createDeviceSecret(owner, address);
      await api.updateProduct(owner, { productKey, secretAuthentication: false });
      expect(await errorOf(api.createDeviceSecret(owner, address))).toMatchObject({ code: "failedPrecondition" });
      await expectRefused(api.authenticateSecret(gateway, sign(address, secret)));
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId: "secret:1" }));
    });
  });
}
