import { type Caller, type DeviceApi, operations, type Role } from "@mooring/contracts";
import { errorOf, makeAuthority, makeCaller, makeSigningRequest } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { type MadeDevice, makeDevice, makeKeyPair, sign } from "./made-device.test-support.ts";

const nowhere = { protocol: "", address: "" };

/** Every operation on an object that exists, as whoever asks. */
function callsOn(api: DeviceApi, made: MadeDevice & { readonly authorityId?: string }) {
  const { productKey, deviceName, certificate, device } = made;
  const address = { productKey, deviceName };
  const { fingerprint } = certificate.certificate;
  const authorityId = made.authorityId ?? "none";
  const calls: Record<string, (caller: Caller) => Promise<unknown>> = {
    "devices.createProduct": (caller) => api.createProduct(caller, { name: "another" }),
    "devices.getProduct": (caller) => api.getProduct(caller, { productKey }),
    "devices.listProducts": (caller) => api.listProducts(caller, {}),
    "devices.updateProduct": (caller) => api.updateProduct(caller, { productKey, name: "x" }),
    "devices.createDevice": (caller) => api.createDevice(caller, { productKey, deviceName: "another" }),
    "devices.getDevice": (caller) => api.getDevice(caller, address),
    "devices.listDevices": (caller) => api.listDevices(caller, { productKey }),
    "devices.setDeviceStatus": (caller) => api.setDeviceStatus(caller, { ...address, status: "disabled" }),
    "devices.setDeviceTags": (caller) => api.setDeviceTags(caller, { ...address, tags: { site: "x" } }),
    "devices.findTags": (caller) => api.findTags(caller, { deviceIds: [device.deviceId] }),
    "devices.addSubDevice": (caller) => api.addSubDevice(caller, { ...address, subDevice: address }),
    "devices.proveSubDevices": (caller) => api.proveSubDevices(caller, { proofs: [sign(address, "")] }),
    "devices.removeSubDevice": (caller) => api.removeSubDevice(caller, { ...address, subDevice: address }),
    "devices.listSubDevices": (caller) => api.listSubDevices(caller, address),
    "devices.findSubDevices": (caller) => api.findSubDevices(caller, { gatewayId: device.deviceId, devices: [address] }),
    "devices.listProductOptions": (caller) => api.listProductOptions(caller, {}),
    "devices.deleteDevice": (caller) => api.deleteDevice(caller, address),
    "devices.issueCertificate": (caller) => api.issueCertificate(caller, { ...address, csrPem: makeSigningRequest().csrPem }),
    "devices.listCertificates": (caller) => api.listCertificates(caller, address),
    "devices.revokeCertificate": (caller) => api.revokeCertificate(caller, { ...address, fingerprint }),
    "devices.setCertificateStatus": (caller) => api.setCertificateStatus(caller, { ...address, fingerprint, status: "inactive" }),
    "devices.issueKeyPair": (caller) => api.issueKeyPair(caller, address),
    "devices.renewCertificate": (caller) => api.renewCertificate(caller, { csrPem: "", fingerprint }),
    "devices.enrollCertificate": (caller) => api.enrollCertificate(caller, { csrPem: "" }),
    "devices.getAuthorityCertificates": (caller) => api.getAuthorityCertificates(caller, {}),
    "devices.registerCertificate": (caller) => api.registerCertificate(caller, { ...address, certificatePem: certificate.certificatePem }),
    "devices.listAuthorities": (caller) => api.listAuthorities(caller, {}),
    "devices.rotateAuthority": (caller) => api.rotateAuthority(caller, {}),
    "devices.revokeAuthority": (caller) => api.revokeAuthority(caller, { authorityId }),
    "devices.takeRootKey": (caller) => api.takeRootKey(caller, {}),
    "devices.registerAuthority": (caller) => api.registerAuthority(caller, { certificatePem: "" }),
    "devices.proveAuthority": (caller) => api.proveAuthority(caller, { authorityId, certificatePem: "" }),
    "devices.updateAuthority": (caller) => api.updateAuthority(caller, { authorityId, status: "inactive" }),
    "devices.deleteAuthority": (caller) => api.deleteAuthority(caller, { authorityId }),
    "devices.putRevocationList": (caller) => api.putRevocationList(caller, { authorityId, listPem: "" }),
    "devices.getRevocationList": (caller) => api.getRevocationList(caller, { authorityId }),
    "devices.answerStatusRequest": (caller) => api.answerStatusRequest(caller, { authorityId, request: Buffer.alloc(0) }),
    "devices.createClaim": (caller) => api.createClaim(caller, { productKey, name: "claim" }),
    "devices.listClaims": (caller) => api.listClaims(caller, { productKey }),
    "devices.getClaim": (caller) => api.getClaim(caller, { productKey, name: "claim" }),
    "devices.updateClaim": (caller) => api.updateClaim(caller, { productKey, name: "claim", status: "inactive" }),
    "devices.listClaimFailures": (caller) => api.listClaimFailures(caller, { productKey, name: "claim" }),
    "devices.authenticateClaim": (caller) => api.authenticateClaim(caller, { certificateDer: Buffer.alloc(0) }),
    "devices.checkClaim": (caller) => api.checkClaim(caller, { claimId: "none" }),
    "devices.createClaimedCertificate": (caller) => api.createClaimedCertificate(caller, { claimId: "none", origin: nowhere }),
    "devices.provisionDevice": (caller) => api.provisionDevice(caller, { claimId: "none", parameters: {}, origin: nowhere }),
    "devices.createDeviceSecret": (caller) => api.createDeviceSecret(caller, address),
    "devices.rotateDeviceSecret": (caller) => api.rotateDeviceSecret(caller, { ...address, overlapSeconds: 60 }),
    "devices.createProductSecret": (caller) => api.createProductSecret(caller, { productKey }),
    "devices.addPublicKey": (caller) => api.addPublicKey(caller, { ...address, publicKeyPem: makeKeyPair().publicKeyPem }),
    "devices.listPublicKeys": (caller) => api.listPublicKeys(caller, address),
    "devices.deletePublicKey": (caller) => api.deletePublicKey(caller, { ...address, keyId: "ab".repeat(32) }),
    "devices.listConnectionFailures": (caller) => api.listConnectionFailures(caller, address),
    "devices.authenticateToken": (caller) => api.authenticateToken(caller, { ...address, clientId: "c", token: "t" }),
    "devices.authenticateJwt": (caller) => api.authenticateJwt(caller, { jwt: "a.b.c" }),
    "devices.findPreSharedKey": (caller) => api.findPreSharedKey(caller, { identity: `${deviceName}&${productKey}` }),
    "devices.registerDevice": (caller) =>
      api.registerDevice(caller, { ...address, way: "register", signMethod: "hmacsha256", random: "1", signature: "ab" }),
    "devices.createDeviceSession": (caller) =>
      api.createDeviceSession(caller, { deviceId: device.deviceId, credentialId: `certificate:${fingerprint}` }),
    "devices.authenticateDeviceSession": (caller) => api.authenticateDeviceSession(caller, { token: "t" }),
    "devices.recordConnectionFailures": (caller) => api.recordConnectionFailures(caller, { failures: [] }),
    "devices.authenticateCertificate": (caller) =>
      api.authenticateCertificate(caller, { certificateDer: derOf(certificate.certificatePem) }),
    "devices.authenticateSecret": (caller) => api.authenticateSecret(caller, sign(address, "")),
    "devices.checkCredential": (caller) =>
      api.checkCredential(caller, { deviceId: device.deviceId, credentialId: `certificate:${fingerprint}` }),
    "devices.listChanges": (caller) => api.listChanges(caller, {}),
  };
  return calls;
}

const roles: readonly Role[] = ["owner", "operator", "backend", "viewer", "device", "service"];
const deviceOperations = Object.entries(operations).filter(([name]) => name.startsWith("devices."));
/** These have no object of the tenant's to miss. */
const withoutObject = [
  "devices.createProduct",
  "devices.listProducts",
  "devices.listAuthorities",
  "devices.rotateAuthority",
  "devices.takeRootKey",
  "devices.registerAuthority",
];

export function describeRights(given: () => Harness): void {
  describe("who may do what", () => {
    test("only the roles the table of operations names may do an operation", async () => {
      const made = await makeDevice(given().api, makeCaller());
      const calls = callsOn(given().api, made);
      expect(Object.keys(calls).sort()).toEqual(deviceOperations.map(([name]) => name).sort());
      for (const [name, allowed] of deviceOperations) {
        for (const role of roles.filter((candidate) => !(allowed as readonly Role[]).includes(candidate))) {
          const error = await errorOf(calls[name]?.(makeCaller(role, made.device.tenantId)) ?? Promise.resolve());
          expect(`${name} by ${role}: ${error.code}`).toBe(`${name} by ${role}: permissionDenied`);
        }
      }
    });

    test("another tenant's product or device is missing, in the same words as one that never was", async () => {
      const { api } = given();
      const owner = makeCaller();
      const made = await makeDevice(api, owner);
      const other = makeCaller();
      const missing = callsOn(api, { ...made, productKey: "nosuch", deviceName: "nosuch" });
      const { authorityId } = await api.registerAuthority(owner, { certificatePem: makeAuthority("Ours").pem });
      for (const [name, call] of Object.entries(callsOn(api, { ...made, authorityId }))) {
        const allowed: readonly Role[] = operations[name as "devices.getDevice"];
        if (!allowed.includes("owner") || withoutObject.includes(name)) continue;
        const error = await errorOf(call(other));
        const nothing = await errorOf(missing[name]?.(other) ?? Promise.resolve());
        expect({ name, code: error.code, message: error.message }).toEqual({ name, code: "notFound", message: nothing.message });
      }
      expect(await api.listProducts(other, {})).toEqual({ products: [] });
      expect(await api.getDevice(owner, made)).toEqual(made.device);
      expect((await api.listCertificates(owner, made)).certificates).toEqual([made.certificate.certificate]);
    });

    test("a caller without a tenant owns nothing", async () => {
      expect(await errorOf(given().api.listProducts(makeCaller("owner", ""), {}))).toMatchObject({ code: "permissionDenied" });
    });
  });
}
