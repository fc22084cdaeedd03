import { createHmac } from "node:crypto";
import { errorOf, makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice, sign } from "./made-device.test-support.ts";

export function describeRotation(given: () => Harness): void {
  describe("secrets that are replaced", () => {
    test("with an overlap the old and the new one are good until its end, and the old one is called over then", async () => {
      const { api, advance, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const first = await api.createDeviceSecret(owner, address);
      expect(first).not.toHaveProperty("previousValidUntilMs");
      const second = await api.rotateDeviceSecret(owner, { ...address, overlapSeconds: 3_600 });
      const { previousValidUntilMs: untilMs = 0 } = second;
      expect(untilMs - now()).toBeGreaterThan(3_500_000);
      const check = (credentialId: string) => api.checkCredential(gateway, { deviceId: device.deviceId, credentialId });
      expect(await api.authenticateSecret(gateway, sign(address, first.secret))).toMatchObject({
        credentialId: "secret:1",
        validUntilMs: untilMs,
      });
      expect(await api.authenticateSecret(gateway, sign(address, second.secret))).not.toHaveProperty("validUntilMs");
      expect(await check("secret:1")).toMatchObject({ validUntilMs: untilMs });
      advance(3_600_001);
      const origin = { protocol: "mqtt-5.0", address: "192.0.2.1" };
      await expectRefused(api.authenticateSecret(gateway, { ...sign(address, first.secret), origin }));
      await expectRefused(check("secret:1"));
      expect(await check("secret:2")).toMatchObject({ credentialId: "secret:2" });
      const { failures } = await api.listConnectionFailures(owner, address);
      expect(failures).toMatchObject([{ reason: "previous-secret-over" }]);
    });

    test("without one, or at the next rotation, the one before is over at once", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const first = await api.createDeviceSecret(owner, address);
      const second = await api.rotateDeviceSecret(owner, { ...address, overlapSeconds: 3_600 });
      const third = await api.rotateDeviceSecret(owner, { ...address, overlapSeconds: 3_600 });
      await expectRefused(api.authenticateSecret(gateway, sign(address, first.secret)));
      await api.authenticateSecret(gateway, sign(address, second.secret));
      await api.createDeviceSecret(owner, address);
      for (const { secret } of [second, third]) await expectRefused(api.authenticateSecret(gateway, sign(address, secret)));
    });

    test("an overlap that is none is refused, naming the field", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      for (const overlapSeconds of [-1, 2_592_001]) {
        const error = await errorOf(api.rotateDeviceSecret(owner, { productKey, deviceName, overlapSeconds }));
        expect(error.details.issues).toMatchObject([{ pointer: "/overlapSeconds" }]);
      }
    });

    test("HMAC-MD5 is taken when the product says so, and only then", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { secret } = await api.createDeviceSecret(owner, address);
      await expectRefused(api.authenticateSecret(gateway, sign(address, secret, "md5")));
      await api.updateProduct(owner, { productKey, legacySignatures: true });
      expect(await api.authenticateSecret(gateway, sign(address, secret, "md5"))).toMatchObject({ credentialId: "secret:1" });
    });

    test("a device may have signed any of the contents it is asked about", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { secret } = await api.createDeviceSecret(owner, address);
      const { content, ...proof } = sign(address, secret);
      await api.authenticateSecret(gateway, { ...proof, content: "another", otherContents: ["more", content] });
      await expectRefused(api.authenticateSecret(gateway, { ...proof, content: "another", otherContents: ["more"] }));
    });
  });

  describe("pre-shared keys", () => {
    test("the key is the secret's bytes, and while two are good the plain identity means the older one", async () => {
      const { api, advance } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const first = await api.createDeviceSecret(owner, address);
      const find = (suffix = "") => api.findPreSharedKey(gateway, { identity: `${deviceName}&${productKey}${suffix}` });
      const keyOf = async (suffix?: string) => Buffer.from((await find(suffix)).key).toString("hex");
      expect((await find()).identity).toMatchObject({ device: { deviceId: device.deviceId }, credentialId: "secret:1" });
      expect(await keyOf()).toBe(first.secret);
      const second = await api.rotateDeviceSecret(owner, { ...address, overlapSeconds: 60 });
      expect([await keyOf(), await keyOf("&1"), await keyOf("&2")]).toEqual([first.secret, first.secret, second.secret]);
      advance(60_001);
      expect(await keyOf()).toBe(second.secret);
      await expect(find("&1")).rejects.toThrow("the device could not be authenticated");
    });

    test("an identity of Alibaba's device SDK has the key that it computes (wire formats §2.10)", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const { secret } = await api.createDeviceSecret(owner, { productKey, deviceName });
      const identity = `devicename|hmacsha256|${productKey}&${deviceName}|2524608000000`;
      const { key } = await api.findPreSharedKey(gateway, { identity });
      const content = `id${productKey}&${deviceName}timestamp2524608000000`;
      expect(Buffer.from(key).toString()).toBe(createHmac("sha256", secret).update(content).digest("hex").toUpperCase());
    });

    test("an identity of nobody, of a disabled device or of a product without secrets has none", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const refused = (identity: string) =>
        expect(api.findPreSharedKey(gateway, { identity })).rejects.toThrow("the device could not be authenticated");
      const identity = `${deviceName}&${productKey}`;
      await refused(identity);
      await api.createDeviceSecret(owner, address);
      for (const wrong of ["", "x", `nobody&${productKey}`, `${identity}&2`, `${identity}&0`, "devicename|x|a&b|1", "x".repeat(300)])
        await refused(wrong);
      await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      await refused(identity);
      await api.setDeviceStatus(owner, { ...address, status: "enabled" });
      await api.updateProduct(owner, { productKey, secretAuthentication: false });
      await refused(identity);
    });
  });
}
