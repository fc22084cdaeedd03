import type { Caller, CertificateAuthority, DeviceApi, ProvisioningTemplate, RevocationListOptions } from "@mooring/contracts";
import {
  errorOf,
  extensionOf,
  type MadeParty,
  makeAuthority,
  makeCaller,
  makeCertificate,
  makeRevocationList,
  makeSigningRequest,
  pointersOf,
} from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice, makeKeyPair } from "./made-device.test-support.ts";

export interface Registered {
  readonly authority: MadeParty;
  readonly record: CertificateAuthority;
}

/** An authority of the tenant's own, registered and proved. */
export async function registerAuthority(
  api: DeviceApi,
  owner: Caller,
  {
    mode = "known",
    template,
    authority = makeAuthority("Factory CA"),
    ...more
  }: { mode?: string; template?: ProvisioningTemplate; authority?: MadeParty; byServerName?: boolean } & RevocationListOptions = {},
): Promise<Registered> {
  const pending = await api.registerAuthority(owner, { certificatePem: authority.pem, mode, ...(template && { template }), ...more });
  const proof = makeCertificate({ commonNames: [pending.nonce ?? ""], issuer: authority });
  const record = await api.proveAuthority(owner, { authorityId: pending.authorityId, certificatePem: proof.pem });
  return { authority, record };
}

export function describeAuthorities(given: () => Harness): void {
  describe("the tenant's own authority", () => {
    test("after rotation the new one issues, and what the old one issued works on; a root that was taken out must be given", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const [before] = (await api.listAuthorities(owner, {})).authorities;
      expect(before).toMatchObject({ kind: "own", status: "active", hasRootKey: true });
      const second = await api.rotateAuthority(owner, {});
      expect(second).toMatchObject({ status: "active", rootPem: before?.rootPem, hasRootKey: true });
      const issue = () => api.issueCertificate(owner, { productKey, deviceName, csrPem: makeSigningRequest().csrPem });
      const later = await issue();
      for (const pem of [certificate.certificatePem, later.certificatePem])
        expect(await api.authenticateCertificate(gateway, { certificateDer: derOf(pem) })).toBeDefined();
      expect(later.chainPem).toContain(second.certificatePem.trim());
      const { rootKeyPem } = await api.takeRootKey(owner, {});
      expect(await errorOf(api.takeRootKey(owner, {}))).toMatchObject({ code: "failedPrecondition" });
      expect(await errorOf(api.rotateAuthority(owner, {}))).toMatchObject({ code: "failedPrecondition" });
      const { keyPem } = makeAuthority("Other");
      expect(pointersOf(await errorOf(api.rotateAuthority(owner, { rootKeyPem: keyPem })))).toEqual(["/rootKeyPem"]);
      expect(await api.rotateAuthority(owner, { rootKeyPem })).toMatchObject({ status: "active", hasRootKey: false });
      const { authorities } = await api.listAuthorities(owner, {});
      expect(authorities.map(({ status }) => status).sort()).toEqual(["active", "retired", "retired"]);
      expect(await issue()).toBeDefined();
    });
  });

  describe("authorities that tenants bring along", () => {
    test("one counts once its possession is proved, with the nonce, by its key", async () => {
      const { api } = given();
      const owner = makeCaller();
      const authority = makeAuthority("Factory CA");
      const pending = await api.registerAuthority(owner, { certificatePem: authority.pem });
      expect(pending).toMatchObject({ kind: "foreign", status: "pending", mode: "known" });
      const { authorityId, nonce = "" } = pending;
      const prove = (certificatePem: string) => api.proveAuthority(owner, { authorityId, certificatePem });
      const imposter = makeAuthority("Factory CA");
      for (const pem of [
        makeCertificate({ commonNames: ["another-nonce"], issuer: authority }).pem,
        makeCertificate({ commonNames: [nonce], issuer: imposter }).pem,
        makeCertificate({ commonNames: [nonce] }).pem,
        authority.pem,
        "x",
      ])
        expect(pointersOf(await errorOf(prove(pem)))).toEqual(["/certificatePem"]);
      const proof = makeCertificate({ commonNames: [nonce], issuer: authority }).pem;
      const proved = await prove(proof);
      expect(proved).toMatchObject({ status: "active" });
      expect(proved.nonce).toBeUndefined();
      expect(await errorOf(prove(proof))).toMatchObject({ code: "failedPrecondition" });
    });

    test("one authority belongs to one tenant: who proves it, not who registers it first", async () => {
      const { api } = given();
      const [thief, owner] = [makeCaller(), makeCaller()];
      const authority = makeAuthority("Factory CA");
      await api.registerAuthority(thief, { certificatePem: authority.pem });
      await registerAuthority(api, owner, { authority });
      const again = await api.registerAuthority(thief, { certificatePem: authority.pem });
      const proof = makeCertificate({ commonNames: [again.nonce ?? ""], issuer: authority });
      const error = await errorOf(api.proveAuthority(thief, { authorityId: again.authorityId, certificatePem: proof.pem }));
      expect(error).toMatchObject({ code: "alreadyExists" });
    });

    test("mode known: only a certificate registered with a device is taken", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName } = await makeDevice(api, owner);
      const { authority } = await registerAuthority(api, owner);
      const leaf = makeCertificate({ commonNames: ["whatever it is"], issuer: authority });
      const good = makeCertificate({ commonNames: ["serial-17"], issuer: authority });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: good.der }));
      const certificate = await api.registerCertificate(owner, { productKey, deviceName, certificatePem: good.pem });
      expect(certificate).toMatchObject({ status: "active", subject: "CN=serial-17" });
      expect(await api.authenticateCertificate(gateway, { certificateDer: good.der })).toMatchObject({
        device: { productKey, deviceName },
      });
      const again = api.registerCertificate(owner, { productKey, deviceName, certificatePem: good.pem });
      expect(await errorOf(again)).toMatchObject({ code: "alreadyExists" });
      for (const certificatePem of [leaf.pem, makeCertificate({ commonNames: ["x-1"] }).pem])
        expect(pointersOf(await errorOf(api.registerCertificate(owner, { productKey, deviceName, certificatePem })))).toEqual([
          "/certificatePem",
        ]);
    });

    test("mode register: a stranger is kept, and let in once it is approved", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { authority } = await registerAuthority(api, owner, { mode: "register", template: { productKey } });
      const { der } = makeCertificate({ commonNames: ["newcomer-1"], issuer: authority });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: der }));
      const address = { productKey, deviceName: "newcomer-1" };
      const [certificate] = (await api.listCertificates(owner, address)).certificates;
      expect(certificate).toMatchObject({ status: "pending" });
      const fingerprint = certificate?.fingerprint ?? "";
      await api.setCertificateStatus(owner, { ...address, fingerprint, status: "active" });
      expect(await api.authenticateCertificate(gateway, { certificateDer: der })).toMatchObject({ device: address });
    });

    test("mode provision: a stranger is made a device by the template, once, whoever comes at the same time", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const template = { productKey, namePattern: "line4-{cn}", tags: { site: "berlin" } };
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template });
      const { der } = makeCertificate({ commonNames: ["A17"], issuer: authority });
      const address = { productKey, deviceName: "line4-A17" };
      const all = await Promise.all(Array.from({ length: 8 }, () => api.authenticateCertificate(gateway, { certificateDer: der })));
      expect(new Set(all.map(({ device }) => device.deviceId)).size).toBe(1);
      expect(await api.getDevice(owner, address)).toMatchObject({ status: "enabled", tags: { site: "berlin" } });
      await api.deleteDevice(owner, address);
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: der }));
      expect(await errorOf(api.getDevice(owner, address))).toMatchObject({ code: "notFound" });
    });

    test("a name that a device of another origin has is not taken over", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, certificate } = await makeDevice(api, owner);
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const { der } = makeCertificate({ commonNames: [deviceName], issuer: authority });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: der }));
      expect((await api.listCertificates(owner, { productKey, deviceName })).certificates).toEqual([certificate.certificate]);
    });

    test("nor is one with a secret or a public key; one that was created and has nothing yet is provisioned", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      await api.updateProduct(owner, { productKey, secretAuthentication: true });
      for (const deviceName of ["with-secret", "with-key", "bare-one"]) await api.createDevice(owner, { productKey, deviceName });
      await api.createDeviceSecret(owner, { productKey, deviceName: "with-secret" });
      const { publicKeyPem } = makeKeyPair("ES256");
      await api.addPublicKey(owner, { productKey, deviceName: "with-key", publicKeyPem });
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const knock = (name: string) =>
        api.authenticateCertificate(gateway, { certificateDer: makeCertificate({ commonNames: [name], issuer: authority }).der });
      for (const name of ["with-secret", "with-key"]) {
        await expectRefused(knock(name));
        expect((await api.listCertificates(owner, { productKey, deviceName: name })).certificates).toEqual([]);
      }
      expect(await knock("bare-one")).toMatchObject({ device: { deviceName: "bare-one" } });
    });

    test("its revocation list is obeyed, and once it is out of date only this authority's devices are refused", async () => {
      const { api, advance } = given();
      const owner = makeCaller();
      const { productKey, certificate } = await makeDevice(api, owner);
      const { authority, record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const { authorityId } = record;
      const one = makeCertificate({ commonNames: ["dev-one"], issuer: authority, serial: "8001" });
      const two = makeCertificate({ commonNames: ["dev-two"], issuer: authority, serial: "4002" });
      const authenticate = ({ der }: MadeParty) => api.authenticateCertificate(gateway, { certificateDer: der });
      await authenticate(one);
      const put = (listPem: string) => api.putRevocationList(owner, { authorityId, listPem });
      for (const list of [
        makeRevocationList(makeAuthority("Factory CA"), { serials: [] }),
        makeRevocationList(makeAuthority("Other"), { serials: [] }),
        makeRevocationList(authority, { serials: [], nextUpdateMs: Date.now() - 1_000 }),
        makeRevocationList(authority, { serials: [], extensions: [extensionOf("551d1b", Buffer.of(2, 1, 1), true)] }),
        "x",
      ])
        expect(pointersOf(await errorOf(put(list)))).toEqual(["/listPem"]);
      const { next } = await api.listChanges(gateway, {});
      expect((await put(makeRevocationList(authority, { serials: ["8001"] }))).listDueMs).toBeGreaterThan(Date.now());
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }]);
      await expectRefused(authenticate(one));
      expect(await authenticate(two)).toBeDefined();
      await put(makeRevocationList(authority, { serials: [] }));
      expect(await authenticate(one)).toBeDefined();
      await put(makeRevocationList(authority, { serials: [], nextUpdateMs: given().now() + 60_000 }));
      advance(120_000);
      await expectRefused(authenticate(one));
      await expectRefused(authenticate(makeCertificate({ commonNames: ["dev-three"], issuer: authority })));
      expect(await api.authenticateCertificate(gateway, { certificateDer: derOf(certificate.certificatePem) })).toBeDefined();
    });

    test("an authority made inactive takes its devices' right away, and gateways hear of it", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { authority, record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const { der } = makeCertificate({ commonNames: ["dev-one"], issuer: authority });
      const { device, credentialId } = await api.authenticateCertificate(gateway, { certificateDer: der });
      const { next } = await api.listChanges(gateway, {});
      const { authorityId } = record;
      await api.updateAuthority(owner, { authorityId, status: "inactive" });
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer: der }));
      await expectRefused(
        api.authenticateCertificate(gateway, { certificateDer: makeCertificate({ commonNames: ["dev-two"], issuer: authority }).der }),
      );
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }]);
      await api.updateAuthority(owner, { authorityId, status: "active" });
      expect(await api.authenticateCertificate(gateway, { certificateDer: der })).toMatchObject({ credentialId });
    });

    test("what is wrong with a registration is named", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { pem: certificatePem } = makeAuthority("Factory CA");
      const pointers = async (request: object) => pointersOf(await errorOf(api.registerAuthority(owner, { certificatePem, ...request })));
      expect(await pointers({ certificatePem: makeCertificate({ commonNames: ["leaf"] }).pem })).toEqual(["/certificatePem"]);
      expect(await pointers({ certificatePem: makeAuthority("Old", { notAfterMs: Date.now() - 1_000 }).pem })).toEqual(["/certificatePem"]);
      expect(await pointers({ mode: "all" })).toEqual(["/mode"]);
      expect(await pointers({ mode: "provision" })).toEqual(["/template"]);
      expect(await pointers({ template: { productKey: "nosuch" } })).toEqual(["/template/productKey"]);
      expect(await pointers({ template: { productKey, namePattern: "always-the-same" } })).toEqual(["/template/namePattern"]);
      expect(await pointers({ template: { productKey, namePattern: "{cn}", tags: { "": "x" } } })).toEqual(["/template/tags/"]);
    });
  });
}
