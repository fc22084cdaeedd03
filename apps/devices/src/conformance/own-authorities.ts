import { createHash, randomUUID, X509Certificate } from "node:crypto";
import type { Caller, DeviceApi } from "@mooring/contracts";
import { errorOf, makeAuthority, makeCaller, makeSigningRequest, pointersOf, tlv } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

/** A tenant with a device whose certificate is of an authority that issues no more, and one of the authority after it. */
async function rotate(api: DeviceApi, owner: Caller) {
  const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
  const [old] = (await api.listAuthorities(owner, {})).authorities;
  if (old === undefined) throw new Error("the tenant has no authority");
  const current = await api.rotateAuthority(owner, {});
  const later = await api.issueCertificate(owner, { productKey, deviceName, csrPem: makeSigningRequest().csrPem });
  return { old, current, device, before: certificate, later };
}

const signOn = (api: DeviceApi, pem: string) => api.authenticateCertificate(gateway, { certificateDer: derOf(pem) });

const serialOf = (pem: string): Buffer => Buffer.from(new X509Certificate(pem).serialNumber, "hex");

/** Whether the serial number stands in the list, as an INTEGER. */
const isOn = (list: Uint8Array, pem: string): boolean => Buffer.from(list).includes(tlv(0x02, serialOf(pem)));

/** An OCSP request with SHA-1, as openssl writes it (RFC 6960 §4.1.1). */
function questionOf(issuerPem: string, serial: Buffer): Buffer {
  const issuer = new X509Certificate(issuerPem);
  const spki = issuer.publicKey.export({ type: "spki", format: "der" });
  const sha1 = (bytes: Uint8Array): Buffer => createHash("sha1").update(bytes).digest();
  const name = subjectOf(issuer.raw);
  // An EC P-256 key's bits are the last 65 octets.
  const hashes = [sha1(name), sha1(spki.subarray(-65))].map((digest) => tlv(0x04, digest));
  const certId = tlv(0x30, Buffer.from("300906052b0e03021a0500", "hex"), ...hashes, tlv(0x02, serial));
  return tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, certId))));
}

/** The sixth part of the signed part; own authorities are version 3 and below 64 KB. */
export function subjectOf(certificate: Buffer): Buffer {
  const read = (at: number): { readonly from: number; readonly end: number } => {
    const first = certificate[at + 1] ?? 0;
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const length = octets === 0 ? first : certificate.readUIntBE(at + 2, octets);
    return { from: at + 2 + octets, end: at + 2 + octets + length };
  };
  let at = read(read(0).from).from;
  for (let i = 0; i < 5; i++) at = read(at).end;
  return certificate.subarray(at, read(at).end);
}

export function describeOwnAuthorities(given: () => Harness): void {
  describe("an issuing authority that is revoked", () => {
    test("takes its certificates along at once, is on the root's list and in its OCSP answers; the one after it goes on", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { old, current, device, before, later } = await rotate(api, owner);
      await signOn(api, before.certificatePem);
      const { authorityId } = old;
      const rootList = async () => (await api.getRevocationList(gateway, { authorityId: current.authorityId, ofRoot: true })).list;
      const answer = async () => {
        const request = questionOf(old.rootPem ?? "", serialOf(old.certificatePem));
        const { response } = await api.answerStatusRequest(gateway, { authorityId, request });
        return Buffer.from(response);
      };
      // After the serial number an answer says [0] good, [1] revoked or [2] unknown.
      const statusIn = (response: Buffer) => response[response.indexOf(tlv(0x02, serialOf(old.certificatePem))) + 18];
      expect(statusIn(await answer())).toBe(0x80);
      const revoked = await api.revokeAuthority(owner, { authorityId, reason: "cACompromise" });
      expect(revoked).toMatchObject({ status: "revoked", revocationReason: "cACompromise" });
      expect(revoked.revokedAtMs).toBeGreaterThan(0);
      await expectRefused(signOn(api, before.certificatePem));
      const credentialId = `certificate:${before.certificate.fingerprint}`;
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      await signOn(api, later.certificatePem);
      const { certificates } = await api.listCertificates(owner, { productKey: device.productKey, deviceName: device.deviceName });
      expect(Object.fromEntries(certificates.map(({ fingerprint, status, revokedBy }) => [fingerprint, [status, revokedBy]]))).toEqual({
        [before.certificate.fingerprint]: ["revoked", "authority"],
        [later.certificate.fingerprint]: ["active", undefined],
      });
      expect(isOn(await rootList(), old.certificatePem)).toBe(true);
      expect(isOn(await rootList(), current.certificatePem)).toBe(false);
      expect(statusIn(await answer())).toBe(0xa1);
      expect(await api.revokeAuthority(owner, { authorityId, reason: "superseded" })).toEqual(revoked);
    });

    test("takes claims along whose certificate it has issued", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { current, device } = await rotate(api, owner);
      const { certificatePem } = await api.createClaim(owner, { productKey: device.productKey, name: "line-1" });
      const authenticate = () => api.authenticateClaim(gateway, { certificateDer: derOf(certificatePem) });
      await authenticate();
      await api.rotateAuthority(owner, {});
      await authenticate();
      await api.revokeAuthority(owner, { authorityId: current.authorityId });
      expect(await errorOf(authenticate())).toMatchObject({ code: "unauthenticated" });
    });

    test("is told to gateways, which look at its devices again", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { old, device } = await rotate(api, owner);
      const { next } = await api.listChanges(gateway, {});
      await api.revokeAuthority(owner, { authorityId: old.authorityId });
      const { changes } = await api.listChanges(gateway, { after: next });
      expect(changes.map(({ productKey }) => productKey)).toContain(device.productKey);
    });

    test("is not the one that issues, nor a registered one, nor another tenant's", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { current } = await rotate(api, owner);
      const { record } = await registerAuthority(api, owner);
      const refusal = async (authorityId: string, by = owner, reason?: string) =>
        errorOf(api.revokeAuthority(by, { authorityId, ...(reason !== undefined && { reason }) }));
      const issuing = await refusal(current.authorityId);
      expect([issuing.code, issuing.message]).toEqual(["failedPrecondition", expect.stringContaining("rotate it first")]);
      expect(await refusal(record.authorityId)).toMatchObject({ code: "failedPrecondition" });
      expect(await refusal(current.authorityId, makeCaller())).toMatchObject({ code: "notFound" });
      expect(await refusal("nothing")).toMatchObject({ code: "notFound" });
      expect(pointersOf(await refusal(current.authorityId, owner, "certificateHold"))).toEqual(["/reason"]);
    });

    test("whose root's key was taken out needs it, and until then the root's last list stands for a year", async () => {
      const { api, now } = given();
      const owner = makeCaller();
      const { old, current, before } = await rotate(api, owner);
      const { authorityId } = old;
      const rootList = async () => (await api.getRevocationList(gateway, { authorityId, ofRoot: true })).list;
      const { rootKeyPem } = await api.takeRootKey(owner, {});
      const [issuing] = (await api.listAuthorities(owner, {})).authorities.filter(({ status }) => status === "active");
      expect((issuing?.rootListDueMs ?? 0) - now()).toBeGreaterThan(364 * 86_400_000);
      expect(isOn(await rootList(), old.certificatePem)).toBe(false);
      // Nobody can answer for the root (RFC 6960 §4.2.1: unauthorized).
      const request = questionOf(old.rootPem ?? "", serialOf(old.certificatePem));
      const { response } = await api.answerStatusRequest(gateway, { authorityId, request });
      expect(Buffer.from(response).toString("hex")).toBe("30030a0106");
      expect(await errorOf(api.revokeAuthority(owner, { authorityId }))).toMatchObject({ code: "failedPrecondition" });
      const wrong = api.revokeAuthority(owner, { authorityId, rootKeyPem: makeAuthority("Other").keyPem });
      expect(pointersOf(await errorOf(wrong))).toEqual(["/rootKeyPem"]);
      await signOn(api, before.certificatePem);
      await api.revokeAuthority(owner, { authorityId, rootKeyPem });
      await expectRefused(signOn(api, before.certificatePem));
      const kept = await api.getRevocationList(gateway, { authorityId: current.authorityId, ofRoot: true });
      expect(isOn(kept.list, old.certificatePem)).toBe(true);
      const after = await api.rotateAuthority(owner, { rootKeyPem });
      expect(after.rootListDueMs).toBeGreaterThan(now());
      const next = await api.getRevocationList(gateway, { authorityId: after.authorityId, ofRoot: true });
      expect(isOn(next.list, old.certificatePem)).toBe(true);
    });
  });

  describe("a root with many authorities", () => {
    test("has the oldest that is revoked on its list", async () => {
      const { api, database } = given();
      const owner = makeCaller();
      const { old, current } = await rotate(api, owner);
      await api.revokeAuthority(owner, { authorityId: old.authorityId });
      const {
        id: _,
        rootList: __,
        template: ___,
        ...row
      } = await database.prisma.authority.findUniqueOrThrow({ where: { id: current.authorityId } });
      const later = { ...row, status: "retired", createdAt: new Date(row.createdAt.getTime() + 1_000) };
      await database.prisma.authority.createMany({ data: Array.from({ length: 1_000 }, () => ({ ...later, id: randomUUID() })) });
      const { list } = await api.getRevocationList(gateway, { authorityId: current.authorityId, ofRoot: true });
      expect(isOn(list, old.certificatePem)).toBe(true);
    });
  });

  describe("a root's key that is taken", () => {
    test("is not kept, whatever rotates at the same time, and is given to one caller alone", async () => {
      const { api } = given();
      for (let round = 0; round < 5; round++) {
        const owner = makeCaller();
        await makeDevice(api, owner);
        const ask = [api.takeRootKey(owner, {}), api.rotateAuthority(owner, {}), api.takeRootKey(owner, {})];
        const [first, rotated, second] = await Promise.allSettled(ask);
        const given = [first, second].filter((answer) => answer?.status === "fulfilled");
        for (const answer of [first, rotated, second])
          if (answer?.status === "rejected") expect(answer.reason).toMatchObject({ code: "failedPrecondition" });
        expect(given.length).toBeLessThan(2);
        const { authorities } = await api.listAuthorities(owner, {});
        expect(authorities.some(({ hasRootKey }) => hasRootKey)).toBe(given.length === 0);
      }
    });
  });
}
