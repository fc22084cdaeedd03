import { createHash, randomUUID } from "node:crypto";
import type { DeviceApi } from "@mooring/contracts";
import { readAuthority } from "@mooring/pki";
import {
  ecKey,
  errorOf,
  extensionOf,
  extensions,
  type MadeParty,
  makeAuthority,
  makeCaller,
  makeCertificate,
  makeRevocationList,
  tlv,
} from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice } from "./made-device.test-support.ts";

const signOn = (api: DeviceApi, { der }: MadeParty) => api.authenticateCertificate(gateway, { certificateDer: der });

const signing = [extensions.authority(), extensions.keyUsage(0x06)];
const leafExtensions = [extensions.leaf(), extensions.keyUsage(0x80), extensions.purpose("client")];

/** An authority of the name, and of a name for its key: by RFC 5280 §4.2.1.2 method 1, which openssl uses, or the given one. */
function makeNamed(commonName: string, givenKeyId?: Buffer) {
  const key = ecKey();
  const publicKeyInfo = key.publicKey.export({ type: "spki", format: "der" });
  // An EC P-256 key's bits are the last 65 octets.
  const keyId = givenKeyId ?? createHash("sha1").update(publicKeyInfo.subarray(-65)).digest();
  const named = [...signing, extensionOf("551d0e", tlv(0x04, keyId))];
  return { keyId, authority: makeAuthority(commonName, { key, extensions: named }) };
}

const issueUnder = (authority: MadeParty, keyId: Buffer | undefined): MadeParty =>
  makeCertificate({
    commonNames: [`dev-${randomUUID().slice(0, 8)}`],
    issuer: authority,
    extensions: keyId === undefined ? leafExtensions : [...leafExtensions, extensionOf("551d23", tlv(0x30, tlv(0x80, keyId)))],
  });

/** More than are tried; ids that sort before all others. */
const crowdSize = 40;

/** Authorities of the same name, whose certificates call their keys the same, proved long ago: by so many tenants. */
async function crowd({ stores, now }: Harness, commonName: string, keyId: Buffer, tenants: number): Promise<void> {
  const tenantIds = Array.from({ length: tenants }, () => randomUUID());
  for (let i = 0; i < crowdSize; i++) {
    const { authority } = makeNamed(commonName, keyId);
    const { subjectNameSha256: issuerName, subjectKeyId, keyIds, fingerprintSha256 } = readAuthority(authority.pem, now());
    const id = `00000000-0000-4000-8000-${randomUUID().slice(-12)}`;
    await stores.authorities.insertForeign(
      {
        ...{ id, tenantId: tenantIds[i % tenants] ?? "", kind: "foreign", status: "pending", issuingPem: authority.pem, mode: "provision" },
        ...{ issuerName, keyNames: { subjectKeyId, keyIds }, createdAtMs: now() },
        template: { productKey: "another" },
      },
      100,
    );
    await stores.authorities.prove(id, { fingerprint: fingerprintSha256, nowMs: now() });
  }
}

/** The order of P-256's group (SEC 2 §2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** (r, s) as (r, n - s), which verifies as well and needs no key. */
function rewriteSignature(der: Buffer): Buffer {
  // tbsCertificate, then ecdsa-with-SHA256 in 12 octets, then the signature.
  const end = 4 + 4 + der.readUInt16BE(6);
  const bits = der.subarray(end + 12);
  const r = bits.subarray(5, 7 + (bits[6] ?? 0));
  const s = bits.subarray(7 + (bits[6] ?? 0) + 2);
  const hex = (order - BigInt(`0x${s.toString("hex")}`)).toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  const signature = tlv(0x30, r, tlv(0x02, ...((octets[0] ?? 0) >= 0x80 ? [Buffer.of(0)] : []), octets));
  return tlv(0x30, der.subarray(4, end + 12), tlv(0x03, Buffer.of(0), signature));
}

export function describeForeignAuthorities(given: () => Harness): void {
  describe("many authorities of one name", () => {
    const customary = Buffer.from("the key of the factory");
    test.each([
      ["of many tenants do not shut out one whose key is named as the standards have it", undefined, true, crowdSize],
      ["of one tenant do not shut out one whose key has a name of its own", customary, true, 1],
      ["of one tenant do not shut out one whose certificates do not name their issuer's key", customary, false, 1],
    ])("%s", async (_, keyName, saysIssuer, tenants) => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const commonName = `Crowded ${randomUUID()}`;
      const { authority, keyId } = makeNamed(commonName, keyName);
      await crowd(given(), commonName, keyId, tenants);
      await registerAuthority(api, owner, { mode: "provision", template: { productKey }, authority });
      const leaf = issueUnder(authority, saysIssuer ? keyId : undefined);
      expect(await signOn(api, leaf)).toMatchObject({ device: { productKey } });
    });

    test("those of before keys' names were kept are found, and get theirs", async () => {
      const { api, stores } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { authority, keyId } = makeNamed(`Old ${randomUUID()}`);
      const { record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey }, authority });
      await stores.authorities.keepKeyNames(record.authorityId, { subjectKeyId: undefined, keyIds: [] });
      expect((await stores.authorities.listUnnamed(1_000)).map(({ id }) => id)).toContain(record.authorityId);
      expect(await signOn(api, issueUnder(authority, keyId))).toMatchObject({ device: { productKey } });
    });
  });

  describe("a certificate whose signature its holder has rewritten", () => {
    test("stays revoked, though its fingerprint is another", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { authority } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const leaf = makeCertificate({ commonNames: ["dev-one"], issuer: authority });
      const other = makeCertificate({ commonNames: ["dev-two"], issuer: authority });
      // A stranger's is taken so: what is refused below is not the rewritten signature.
      expect(await signOn(api, { ...other, der: rewriteSignature(other.der) })).toMatchObject({ device: { deviceName: "dev-two" } });
      await signOn(api, leaf);
      const [certificate] = (await api.listCertificates(owner, { productKey, deviceName: "dev-one" })).certificates;
      await api.revokeCertificate(owner, { productKey, deviceName: "dev-one", fingerprint: certificate?.fingerprint ?? "" });
      await expectRefused(signOn(api, { ...leaf, der: rewriteSignature(leaf.der) }));
      await api.deleteDevice(owner, { productKey, deviceName: "dev-one" });
      await expectRefused(signOn(api, { ...leaf, der: rewriteSignature(leaf.der) }));
      expect(await errorOf(api.getDevice(owner, { productKey, deviceName: "dev-one" }))).toMatchObject({ code: "notFound" });
    });
  });

  describe("a registered authority that begins to count", () => {
    test("is told of in the feed by the product of its template, at its proof and at each change: strangers that were held off may try again", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const changesOf = async (work: () => Promise<unknown>) => {
        const { next } = await api.listChanges(gateway, {});
        await work();
        return (await api.listChanges(gateway, { after: next })).changes.map((change) => change.productKey);
      };
      let authorityId = "";
      const proved = await changesOf(async () => {
        authorityId = (await registerAuthority(api, owner, { mode: "provision", template: { productKey } })).record.authorityId;
      });
      expect(proved).toEqual([productKey]);
      expect(await changesOf(() => api.updateAuthority(owner, { authorityId, status: "inactive" }))).toEqual([productKey]);
      expect(await changesOf(() => api.updateAuthority(owner, { authorityId, status: "active" }))).toEqual([productKey]);
    });
  });

  describe("a registered authority that is deleted", () => {
    async function setUp() {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await makeDevice(api, owner);
      const { authority, record } = await registerAuthority(api, owner, { mode: "provision", template: { productKey } });
      const leaf = makeCertificate({ commonNames: ["dev-one"], issuer: authority, serial: "4a01" });
      const address = { productKey, deviceName: "dev-one" };
      return { api, owner, productKey, authority, authorityId: record.authorityId, leaf, address };
    }

    test("is gone, and another tenant may have it", async () => {
      const { api, owner, authority, authorityId, leaf } = await setUp();
      expect(await errorOf(api.deleteAuthority(makeCaller(), { authorityId }))).toMatchObject({ code: "notFound" });
      expect(await api.deleteAuthority(owner, { authorityId })).toEqual({});
      expect(await errorOf(api.deleteAuthority(owner, { authorityId }))).toMatchObject({ code: "notFound" });
      expect((await api.listAuthorities(owner, {})).authorities.filter(({ kind }) => kind === "foreign")).toEqual([]);
      await expectRefused(signOn(api, leaf));
      await registerAuthority(api, makeCaller(), { authority });
    });

    test("is not while certificates of it work; by force they go with it, gateways hear of it, and the device stays", async () => {
      const { api, owner, productKey, authorityId, leaf, address } = await setUp();
      const { device, credentialId } = await signOn(api, leaf);
      expect(await errorOf(api.deleteAuthority(owner, { authorityId }))).toMatchObject({ code: "failedPrecondition" });
      const { next } = await api.listChanges(gateway, {});
      await api.deleteAuthority(owner, { authorityId, force: true });
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }]);
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      await expectRefused(signOn(api, leaf));
      expect((await api.listCertificates(owner, address)).certificates).toEqual([]);
      expect(await api.getDevice(owner, address)).toMatchObject({ status: "enabled" });
    });

    test("is not while a claim is by one of its certificates, or what was revoked here would be forgotten; what its list says would not", async () => {
      const { api, owner, productKey, authority, authorityId, leaf, address } = await setUp();
      await signOn(api, leaf);
      const { certificates } = await api.listCertificates(owner, address);
      await api.revokeCertificate(owner, { ...address, fingerprint: certificates[0]?.fingerprint ?? "" });
      expect(await errorOf(api.deleteAuthority(owner, { authorityId }))).toMatchObject({ code: "failedPrecondition" });
      await api.deleteAuthority(owner, { authorityId, force: true });

      const again = await registerAuthority(api, owner, { mode: "provision", template: { productKey }, authority });
      const claimed = makeCertificate({ commonNames: ["claim-1"], issuer: authority });
      await api.createClaim(owner, { productKey, name: "line", certificatePem: claimed.pem });
      await api.putRevocationList(owner, {
        authorityId: again.record.authorityId,
        listPem: makeRevocationList(authority, { serials: ["4a02"] }),
      });
      const remove = () => api.deleteAuthority(owner, { authorityId: again.record.authorityId });
      expect(await errorOf(remove())).toMatchObject({ code: "failedPrecondition" });
      await api.updateClaim(owner, { productKey, name: "line", status: "revoked" });
      // A revoked claim is a revocation that must be remembered.
      expect(await errorOf(remove())).toMatchObject({ code: "failedPrecondition" });
      await api.deleteAuthority(owner, { authorityId: again.record.authorityId, force: true });
      expect(await errorOf(api.getClaim(owner, { productKey, name: "line" }))).toMatchObject({ code: "notFound" });
    });
  });
}
