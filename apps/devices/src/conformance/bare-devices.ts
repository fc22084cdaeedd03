import type { Caller, DeviceAddress, DeviceApi } from "@mooring/contracts";
import { errorOf, makeAuthority, makeCaller, makeCertificate, makeSigningRequest } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeKeyPair, signRegistration } from "./made-device.test-support.ts";

const origin = { protocol: "mqtt-3.1.1", address: "192.0.2.1" };

interface Had {
  readonly api: DeviceApi;
  readonly owner: Caller;
  readonly address: DeviceAddress;
}

/** What gives a device something and takes it away again, without a sign-on. */
const histories: readonly (readonly [string, (had: Had) => Promise<unknown>])[] = [
  [
    "a public key",
    async ({ api, owner, address }) => {
      const { keyId } = await api.addPublicKey(owner, { ...address, publicKeyPem: makeKeyPair().publicKeyPem });
      await api.deletePublicKey(owner, { ...address, keyId });
    },
  ],
  [
    "a gateway",
    async ({ api, owner, address: subDevice }) => {
      const { productKey } = await api.createProduct(owner, { name: "Hub" });
      const hub = { productKey, deviceName: "hub-1" };
      await api.createDevice(owner, hub);
      await api.addSubDevice(owner, { ...hub, subDevice });
      await api.removeSubDevice(owner, { ...hub, subDevice });
    },
  ],
  [
    "a certificate of a registered authority that was deleted",
    async ({ api, owner, address }) => {
      const { authority, record } = await registerAuthority(api, owner, { authority: makeAuthority("Gone CA") });
      const { pem: certificatePem } = makeCertificate({ commonNames: ["x-1"], issuer: authority });
      await api.registerCertificate(owner, { ...address, certificatePem });
      await api.deleteAuthority(owner, { authorityId: record.authorityId, force: true });
    },
  ],
  [
    "a registered authority for its maker, which was deleted",
    async ({ api, owner, address }) => {
      const { productKey, deviceName } = address;
      await api.deleteDevice(owner, address);
      const authority = makeAuthority("Gone CA");
      const { record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey }, authority });
      const leaf = makeCertificate({ commonNames: [deviceName], issuer: authority });
      await api.authenticateCertificate(gateway, { certificateDer: leaf.der });
      await api.deleteAuthority(owner, { authorityId: record.authorityId, force: true });
    },
  ],
];

export function describeBareDevices(given: () => Harness): void {
  describe("devices that have nothing any more", () => {
    test.each(histories)("one that has had %s is taken over by no product's secret, no claim and no authority", async (_, live) => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await api.createProduct(owner, { name: "Sensor", secretAuthentication: true, registration: "open" });
      const { secret } = await api.createProductSecret(owner, { productKey });
      const address = { productKey, deviceName: "lived-1" };
      await api.createDevice(owner, address);
      await live({ api, owner, address });
      const { claim } = await api.createClaim(owner, { productKey, name: "line" });
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const stranger = makeCertificate({ commonNames: ["lived-1"], issuer: authority });
      for (const way of ["register", "regnwl"] as const)
        expect(await errorOf(api.registerDevice(gateway, signRegistration(address, way, secret)))).toMatchObject({
          code: "unauthenticated",
        });
      const { csrPem } = makeSigningRequest();
      const claimed = api.provisionDevice(gateway, { claimId: claim.claimId, csrPem, parameters: { serial: "lived-1" }, origin });
      expect(await errorOf(claimed)).toMatchObject({ message: expect.stringContaining("name") });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(stranger.pem) }));
      expect((await api.listCertificates(owner, address)).certificates).toEqual([]);
    });
  });
}
