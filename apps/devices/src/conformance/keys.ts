import { generateKeyPairSync } from "node:crypto";
import { errorOf, makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice, makeKeyPair } from "./made-device.test-support.ts";

export function describeKeys(given: () => Harness): void {
  const nowS = (): number => Math.floor(given().now() / 1_000);
  describe("tokens signed with a device's own key", () => {
    test.each(["EdDSA", "ES256"] as const)(
      "a %s token signs its device on until it ends, and not after its key is gone",
      async (algorithm) => {
        const { api } = given();
        const owner = makeCaller();
        const { productKey, deviceName, device } = await makeDevice(api, owner);
        const address = { productKey, deviceName };
        const pair = makeKeyPair(algorithm);
        const exp = nowS() + 600;
        const jwt = pair.sign({ sub: `${deviceName}&${productKey}`, aud: productKey, exp });
        await expectRefused(api.authenticateJwt(gateway, { jwt }));
        const key = await api.addPublicKey(owner, { ...address, publicKeyPem: pair.publicKeyPem });
        expect(key).toMatchObject({ keyId: expect.stringMatching(/^[0-9a-f]{64}$/), algorithm });
        expect(await api.addPublicKey(owner, { ...address, publicKeyPem: pair.publicKeyPem })).toEqual(key);
        expect(await api.listPublicKeys(owner, address)).toEqual({ keys: [key] });
        const credentialId = `key:${key.keyId}`;
        expect(await api.authenticateJwt(gateway, { jwt })).toMatchObject({
          device: address,
          credentialId,
          validUntilMs: (exp + 60) * 1_000,
        });
        for (const claims of [
          { sub: deviceName, aud: productKey, exp },
          { sub: `${deviceName}&${productKey}`, aud: device.tenantId, exp },
        ])
          await api.authenticateJwt(gateway, { jwt: pair.sign(claims, { alg: algorithm, kid: key.keyId }) });
        await api.checkCredential(gateway, { deviceId: device.deviceId, credentialId });
        await api.deletePublicKey(owner, { ...address, keyId: key.keyId });
        await expectRefused(api.authenticateJwt(gateway, { jwt }));
        await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
        expect(await errorOf(api.deletePublicKey(owner, { ...address, keyId: key.keyId }))).toMatchObject({ code: "notFound" });
      },
    );

    test("another device's key, and a disabled device, are refused", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const other = await api.createDevice(owner, { productKey, deviceName: "thermostat-2" });
      const pair = makeKeyPair();
      await api.addPublicKey(owner, { productKey, deviceName: other.deviceName, publicKeyPem: pair.publicKeyPem });
      const claims = { aud: productKey, exp: nowS() + 60 };
      await expectRefused(api.authenticateJwt(gateway, { jwt: pair.sign({ ...claims, sub: deviceName }) }));
      const jwt = pair.sign({ ...claims, sub: other.deviceName });
      await api.authenticateJwt(gateway, { jwt });
      await api.setDeviceStatus(owner, { productKey, deviceName: other.deviceName, status: "disabled" });
      await expectRefused(api.authenticateJwt(gateway, { jwt }));
    });

    test("keys of other kinds, private keys and what is no key are refused, naming the field", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const pem = (pair: ReturnType<typeof generateKeyPairSync>) =>
        (pair as never as { publicKey: { export(o: object): string } }).publicKey.export({ type: "spki", format: "pem" });
      const wrong = [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem(generateKeyPairSync("rsa", { modulusLength: 2_048 }) as never),
        pem(generateKeyPairSync("ec", { namedCurve: "secp384r1" }) as never),
        pem(generateKeyPairSync("ed448") as never),
        generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      ];
      for (const publicKeyPem of wrong) {
        const error = await errorOf(api.addPublicKey(owner, { productKey, deviceName, publicKeyPem }));
        expect(error).toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/publicKeyPem" }] } });
      }
    });

    test("a device has five keys at most", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const add = () => api.addPublicKey(owner, { productKey, deviceName, publicKeyPem: makeKeyPair().publicKeyPem });
      for (let i = 0; i < 5; i++) await add();
      expect(await errorOf(add())).toMatchObject({ code: "quotaExceeded" });
    });
  });
}
