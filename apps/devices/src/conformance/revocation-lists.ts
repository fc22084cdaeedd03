import { errorOf, type MadeParty, makeAuthority, makeCaller, makeCertificate, makeRevocationList, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

const derOf = (pem: string): Uint8Array => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");

export function describeRevocationLists(given: () => Harness): void {
  /** An authority that provisions, and one of its devices, which is not known yet. */
  async function setUp(options: { readonly crlMode?: string; readonly crlUrl?: string } = {}) {
    const { api } = given();
    const owner = makeCaller();
    const { productKey } = await makeDevice(api, owner);
    const { authority, record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey }, ...options });
    const { authorityId } = record;
    const leaf = makeCertificate({ commonNames: ["dev-one"], issuer: authority, serial: "4101" });
    const enter = ({ der }: MadeParty = leaf) => api.authenticateCertificate(gateway, { certificateDer: der });
    const put = (listPem: string) => api.putRevocationList(owner, { authorityId, listPem });
    const get = async () => (await api.listAuthorities(owner, {})).authorities.find((one) => one.authorityId === authorityId);
    return { api, owner, productKey, authority, authorityId, record, enter, put, get };
  }

  describe("revocation lists of registered authorities", () => {
    test("required: nobody is let in without a current one, and everybody who is in is looked at again", async () => {
      const { api, owner, productKey, authority, authorityId, enter, put, get } = await setUp();
      const { device, credentialId } = await enter();
      const check = () => api.checkCredential(gateway, { deviceId: device.deviceId, credentialId });
      const { next } = await api.listChanges(gateway, {});
      const required = await api.updateAuthority(owner, { authorityId, crlMode: "required" });
      expect(required.revocationList).toEqual({ mode: "required", state: "none" });
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }]);
      await expectRefused(check());
      await expectRefused(enter());
      const nextUpdateMs = given().now() + 60_000;
      const known = await put(makeRevocationList(authority, { serials: [], number: 7, nextUpdateMs }));
      expect(known.revocationList).toMatchObject({ mode: "required", state: "current", number: "7" });
      expect(Math.abs((known.revocationList?.nextUpdateMs ?? 0) - nextUpdateMs)).toBeLessThan(1_000);
      expect(await check()).toMatchObject({ credentialId });
      given().advance(120_000);
      await expectRefused(check());
      await expectRefused(enter());
      expect((await get())?.revocationList).toMatchObject({ state: "outdated" });
      const { next: before } = await api.listChanges(gateway, {});
      expect(await given().stores.lists.tellOverdue(given().now(), 100)).toBeGreaterThan(0);
      expect((await api.listChanges(gateway, { after: before })).changes).toContainEqual(expect.objectContaining({ productKey }));
      expect(await given().stores.lists.tellOverdue(given().now(), 100)).toBe(0);
    });

    test("what is on one is shown as it is judged at sign-on: revoked by the list, for its reason, while the list is obeyed and says so", async () => {
      const { api, owner, productKey, authority, authorityId, enter, put } = await setUp();
      await enter();
      const address = { productKey, deviceName: "dev-one" };
      const shown = async () => (await api.listCertificates(owner, address)).certificates[0];
      const { fingerprint = "" } = (await shown()) ?? {};
      expect(await shown()).toMatchObject({ status: "active" });
      await put(makeRevocationList(authority, { serials: ["4101"], number: 1 }));
      const revoked = { status: "revoked", revokedBy: "list", revocationReason: "unspecified", revokedAtMs: expect.any(Number) };
      expect(await shown()).toMatchObject(revoked);
      expect(await api.setCertificateStatus(owner, { ...address, fingerprint, status: "active" })).toMatchObject(revoked);
      await api.updateAuthority(owner, { authorityId, crlMode: "off" });
      expect(await shown()).not.toHaveProperty("revokedBy");
      expect(await enter()).toBeDefined();
      await api.updateAuthority(owner, { authorityId, crlMode: "auto" });
      await put(makeRevocationList(authority, { serials: [], number: 2 }));
      expect(await shown()).toMatchObject({ status: "active" });
      await api.setCertificateStatus(owner, { ...address, fingerprint, status: "inactive" });
      expect(await shown()).toMatchObject({ status: "inactive" });
      await put(makeRevocationList(authority, { serials: ["4101"], number: 3 }));
      expect(await shown()).toMatchObject(revoked);
      const own = await api.revokeCertificate(owner, { ...address, fingerprint, reason: "keyCompromise" });
      expect(own).toMatchObject({ status: "revoked", revokedBy: "platform", revocationReason: "keyCompromise" });
    });

    test("soft: what was on the last one stays refused, and its age refuses nobody; off: nothing on it counts", async () => {
      const { api, owner, authority, authorityId, enter, put } = await setUp({ crlMode: "soft" });
      await put(makeRevocationList(authority, { serials: ["4101"], nextUpdateMs: given().now() + 60_000 }));
      given().advance(120_000);
      await expectRefused(enter());
      expect(await enter(makeCertificate({ commonNames: ["dev-two"], issuer: authority }))).toBeDefined();
      await api.updateAuthority(owner, { authorityId, crlMode: "off" });
      expect(await enter()).toBeDefined();
      const error = await errorOf(put(makeRevocationList(authority, { serials: [], nextUpdateMs: given().now() + 60_000 })));
      expect(error).toMatchObject({ code: "failedPrecondition", message: expect.stringContaining("crlMode") });
      await api.updateAuthority(owner, { authorityId, crlMode: "soft" });
      await expectRefused(enter());
    });

    test("an older one never takes the place of a newer one, by its number or by its time [RFC 5280 §5.2.3]", async () => {
      const { authority, enter, put } = await setUp();
      const nextUpdateMs = given().now() + 3_600_000;
      const list = (choices: object) => makeRevocationList(authority, { serials: ["4101"], nextUpdateMs, ...choices });
      await put(list({ number: 9 }));
      for (const older of [
        { serials: [], number: 8 },
        { serials: [], number: 9, thisUpdateMs: Date.now() - 60_000 },
        { serials: [], thisUpdateMs: Date.now() - 60_000 },
      ])
        expect(await errorOf(put(list(older)))).toMatchObject({ code: "failedPrecondition", message: expect.stringMatching(/9|made at/) });
      await expectRefused(enter());
      await put(list({ serials: [], number: 10 }));
      expect(await enter()).toBeDefined();
    });

    test("in DER as in PEM, one at a time; what is not valid yet is refused", async () => {
      const { api, owner, authority, authorityId, enter } = await setUp();
      const nextUpdateMs = given().now() + 3_600_000;
      const pem = makeRevocationList(authority, { serials: ["4101"], nextUpdateMs });
      const put = (lists: object) => api.putRevocationList(owner, { authorityId, ...lists });
      for (const wrong of [{}, { listPem: pem, list: derOf(pem) }]) expect(pointersOf(await errorOf(put(wrong)))).toEqual(["/listPem"]);
      for (const bytes of [new Uint8Array(0), Buffer.from(pem), Buffer.concat([derOf(pem), Buffer.of(0)])])
        expect(pointersOf(await errorOf(put({ list: bytes })))).toEqual(["/list"]);
      const early = makeRevocationList(authority, { serials: [], thisUpdateMs: given().now() + 900_000, nextUpdateMs });
      expect(pointersOf(await errorOf(put({ listPem: early })))).toEqual(["/listPem"]);
      expect((await put({ list: derOf(pem) })).revocationList).toMatchObject({ state: "current" });
      await expectRefused(enter());
    });

    test("a certificate held here and revoked by its authority stays refused when the hold is taken back", async () => {
      const { api, owner, productKey, authority, enter, put } = await setUp();
      const { device, credentialId } = await enter();
      const address = { productKey, deviceName: device.deviceName, fingerprint: credentialId.replace("certificate:", "") };
      await api.setCertificateStatus(owner, { ...address, status: "inactive" });
      const nextUpdateMs = given().now() + 3_600_000;
      await put(makeRevocationList(authority, { serials: ["4101"], number: 1, nextUpdateMs }));
      await api.setCertificateStatus(owner, { ...address, status: "active" });
      await expectRefused(enter());
      // And the other way round: what was revoked here does not come back with a list that says nothing of it.
      await api.deleteDevice(owner, { productKey, deviceName: device.deviceName });
      await put(makeRevocationList(authority, { serials: [], number: 2, nextUpdateMs }));
      await expectRefused(enter());
    });

    test("what is wrong with the settings is named", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { pem: certificatePem } = makeAuthority("Factory CA");
      const pointers = async (request: object) => pointersOf(await errorOf(api.registerAuthority(owner, { certificatePem, ...request })));
      expect(await pointers({ crlMode: "always" })).toEqual(["/crlMode"]);
      for (const crlUrl of ["ldap://x.test/cn", "x", "http://a:b@x.test/", "http://x.test/#a", `http://x.test/${"a".repeat(2_100)}`])
        expect(await pointers({ crlUrl }), crlUrl).toEqual(["/crlUrl"]);
    });
  });
}
