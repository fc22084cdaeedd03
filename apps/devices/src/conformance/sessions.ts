import { randomUUID } from "node:crypto";
import { makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

export function describeSessions(given: () => Harness): void {
  describe("tokens in place of proofs", () => {
    test("one stands for its device for 7 days, and no longer than the credential it was given for", async () => {
      const { api, advance, now } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      await api.createDeviceSecret(owner, address);
      const { deviceId } = device;
      const open = (credentialId: string) => api.createDeviceSession(gateway, { deviceId, credentialId });
      const first = await open("secret:1");
      expect(first.token.length).toBeLessThanOrEqual(192);
      expect(first.validUntilMs - now()).toBeGreaterThan(6.9 * 86_400_000);
      const show = (token: string) => api.authenticateDeviceSession(gateway, { token });
      expect(await show(first.token)).toMatchObject({ device: address, credentialId: "secret:1", validUntilMs: first.validUntilMs });
      const { previousValidUntilMs } = await api.rotateDeviceSecret(owner, { ...address, overlapSeconds: 60 });
      expect(await show(first.token)).toMatchObject({ validUntilMs: previousValidUntilMs });
      await api.createDeviceSecret(owner, address);
      await expectRefused(show(first.token));
      const second = await open("secret:3");
      advance(7 * 86_400_000 + 1);
      await expectRefused(show(second.token));
    });

    test("what is no token, or was changed, is refused, and none is given for what does not hold", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device } = await makeDevice(api, owner);
      await api.createDeviceSecret(owner, { productKey, deviceName });
      const { token } = await api.createDeviceSession(gateway, { deviceId: device.deviceId, credentialId: "secret:1" });
      const flipped = `${token.slice(0, -8)}${token.at(-8) === "A" ? "B" : "A"}${token.slice(-7)}`;
      for (const wrong of ["", "x", flipped, `${token}AAAA`, token.slice(1), "x".repeat(600)])
        await expectRefused(api.authenticateDeviceSession(gateway, { token: wrong }));
      for (const credentialId of ["secret:2", "token:1", "x"])
        await expect(api.createDeviceSession(gateway, { deviceId: device.deviceId, credentialId })).rejects.toThrow("authenticated");
      await expect(api.createDeviceSession(gateway, { deviceId: randomUUID(), credentialId: "secret:1" })).rejects.toThrow("authenticated");
    });
  });
}
