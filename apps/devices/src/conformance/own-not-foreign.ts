import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { readAuthority } from "@mooring/pki";
import { ecKey, errorOf, extensions, makeAuthority, makeCaller, makeCertificate, makeSigningRequest, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";
import { subjectOf } from "./own-authorities.ts";

const signing = [extensions.authority(), extensions.keyUsage(0x06)];

export function describeOwnNotForeign(given: () => Harness): void {
  describe("authorities of the platform's own", () => {
    async function setUp() {
      const { api } = given();
      const owner = makeCaller();
      const made = await makeDevice(api, owner, "decommissioned-1");
      const [own] = (await api.listAuthorities(owner, {})).authorities;
      if (own?.rootPem === undefined) throw new Error("the tenant has no authority");
      const thief = makeCaller();
      const { productKey } = await makeDevice(api, thief);
      return { api, owner, made, own: { ...own, rootPem: own.rootPem }, thief, template: { productKey } };
    }

    /** As it may have been kept before it was refused. */
    async function keepCopy(tenantId: string, issuingPem: string, productKey: string, nonce: string): Promise<string> {
      const { stores, now } = given();
      const { subjectNameSha256: issuerName, subjectKeyId, keyIds } = readAuthority(issuingPem, now());
      const id = randomUUID();
      const what = { id, tenantId, kind: "foreign", status: "pending", mode: "provision", issuingPem, issuerName, nonce } as const;
      const record = { ...what, template: { productKey }, keyNames: { subjectKeyId, keyIds }, createdAtMs: now() };
      await stores.authorities.insertForeign(record, 100);
      return id;
    }

    test("are nobody's to register: neither issuing one nor root, of any tenant, also retired or revoked, and their owner's neither", async () => {
      const { api, owner, own, thief } = await setUp();
      await api.rotateAuthority(owner, {});
      const refused = async () => {
        for (const caller of [thief, owner])
          for (const certificatePem of [own.certificatePem, own.rootPem])
            expect(pointersOf(await errorOf(api.registerAuthority(caller, { certificatePem })))).toEqual(["/certificatePem"]);
      };
      await refused();
      await api.revokeAuthority(owner, { authorityId: own.authorityId });
      await refused();
    });

    test("nor is another certificate of such a key, nor one that such an authority has signed", async () => {
      const { api, owner, own, thief } = await setUp();
      const signer = makeAuthority("Cross");
      for (const pem of [own.certificatePem, own.rootPem]) {
        const key = { ...ecKey(), publicKey: new X509Certificate(pem).publicKey };
        const copy = makeCertificate({ commonNames: ["Copy"], issuer: signer, key, extensions: signing });
        expect(pointersOf(await errorOf(api.registerAuthority(thief, { certificatePem: copy.pem })))).toEqual(["/certificatePem"]);
      }
      const { rootKeyPem } = await api.takeRootKey(owner, {});
      const root = { ...signer, key: createPrivateKey(rootKeyPem), name: subjectOf(derOf(own.rootPem)) };
      const below = makeCertificate({ commonNames: ["Below"], issuer: root, extensions: signing });
      for (const caller of [thief, owner])
        expect(pointersOf(await errorOf(api.registerAuthority(caller, { certificatePem: below.pem })))).toEqual(["/certificatePem"]);
      await registerAuthority(api, thief, { authority: makeAuthority("Below") });
    });

    test("one that is registered from before is not proved by a device's certificate with the nonce for its name", async () => {
      const { api, owner, made, own, thief, template } = await setUp();
      const nonce = randomUUID();
      const authorityId = await keepCopy(thief.tenantId ?? "", own.certificatePem, template.productKey, nonce);
      const named = { productKey: made.productKey, deviceName: nonce };
      await api.createDevice(owner, named);
      const { certificatePem } = await api.issueCertificate(owner, { ...named, csrPem: makeSigningRequest().csrPem });
      expect(pointersOf(await errorOf(api.proveAuthority(thief, { authorityId, certificatePem })))).toEqual(["/certificatePem"]);
    });

    test("one that is proved from before gets no devices that its owner has deleted", async () => {
      const { api, owner, made, own, thief, template } = await setUp();
      const { stores, now } = given();
      const id = await keepCopy(thief.tenantId ?? "", own.certificatePem, template.productKey, "");
      await stores.authorities.prove(id, { fingerprint: readAuthority(own.certificatePem, now()).fingerprintSha256, nowMs: now() });
      await api.deleteDevice(owner, { productKey: made.productKey, deviceName: made.deviceName });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: derOf(made.certificate.certificatePem) }));
      expect((await api.listDevices(thief, { productKey: template.productKey })).devices).toHaveLength(1);
    });

    test("those of before keys' names were kept count too", async () => {
      const { api, own, thief } = await setUp();
      await given().stores.authorities.keepKeyNames(own.authorityId, { subjectKeyId: undefined, keyIds: [] });
      const error = await errorOf(api.registerAuthority(thief, { certificatePem: own.certificatePem }));
      expect(pointersOf(error)).toEqual(["/certificatePem"]);
    });
  });
}
