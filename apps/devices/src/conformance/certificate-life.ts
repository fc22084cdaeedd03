import { X509Certificate } from "node:crypto";
import { type DeviceRef, deviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller, makeSigningRequest, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

const dayMs = 86_400_000;

export function describeCertificateLife(given: () => Harness): void {
  describe("the life of a certificate", () => {
    test("an inactive certificate does not prove its device until it is active again, and gateways hear of both", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const { fingerprint } = certificate.certificate;
      const address = { productKey, deviceName, fingerprint };
      const certificateDer = derOf(certificate.certificatePem);
      const { credentialId } = await api.authenticateCertificate(gateway, { certificateDer });
      const { next } = await api.listChanges(gateway, {});
      expect(await api.setCertificateStatus(owner, { ...address, status: "inactive" })).toMatchObject({ status: "inactive" });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer }));
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      expect(await api.setCertificateStatus(owner, { ...address, status: "active" })).toMatchObject({ status: "active" });
      expect(await api.authenticateCertificate(gateway, { certificateDer })).toMatchObject({ credentialId });
      const heard = { productKey, deviceId: device.deviceId, deviceName, fingerprints: [fingerprint] };
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([heard, heard]);
    });

    test("a revoked certificate never becomes active again", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName, fingerprint: certificate.certificate.fingerprint };
      await api.revokeCertificate(owner, address);
      const error = await errorOf(api.setCertificateStatus(owner, { ...address, status: "active" }));
      expect(error).toMatchObject({ code: "failedPrecondition", message: "the certificate is revoked" });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(certificate.certificatePem) }));
      expect(pointersOf(await errorOf(api.setCertificateStatus(owner, { ...address, status: "expired" })))).toEqual(["/status"]);
      expect(await errorOf(api.setCertificateStatus(owner, { ...address, fingerprint: "x", status: "active" }))).toMatchObject({
        code: "notFound",
      });
    });

    test("a renewed certificate works beside the old one until the overlap ends, then the old one is superseded", async () => {
      const { api, stores, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const { fingerprint } = certificate.certificate;
      const ref = { ...device, tenantId: owner.tenantId } as unknown as DeviceRef;
      const { csrPem, privateKey } = makeSigningRequest();
      const renewed = await api.renewCertificate(deviceCaller(ref), { csrPem, fingerprint });
      expect(new X509Certificate(renewed.certificatePem).checkPrivateKey(privateKey)).toBe(true);
      const [oldDer, newDer] = [derOf(certificate.certificatePem), derOf(renewed.certificatePem)];
      for (const certificateDer of [oldDer, newDer]) {
        expect(await api.authenticateCertificate(gateway, { certificateDer })).toMatchObject({ device: { deviceId: device.deviceId } });
      }
      const leftMs = renewed.activateBeforeMs - now();
      expect(leftMs / dayMs).toBeCloseTo(7, 1);
      expect(await stores.certificates.supersedeDue(renewed.activateBeforeMs - 1, 100)).toBe(0);
      const { next } = await api.listChanges(gateway, {});
      expect(await stores.certificates.supersedeDue(renewed.activateBeforeMs, 100)).toBe(1);
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ deviceId: device.deviceId }]);
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: oldDer }));
      expect(await api.authenticateCertificate(gateway, { certificateDer: newDer })).toBeDefined();
      const { certificates } = await api.listCertificates(owner, { productKey, deviceName });
      expect(new Map(certificates.map((one) => [one.fingerprint, one.status]))).toEqual(
        new Map([
          [fingerprint, "superseded"],
          [renewed.certificate.fingerprint, "active"],
        ]),
      );
      const again = await errorOf(api.renewCertificate(deviceCaller(ref), { csrPem: makeSigningRequest().csrPem, fingerprint }));
      expect(again).toMatchObject({ code: "failedPrecondition", message: "the certificate to be renewed is superseded" });
    });

    test("a device renews its own certificates only, and a second renewal does not prolong the overlap", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { device, certificate } = await makeDevice(api, owner);
      const other = await makeDevice(api, owner);
      const self = deviceCaller({ ...device } as unknown as DeviceRef);
      const { csrPem } = makeSigningRequest();
      const theirs = other.certificate.certificate.fingerprint;
      expect(await errorOf(api.renewCertificate(self, { csrPem, fingerprint: theirs }))).toMatchObject({ code: "notFound" });
      const { fingerprint } = certificate.certificate;
      const first = await api.renewCertificate(self, { csrPem, fingerprint });
      const second = await api.renewCertificate(self, { csrPem: makeSigningRequest().csrPem, fingerprint });
      expect(second.activateBeforeMs).toBe(first.activateBeforeMs);
    });

    test("a certificate tells of its end 30, 7 and 1 days before and when it has come, each once", async () => {
      const { api, stores, database } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const address = { productKey, deviceName: "short-lived" };
      await api.createDevice(owner, address);
      const { certificate } = await api.issueCertificate(owner, { ...address, csrPem: makeSigningRequest().csrPem, validityDays: 40 });
      const told = async (): Promise<unknown[]> => {
        const sql =
          "SELECT action, detail FROM device_events WHERE product_key = $1 AND device_name = $2 AND action <> 'created' ORDER BY id";
        return (await database.pool.query(sql, [productKey, address.deviceName])).rows;
      };
      const certificateEnd = {
        certificate: { fingerprint: certificate.fingerprint, notAfter: new Date(certificate.notAfterMs).toISOString() },
      };
      const expected: unknown[] = [];
      for (const [days, action] of [
        [31, undefined],
        [30, "certificateExpiring"],
        [8, undefined],
        [7, "certificateExpiring"],
        [1, "certificateExpiring"],
        [0, "certificateExpired"],
        [-3, undefined],
      ] as const) {
        if (action !== undefined)
          expected.push({ action, detail: { ...certificateEnd, epoch: expect.any(Number), sequence: expected.length + 1 } });
        const atMs = certificate.notAfterMs - days * dayMs;
        while ((await stores.certificates.noticeEnds(atMs, 500)) > 0);
        expect(await told()).toEqual(expected);
      }
    });

    test("what was revoked is kept until the certificate has ended, and a deleted device's too", async () => {
      const { api, stores, database } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      await api.deleteDevice(owner, { productKey, deviceName });
      const { serial, notAfterMs } = certificate.certificate;
      const kept = async () => (await database.pool.query("SELECT reason FROM revocations WHERE serial = $1", [serial])).rows;
      await stores.authorities.removeEndedRevocations(notAfterMs - 1_000);
      expect(await kept()).toEqual([{ reason: "cessationOfOperation" }]);
      expect(await stores.authorities.removeEndedRevocations(notAfterMs + 1_000)).toBeGreaterThan(0);
      expect(await kept()).toEqual([]);
    });

    test("a key that others have is told of on the list, whatever its certificate is on it for", async () => {
      const { api, database } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const { fingerprint, serial } = certificate.certificate;
      await database.pool.query(
        `INSERT INTO revocations (authority_id, serial, revoked_at, reason, not_after)
         SELECT authority_id, serial, '2026-01-01', 'superseded', not_after FROM certificates WHERE fingerprint = $1`,
        [fingerprint],
      );
      await api.revokeCertificate(owner, { productKey, deviceName, fingerprint, reason: "keyCompromise" });
      const { rows } = await database.pool.query("SELECT reason, revoked_at FROM revocations WHERE serial = $1", [serial]);
      expect(rows).toEqual([{ reason: "keyCompromise", revoked_at: new Date("2026-01-01") }]);
    });

    test("the product says for how long at most and with which subject, the request only which key", async () => {
      const { api } = given();
      const owner = makeCaller();
      const certificateProfile = { validityDays: 30, organization: "Acme {productKey}", organizationalUnit: "line 4" };
      const product = await api.createProduct(owner, { name: "Profiled", certificateProfile });
      const { productKey } = product;
      expect(await api.getProduct(owner, { productKey })).toMatchObject({ certificateProfile });
      const address = { productKey, deviceName: "profiled-1" };
      await api.createDevice(owner, address);
      const issue = (validityDays?: number) =>
        api.issueCertificate(owner, { ...address, csrPem: makeSigningRequest().csrPem, ...(validityDays && { validityDays }) });
      const { certificate, certificatePem } = await issue();
      expect(certificate.subject).toBe(`CN=profiled-1,OU=line 4,O=Acme ${productKey}`);
      expect(new X509Certificate(certificatePem).subject).toBe(`O=Acme ${productKey}\nOU=line 4\nCN=profiled-1`);
      expect(Math.round((certificate.notAfterMs - certificate.notBeforeMs) / dayMs)).toBe(30);
      expect(Math.round(((await issue(3)).certificate.notAfterMs - certificate.notBeforeMs) / dayMs)).toBe(3);
      expect(pointersOf(await errorOf(issue(31)))).toEqual(["/validityDays"]);
      expect(await api.authenticateCertificate(gateway, { certificateDer: derOf(certificatePem) })).toMatchObject({ device: address });
      await api.updateProduct(owner, { productKey, certificateProfile: {} });
      expect((await issue(31)).certificate.subject).toBe(`CN=profiled-1,OU=${productKey},O=${owner.tenantId}`);
      const wrong = { validityDays: 0, organization: "{cn}", organizationalUnit: "{deviceName} of the line" };
      expect([...pointersOf(await errorOf(api.updateProduct(owner, { productKey, certificateProfile: wrong })))].sort()).toEqual([
        "/certificateProfile/organization",
        "/certificateProfile/organizationalUnit",
        "/certificateProfile/validityDays",
      ]);
    });

    test("a key made for somebody is shown once, and works", async () => {
      const { api, database } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      for (const keyType of ["ec-p256", "ec-p384"]) {
        const issued = await api.issueKeyPair(owner, { ...address, keyType, validityDays: 3 });
        const made = new X509Certificate(issued.certificatePem);
        expect(issued.privateKeyPem).toContain("PRIVATE KEY");
        expect(issued.pkcs12).toBeUndefined();
        expect(await api.authenticateCertificate(gateway, { certificateDer: made.raw })).toMatchObject({ device: address });
      }
      const bundle = await api.issueKeyPair(owner, { ...address, password: "a long one" });
      expect(bundle.privateKeyPem).toBeUndefined();
      expect(
        Buffer.from(bundle.pkcs12 ?? [])
          .subarray(0, 1)
          .toString("hex"),
      ).toBe("30");
      const { rows } = await database.pool.query("SELECT * FROM certificates");
      expect(JSON.stringify(rows)).not.toContain("PRIVATE KEY");
      expect(pointersOf(await errorOf(api.issueKeyPair(owner, { ...address, keyType: "rsa-1024" })))).toEqual(["/keyType"]);
      expect(pointersOf(await errorOf(api.issueKeyPair(owner, { ...address, password: "short" })))).toEqual(["/password"]);
    });
  });
}
