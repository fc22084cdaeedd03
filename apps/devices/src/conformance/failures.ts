import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { type DeviceRef, deviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller, makeSigningRequest } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
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
      const second = (await api.issueKeyPair(owner, address)).certificate.fingerprint;
      const held = { protocol: "mqtt-5.0", reason: "held-off", count: 2, atMs: now() + 5 };
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
      // Twice the same in one writing, by two certificates.
      const again = { ...shown, fingerprint: second, heldOffUntilMs: untilMs };
      await api.recordConnectionFailures(gateway, { failures: [byName, shown, again, ...untold] });
      expect(await told()).toEqual({ "192.0.2.7": untilMs, "192.0.2.8": untilMs + 5_000 });
      expect((await api.listConnectionFailures(owner, address)).failures.map(({ count }) => count).sort()).toEqual([2, 4]);
      await api.setDeviceTags(owner, { ...address, tags: { line: "1" } });
      await expect.poll(told).toEqual({ "192.0.2.7": undefined, "192.0.2.8": undefined });
      await api.recordConnectionFailures(gateway, { failures: [{ ...byName, atMs: now() + 1_000, heldOffUntilMs: untilMs + 9_000 }] });
      expect(await told()).toMatchObject({ "192.0.2.7": untilMs + 9_000 });
      advance(40_000);
      expect(await told()).toMatchObject({ "192.0.2.7": undefined });
    });

    test("strangers who say a device's name fill no table, and do not hide what the device itself does wrong", async () => {
      const { api, database, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const list = async () => (await api.listConnectionFailures(owner, address)).failures;
      await api.createDeviceSecret(owner, address);
      // The device with its revoked certificate, and with a wrong secret, again and again.
      await api.revokeCertificate(owner, { ...address, fingerprint: certificate.certificate.fingerprint });
      const own = { protocol: "mqtt-5.0", address: "192.0.2.7" };
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(certificate.certificatePem), origin: own }));
      for (let i = 0; i < 3; i++) await expectRefused(api.authenticateSecret(gateway, { ...sign(address, "wrong"), origin: own }));
      await list();
      for (let from = 0; from < 3; from++) {
        const failures = Array.from({ length: 100 }, (_, index) => ({
          ...{ ...address, protocol: "mqtt-5.0", reason: "no-credential", count: 1 },
          ...{ address: `198.51.${from}.${index}`, atMs: now() + from * 1_000 + index },
        }));
        await api.recordConnectionFailures(gateway, { failures });
        await list();
      }
      const listed = await list();
      expect(listed.length).toBeLessThanOrEqual(25);
      expect(listed).toContainEqual(expect.objectContaining({ ...own, reason: "revoked", count: 1, proven: true }));
      expect(listed).toContainEqual(expect.objectContaining({ ...own, reason: "wrong-signature", count: 3, proven: false }));
      const strangers = listed.filter(({ reason }) => reason === "no-credential");
      expect(strangers.slice(0, 10).map((failure) => failure.address)).toEqual(
        Array.from({ length: 10 }, (_, index) => `198.51.2.${99 - index}`),
      );
      expect(strangers.reduce((sum, { count }) => sum + count, 0)).toBe(300);
      const folded = strangers.find((failure) => failure.address === "");
      expect(folded).toMatchObject({ protocol: "", proven: false });
      expect(folded?.count).toBeGreaterThan(250);
      const { rows } = await database.pool.query(
        "SELECT count(*)::int AS count FROM connection_failures f JOIN devices d ON d.id = f.device_id WHERE d.product_key = $1",
        [productKey],
      );
      expect(rows[0].count).toBe(listed.length);
    });

    test("what was proved is told apart from what was claimed, and has a room of its own: its last 20 kinds", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { fingerprint } = certificate.certificate;
      await api.setCertificateStatus(owner, { ...address, fingerprint, status: "inactive" });
      const certificateDer = derOf(certificate.certificatePem);
      for (let index = 0; index < 25; index++) {
        const origin = { protocol: "mqtt-5.0", address: `192.0.2.${index}` };
        await expectRefused(api.authenticateCertificate(gateway, { certificateDer, origin }));
        await api.listConnectionFailures(owner, address);
      }
      const { failures } = await api.listConnectionFailures(owner, address);
      expect(failures.filter((failure) => failure.proven && failure.address !== "").length).toBe(20);
      expect(failures.find((failure) => failure.address === "")).toMatchObject({ reason: "inactive", count: 5, proven: true });
      expect(await errorOf(api.listConnectionFailures(makeCaller(), address))).toMatchObject({ code: "notFound" });
    });

    test("a token of a registered key is proved even when its time is over", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      await api.addPublicKey(owner, { ...address, publicKeyPem: publicKey.export({ type: "spki", format: "pem" }) as string });
      const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
      const text = `${encode({ alg: "EdDSA" })}.${encode({ sub: `${deviceName}&${productKey}`, aud: productKey, exp: 1 })}`;
      const [good, bad] = [`${text}.${signBytes(null, Buffer.from(text), privateKey).toString("base64url")}`, `${text}.${"A".repeat(86)}`];
      for (const jwt of [good, bad])
        await expectRefused(api.authenticateJwt(gateway, { jwt, origin: { protocol: "mqtt-5.0", address: "192.0.2.7" } }));
      const { failures } = await api.listConnectionFailures(owner, address);
      expect(Object.fromEntries(failures.map(({ reason, proven }) => [reason, proven]))).toEqual({ expired: true, "no-key": false });
    });
  });
}
