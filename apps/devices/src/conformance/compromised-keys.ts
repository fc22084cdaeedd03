import { createPublicKey } from "node:crypto";
import { type DeviceRef, deviceCaller } from "@mooring/contracts";
import { errorOf, makeAuthority, makeCaller, makeCertificate, makeSigningRequest, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

export function describeCompromisedKeys(given: () => Harness): void {
  describe("a key that was revoked as compromised", () => {
    async function setUp(reason: string) {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate: kept } = await makeDevice(api, owner);
      const address = { productKey, deviceName };
      const { csrPem, privateKey } = makeSigningRequest();
      const issue = (to = address) => api.issueCertificate(owner, { ...to, csrPem });
      const [first, sibling] = [await issue(), await issue()];
      const other = { productKey, deviceName: "other-1" };
      await api.createDevice(owner, other);
      const elsewhere = await issue(other);
      const revoke = () => api.revokeCertificate(owner, { ...address, fingerprint: first.certificate.fingerprint, reason });
      return { api, owner, kept, device, address, other, csrPem, privateKey, issue, sibling, elsewhere, revoke };
    }

    test("goes with all certificates of the tenant that carry it, and gateways hear of it", async () => {
      const { api, owner, address, other, sibling, elsewhere, revoke } = await setUp("keyCompromise");
      const { next } = await api.listChanges(gateway, {});
      await revoke();
      for (const { certificatePem } of [sibling, elsewhere])
        await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(certificatePem) }));
      expect((await api.listChanges(gateway, { after: next })).changes).toContainEqual(
        expect.objectContaining({ productKey: address.productKey }),
      );
      const { certificates } = await api.listCertificates(owner, other);
      expect(certificates).toMatchObject([{ status: "revoked", revocationReason: "keyCompromise" }]);
    });

    test("is certified no more: not for an operator, nor by EST, a claim, a renewal or a registered authority", async () => {
      const { api, owner, kept, device, address, other, csrPem, privateKey, issue, revoke } = await setUp("keyCompromise");
      const { claim } = await api.createClaim(owner, { productKey: address.productKey, name: "line" });
      const origin = { protocol: "mqtt-3.1.1", address: "192.0.2.1" };
      const { claimId } = claim;
      const early = await api.createClaimedCertificate(gateway, { claimId, csrPem, origin });
      await revoke();
      const fresh = { productKey: address.productKey, deviceName: "fresh-1" };
      const freshDevice = await api.createDevice(owner, fresh);
      const asFresh = deviceCaller({ ...freshDevice } as unknown as DeviceRef);
      const asDevice = deviceCaller({ ...device } as unknown as DeviceRef);
      const asked = [
        () => issue(),
        () => issue(other),
        () => api.enrollCertificate(asFresh, { csrPem }),
        () => api.renewCertificate(asDevice, { csrPem, fingerprint: kept.certificate.fingerprint }),
        () => api.provisionDevice(gateway, { claimId, csrPem, parameters: { serial: "claimed-1" }, origin }),
        () => api.createClaimedCertificate(gateway, { claimId, csrPem, origin }),
      ];
      for (const attempt of asked) expect(pointersOf(await errorOf(attempt()))).toEqual(["/csrPem"]);
      const { ownershipToken } = early;
      const late = api.provisionDevice(gateway, { claimId, ownershipToken, parameters: { serial: "claimed-2" }, origin });
      expect(pointersOf(await errorOf(late))).toEqual(["/ownershipToken"]);
      const { authority } = await registerAuthority(api, owner, {
        authority: makeAuthority("Recertifier"),
        mode: "provision",
        template: { productKey: address.productKey },
      });
      const key = { privateKey, publicKey: createPublicKey(privateKey.export({ type: "pkcs8", format: "pem" })) };
      const leaf = makeCertificate({ commonNames: ["again-1"], issuer: authority, key });
      expect(pointersOf(await errorOf(api.registerCertificate(owner, { ...fresh, certificatePem: leaf.pem })))).toEqual([
        "/certificatePem",
      ]);
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: leaf.der }));
    });

    test("goes with certificates of before keys were named, once they are", async () => {
      const { api, elsewhere, revoke } = await setUp("keyCompromise");
      const { database, stores } = given();
      await database.prisma.certificate.updateMany({ data: { keyDigest: null } });
      while ((await stores.certificates.nameKeys(100)) === 100);
      await revoke();
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(elsewhere.certificatePem) }));
    });

    test("of another tenant is that tenant's affair; and any other reason leaves the key alone", async () => {
      const { api, csrPem, revoke } = await setUp("keyCompromise");
      await revoke();
      const stranger = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, stranger);
      await api.issueCertificate(stranger, { productKey, deviceName, csrPem });
      const replaced = await setUp("superseded");
      await replaced.revoke();
      await api.authenticateCertificate(gateway, { certificateDer: derOf(replaced.sibling.certificatePem) });
      await replaced.issue();
    });
  });
}
