import { type DeviceRef, deviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { makeSigningRequest } from "../signing-request.test-support.ts";
import { expectRefused, gateway, makeDevice, sign } from "./made-device.test-support.ts";

export function describeFailures(given: () => Harness): void {
  describe("why a device cannot connect", () => {
    test("its refused sign-ons are told with when, from where, how and why, those alike counted", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { secret } = await api.createDeviceSecret(owner, address);
      const origin = { protocol: "mqtt-3.1.1", address: "192.0.2.7" };
      expect(await api.listConnectionFailures(owner, address)).toEqual({ failures: [] });
      for (let i = 0; i < 3; i++) await expectRefused(api.authenticateSecret(gateway, { ...sign(address, "wrong"), origin }));
      await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      await expectRefused(api.authenticateSecret(gateway, { ...sign(address, secret), origin: { ...origin, protocol: "https" } }));
      const { failures } = await api.listConnectionFailures(owner, address);
      const signature = failures.find(({ reason }) => reason === "wrong-signature");
      expect(signature).toMatchObject({ ...origin, count: 3, message: expect.stringContaining("signature") });
      expect(failures.find(({ reason }) => reason === "disabled")).toMatchObject({ protocol: "https", count: 1 });
      expect(failures.length).toBe(2);
      for (const { firstAtMs, lastAtMs } of failures) expect(lastAtMs).toBeGreaterThanOrEqual(firstAtMs);
    });

    test("a certificate that is none is told of to the device that it names, and a revoked one to its own", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const attempt = { certificateDer: derOf(certificate.certificatePem), origin: { protocol: "mqtt-5.0", address: "192.0.2.7" } };
      await api.revokeCertificate(owner, { ...address, fingerprint: certificate.certificate.fingerprint });
      await expectRefused(api.authenticateCertificate(gateway, attempt));
      expect((await api.listConnectionFailures(owner, address)).failures).toMatchObject([{ reason: "revoked" }]);
      await api.deleteDevice(owner, address);
      await api.createDevice(owner, address);
      expect(await api.listConnectionFailures(owner, address)).toEqual({ failures: [] });
      await expectRefused(api.authenticateCertificate(gateway, attempt));
      expect((await api.listConnectionFailures(owner, address)).failures).toMatchObject([{ reason: "unknown" }]);
    });

    test("an inactive certificate and a superseded one are told apart, with what to do", async () => {
      const { api, stores } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { fingerprint } = certificate.certificate;
      const attempt = { certificateDer: derOf(certificate.certificatePem), origin: { protocol: "mqtt-5.0", address: "192.0.2.7" } };
      await api.setCertificateStatus(owner, { ...address, fingerprint, status: "inactive" });
      await expectRefused(api.authenticateCertificate(gateway, attempt));
      expect((await api.listConnectionFailures(owner, address)).failures).toMatchObject([
        { reason: "inactive", message: expect.stringContaining("set its status to active") },
      ]);
      await api.setCertificateStatus(owner, { ...address, fingerprint, status: "active" });
      const self = deviceCaller({ ...device, tenantId: owner.tenantId } as unknown as DeviceRef);
      const { activateBeforeMs } = await api.renewCertificate(self, { csrPem: makeSigningRequest().csrPem, fingerprint });
      await stores.certificates.supersedeDue(activateBeforeMs, 100);
      await expectRefused(api.authenticateCertificate(gateway, attempt));
      const superseded = (await api.listConnectionFailures(owner, address)).failures.find(({ reason }) => reason === "superseded");
      expect(superseded).toMatchObject({ count: 1, message: expect.stringContaining("give the device the next one") });
    });

    test("what gateways refused by themselves is told as well, in their words only and of devices that exist", async () => {
      const { api, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const failure = { productKey, deviceName, protocol: "mqtt-5.0", address: "192.0.2.7", reason: "held-off", count: 7, atMs: now() };
      const more = [
        { ...failure, reason: "made-up" },
        { ...failure, deviceName: "nobody" },
        { ...failure, count: 0 },
      ];
      await api.recordConnectionFailures(gateway, { failures: [failure, ...more] });
      const { failures } = await api.listConnectionFailures(owner, { productKey, deviceName });
      expect(failures).toMatchObject([{ reason: "held-off", count: 7 }]);
      const tooMany = api.recordConnectionFailures(gateway, { failures: Array(501).fill(failure) });
      expect(await errorOf(tooMany)).toMatchObject({ code: "invalidArgument" });
    });

    test("how long it is held off is told, by its name and by its certificate, until that is over or something changed", async () => {
      const { api, advance, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { fingerprint } = certificate.certificate;
      const held = { protocol: "mqtt-5.0", reason: "held-off", count: 2, atMs: now() };
      const untilMs = now() + 30_000;
      const byName = { ...held, ...address, address: "192.0.2.7", heldOffUntilMs: untilMs };
      const shown = { ...held, productKey: "", deviceName: "", fingerprint, address: "192.0.2.8", heldOffUntilMs: untilMs + 5_000 };
      const untold = [
        { ...shown, fingerprint: "00" },
        { ...shown, fingerprint: "00".repeat(32) },
        { ...shown, heldOffUntilMs: -1 },
      ];
      const told = async () => {
        const { failures } = await api.listConnectionFailures(owner, address);
        return Object.fromEntries(failures.map((failure) => [failure.address, failure.heldOffUntilMs]));
      };
      // Twice the same in one writing, by its name and by its certificate.
      await api.recordConnectionFailures(gateway, { failures: [byName, { ...shown, address: byName.address }, shown, ...untold] });
      expect(await told()).toEqual({ "192.0.2.7": untilMs + 5_000, "192.0.2.8": untilMs + 5_000 });
      expect((await api.listConnectionFailures(owner, address)).failures.map(({ count }) => count).sort()).toEqual([2, 4]);
      await api.setDeviceTags(owner, { ...address, tags: { line: "1" } });
      await expect.poll(told).toEqual({ "192.0.2.7": undefined, "192.0.2.8": undefined });
      await api.recordConnectionFailures(gateway, { failures: [{ ...byName, atMs: now() + 1_000, heldOffUntilMs: untilMs + 9_000 }] });
      expect(await told()).toMatchObject({ "192.0.2.7": untilMs + 9_000 });
      advance(40_000);
      expect(await told()).toMatchObject({ "192.0.2.7": undefined });
    });

    test("the last 20 kinds are kept, and none of another tenant's device", async () => {
      const { api, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const failures = Array.from({ length: 30 }, (_, index) => ({
        ...{ productKey, deviceName, protocol: "mqtt-5.0", reason: "no-credential", count: 1 },
        ...{ address: `192.0.2.${index}`, atMs: now() - 30_000 + index },
      }));
      await api.recordConnectionFailures(gateway, { failures });
      const listed = (await api.listConnectionFailures(owner, { productKey, deviceName })).failures;
      expect(listed.map(({ address }) => address)).toEqual(
        failures
          .map(({ address }) => address)
          .reverse()
          .slice(0, 20),
      );
      expect(await errorOf(api.listConnectionFailures(makeCaller(), { productKey, deviceName }))).toMatchObject({ code: "notFound" });
    });
  });
}
