import type { Caller, DeviceApi, RegisteredDevice } from "@mooring/contracts";
import { errorOf, makeCaller, makeSigningRequest } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeKeyPair, sign, signRegistration } from "./made-device.test-support.ts";

export function describeRegistration(given: () => Harness): void {
  describe("registration", () => {
    test("a device that was created before fetches its secret, again until it has signed on, and then no more", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "known");
      const address = { productKey, deviceName: "sensor-1" };
      const register = () => api.registerDevice(gateway, signRegistration(address, "register", secret));
      await expectNone(register());
      await api.createDevice(owner, address);
      const lost = await register();
      expect(Object.keys(lost).sort()).toEqual(["deviceName", "deviceSecret", "productKey"]);
      const { deviceSecret = "" } = await register();
      await expectRefused(api.authenticateSecret(gateway, sign(address, lost.deviceSecret ?? "")));
      await api.authenticateSecret(gateway, sign(address, deviceSecret));
      await expectNone(register());
      await api.authenticateSecret(gateway, sign(address, deviceSecret));
    });

    test("a device that an operator gave a credential does not register", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "open");
      const { csrPem } = makeSigningRequest();
      const give = [
        (address: Address) => api.createDeviceSecret(owner, address),
        (address: Address) => api.issueCertificate(owner, { ...address, csrPem }),
        (address: Address) => api.addPublicKey(owner, { ...address, publicKeyPem: makeKeyPair().publicKeyPem }),
        (address: Address) => api.setDeviceStatus(owner, { ...address, status: "disabled" }),
      ];
      for (const [index, credential] of give.entries()) {
        const address = { productKey, deviceName: `given-${index}` };
        await api.createDevice(owner, address);
        await credential(address);
        for (const way of ["register", "regnwl"] as const)
          await expectNone(api.registerDevice(gateway, signRegistration(address, way, secret)));
      }
    });

    test("a device that nobody created is made within the limit, and its token signs on under its client id", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "open");
      await api.updateProduct(owner, { productKey, registeredDevicesMax: 2 });
      const address = { productKey, deviceName: "walk-in-1" };
      const register = (deviceName: string) => api.registerDevice(gateway, signRegistration({ productKey, deviceName }, "regnwl", secret));
      const { clientId = "", deviceToken: token = "", ...rest } = await register("walk-in-1");
      expect(rest).toEqual(address);
      const identity = await api.authenticateToken(gateway, { ...address, clientId, token });
      expect(identity).toMatchObject({ device: address, credentialId: "token:1" });
      const { deviceId } = identity.device;
      expect(await api.checkCredential(gateway, { deviceId, credentialId: "token:1" })).toMatchObject({ device: { deviceId } });
      await expectRefused(api.authenticateToken(gateway, { ...address, clientId: "another", token }));
      await expectRefused(api.authenticateToken(gateway, { ...address, clientId, token: `${token}x` }));
      await expectNone(register("walk-in-1"));
      await register("walk-in-2");
      await register("walk-in-2");
      await expectNone(register("walk-in-3"));
      expect((await api.listDevices(owner, { productKey })).devices.map(({ deviceName }) => deviceName)).toEqual([
        "walk-in-1",
        "walk-in-2",
      ]);
      await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      await expectRefused(api.checkCredential(gateway, { deviceId, credentialId: "token:1" }));
    });

    test("of two at once one token is good, and one device is made", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "open");
      const address = { productKey, deviceName: "walk-in-1" };
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => api.registerDevice(gateway, signRegistration(address, "regnwl", secret))),
      );
      expect((await api.listDevices(owner, { productKey })).devices.length).toBe(1);
      const tried = answers.map(({ clientId = "", deviceToken = "" }) =>
        api.authenticateToken(gateway, { ...address, clientId, token: deviceToken }).then(
          () => 1,
          () => 0,
        ),
      );
      expect((await Promise.all(tried)).reduce<number>((sum, one) => sum + one, 0)).toBe(1);
    });

    test("the product decides who may, and each refusal is told in the same words", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "off");
      const address = { productKey, deviceName: "sensor-1" };
      await api.createDevice(owner, address);
      const ask = (way: "register" | "regnwl", key = secret) => api.registerDevice(gateway, signRegistration(address, way, key));
      await expectNone(ask("register"));
      await api.updateProduct(owner, { productKey, registration: "known" });
      await expectNone(ask("regnwl"));
      await expectNone(ask("register", "00".repeat(32)));
      await expectNone(api.registerDevice(gateway, signRegistration(address, "register", secret, "md5")));
      await expectNone(api.registerDevice(gateway, { ...signRegistration(address, "register", secret), random: "other" }));
      await expectNone(api.registerDevice(gateway, { ...signRegistration(address, "register", secret), way: "__proto__" }));
      await expectNone(api.registerDevice(gateway, signRegistration({ ...address, productKey: "none" }, "register", secret)));
      await ask("register");
      await api.updateProduct(owner, { productKey, secretAuthentication: false });
      await expectNone(ask("register"));
    });

    test("a product's secret is replaced as a device's is", async () => {
      const { api, owner, productKey, secret } = await makeProduct(given().api, "open");
      const register = (key: string) =>
        api.registerDevice(gateway, signRegistration({ productKey, deviceName: "walk-in-1" }, "regnwl", key));
      const second = await api.createProductSecret(owner, { productKey, overlapSeconds: 60 });
      expect(second).toMatchObject({ version: 2, previousValidUntilMs: expect.any(Number) });
      await register(secret);
      await register(second.secret);
      const third = await api.createProductSecret(owner, { productKey });
      await expectNone(register(second.secret));
      await register(third.secret);
      await api.updateProduct(owner, { productKey, secretAuthentication: false });
      expect(await errorOf(api.createProductSecret(owner, { productKey }))).toMatchObject({ code: "failedPrecondition" });
    });
  });
}

type Address = { readonly productKey: string; readonly deviceName: string };

async function makeProduct(api: DeviceApi, registration: string) {
  const owner: Caller = makeCaller();
  const { productKey } = await api.createProduct(owner, { name: "Sensor", secretAuthentication: true, registration });
  const { secret } = await api.createProductSecret(owner, { productKey });
  return { api, owner, productKey, secret };
}

async function expectNone(attempt: Promise<RegisteredDevice>): Promise<void> {
  const { code, message } = await errorOf(attempt);
  expect({ code, message }).toEqual({ code: "unauthenticated", message: "the device could not be authenticated" });
}
