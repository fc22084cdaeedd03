import { X509Certificate } from "node:crypto";
import { type Device, type DeviceRef, deviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller, makeSigningRequest, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness, tenantHost } from "../harness.test-support.ts";
import { gateway, makeDevice } from "./made-device.test-support.ts";

export function describeEnrollment(given: () => Harness): void {
  const asItself = (device: Device) => deviceCaller({ ...device } as unknown as DeviceRef);

  describe("a first certificate", () => {
    async function bareDevice() {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const address = { productKey, deviceName: "bare-one" };
      return { api, owner, address, device: await api.createDevice(owner, address) };
    }

    test("is for a device that has none; asked for again with the same key it is the same, with another key it is refused", async () => {
      const { api, owner, address, device } = await bareDevice();
      const { csrPem } = makeSigningRequest();
      const first = await api.enrollCertificate(asItself(device), { csrPem });
      const certificateDer = derOf(first.certificatePem);
      expect(await api.authenticateCertificate(gateway, { certificateDer })).toMatchObject({ device: { deviceName: "bare-one" } });
      const again = await api.enrollCertificate(asItself(device), { csrPem });
      expect([again.certificate, derOf(again.certificatePem), again.chainPem]).toEqual([first.certificate, certificateDer, first.chainPem]);
      const other = () => api.enrollCertificate(asItself(device), { csrPem: makeSigningRequest().csrPem });
      expect(await errorOf(other())).toMatchObject({ code: "failedPrecondition" });
      expect((await api.listCertificates(owner, address)).certificates).toHaveLength(1);
      await api.setCertificateStatus(owner, { ...address, fingerprint: first.certificate.fingerprint, status: "inactive" });
      expect(await errorOf(other())).toMatchObject({ code: "failedPrecondition" });
      expect(await errorOf(api.enrollCertificate(asItself(device), { csrPem }))).toMatchObject({ code: "failedPrecondition" });
      await api.revokeCertificate(owner, { ...address, fingerprint: first.certificate.fingerprint });
      expect((await other()).certificate).toMatchObject({ status: "active" });
    });

    test("asked for twice at once there is one", async () => {
      const { api, owner, address, device } = await bareDevice();
      const enroll = () => api.enrollCertificate(asItself(device), { csrPem: makeSigningRequest().csrPem });
      const outcomes = await Promise.allSettled([enroll(), enroll(), enroll()]);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await api.listCertificates(owner, address)).certificates).toHaveLength(1);
    });

    test("is not for a disabled or deleted device, nor for what is no request", async () => {
      const { api, owner, address, device } = await bareDevice();
      const { csrPem } = makeSigningRequest();
      expect(pointersOf(await errorOf(api.enrollCertificate(asItself(device), { csrPem: "x" })))).toEqual(["/csrPem"]);
      await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      expect(await errorOf(api.enrollCertificate(asItself(device), { csrPem }))).toMatchObject({ code: "notFound" });
      await api.deleteDevice(owner, address);
      await api.createDevice(owner, address);
      expect(await errorOf(api.enrollCertificate(asItself(device), { csrPem }))).toMatchObject({ code: "notFound" });
    });
  });

  test("the authorities of a tenant are found by a product's key or by the tenant's host name, without those that are revoked", async () => {
    const { api } = given();
    const owner = makeCaller();
    const { productKey, device } = await makeDevice(api, owner);
    const [old] = (await api.listAuthorities(owner, {})).authorities;
    const current = await api.rotateAuthority(owner, {});
    const get = async (request: { readonly productKey?: string; readonly serverName?: string }) =>
      (await api.getAuthorityCertificates(gateway, request)).certificatesPem.match(
        /-----BEGIN[A-Za-z0-9+/=\s-]+?END CERTIFICATE-----\n/g,
      ) ?? [];
    const names = (pems: readonly string[]) => pems.map((pem) => new X509Certificate(pem).fingerprint256).sort();
    const three = names([current.certificatePem, old?.certificatePem ?? "", old?.rootPem ?? ""]);
    expect(names(await get({ productKey }))).toEqual(three);
    expect(names(await get({ serverName: `${device.tenantId}.${tenantHost}` }))).toEqual(three);
    await api.revokeAuthority(owner, { authorityId: old?.authorityId ?? "" });
    expect(names(await get({ productKey }))).toEqual(names([current.certificatePem, old?.rootPem ?? ""]));
    // Another tenant has one too, so that it would be a guess.
    await makeDevice(api, makeCaller());
    for (const request of [{}, { productKey: "nosuch00" }, { serverName: `${crypto.randomUUID()}.${tenantHost}` }])
      expect(await errorOf(api.getAuthorityCertificates(gateway, request))).toMatchObject({ code: "notFound" });
  });
}
