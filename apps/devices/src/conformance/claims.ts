import { createHash, createHmac, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Caller, type CreatedClaim, type DeviceApi, deviceCaller, type ProvisionedDevice } from "@mooring/contracts";
import { errorOf, makeAuthority, makeCaller, makeCertificate, makeSigningRequest, pointersOf, until } from "@mooring/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { derOf, type Harness } from "../harness.test-support.ts";
import { registerAuthority } from "./authorities.ts";
import { expectRefused, gateway, makeDevice, signRegistration } from "./made-device.test-support.ts";

const origin = { protocol: "mqtt-3.1.1", address: "192.0.2.1" };

interface Made extends CreatedClaim {
  readonly api: DeviceApi;
  readonly owner: Caller;
  readonly productKey: string;
  readonly claimId: string;
  provision(serial: string, csrPem?: string, more?: Readonly<Record<string, string>>): Promise<ProvisionedDevice>;
}

type Settings = Partial<Parameters<DeviceApi["createClaim"]>[1]>;

async function makeClaim(api: DeviceApi, settings: Settings = {}, owner = makeCaller()): Promise<Made> {
  const { productKey } = await api.createProduct(owner, { name: "Sensor" });
  const created = await api.createClaim(owner, { productKey, name: "line-4", ...settings });
  const { claimId } = created.claim;
  return {
    ...created,
    ...{ api, owner, productKey, claimId },
    provision: (serial, csrPem = makeSigningRequest().csrPem, more = {}) =>
      api.provisionDevice(gateway, { claimId, csrPem, parameters: { serial, ...more }, origin }),
  };
}

const authenticate = (api: DeviceApi, pem: string) => api.authenticateCertificate(gateway, { certificateDer: derOf(pem) });

export function describeClaims(given: () => Harness): void {
  describe("claims", () => {
    test("a claim's certificate has a device made with a certificate of its own, by the name, tags and validity of claim and product", async () => {
      const { api } = given();
      const made = await makeClaim(api, { namePattern: "s-{serial}.{line}", tags: { site: "berlin" } });
      const { owner, productKey, claimId, privateKeyPem = "" } = made;
      expect(privateKeyPem).toContain("PRIVATE KEY");
      expect(made.claim).toMatchObject({ status: "active", devices: 0, devicesMax: 1_000, allowsNewKeys: false });
      const certificateDer = derOf(made.certificatePem);
      expect(await api.authenticateClaim(gateway, { certificateDer, origin })).toEqual({
        ...{ claimId, tenantId: owner.tenantId, productKey, name: "line-4" },
      });
      expect(await api.checkClaim(gateway, { claimId })).toMatchObject({ claimId });
      const device = await made.provision("A17", undefined, { line: "4" });
      expect(device).toMatchObject({ productKey, deviceName: "s-A17.4" });
      expect(new X509Certificate(device.certificatePem).subject).toContain("CN=s-A17.4");
      expect(device.chainPem.startsWith(device.certificatePem)).toBe(true);
      expect(await authenticate(api, device.certificatePem)).toMatchObject({ device: { productKey, deviceName: "s-A17.4" } });
      expect(await api.getDevice(owner, { productKey, deviceName: "s-A17.4" })).toMatchObject({ tags: { site: "berlin" } });
      expect(await api.getClaim(owner, { productKey, name: "line-4" })).toMatchObject({ devices: 1 });
    });

    test("it is no device's certificate, and cannot become one", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { authority } = await registerAuthority(api, owner, { mode: "known" });
      const leaf = makeCertificate({ commonNames: ["fleet-claim"], issuer: authority });
      const made = await makeClaim(api, { certificatePem: leaf.pem }, owner);
      expect(made.privateKeyPem).toBeUndefined();
      expect(await errorOf(authenticate(api, leaf.pem))).toMatchObject({ code: "failedPrecondition" });
      expect(await api.authenticateClaim(gateway, { certificateDer: leaf.der })).toMatchObject({ claimId: made.claimId });
      const { productKey } = made;
      const { deviceName } = await made.provision("dev-1");
      const register = api.registerCertificate(owner, { productKey, deviceName, certificatePem: leaf.pem });
      expect(await errorOf(register)).toMatchObject({ code: "alreadyExists" });
      const twice = api.createClaim(owner, { productKey, name: "line-5", certificatePem: leaf.pem });
      expect(await errorOf(twice)).toMatchObject({ code: "alreadyExists" });
      const own = await makeDevice(api, owner);
      await expectRefused(api.authenticateClaim(gateway, { certificateDer: derOf(own.certificate.certificatePem) }) as never);
      await expectRefused(api.authenticateClaim(gateway, { certificateDer: makeCertificate({ commonNames: ["x-claim"] }).der }) as never);
    });

    test("the same serial with the same key is the same device with the same certificate; with another key it is refused", async () => {
      const { api } = given();
      const made = await makeClaim(api);
      const { owner, productKey } = made;
      const { csrPem } = makeSigningRequest();
      const all = await Promise.all(Array.from({ length: 6 }, () => made.provision("dev-1", csrPem)));
      expect(new Set(all.map(({ certificatePem }) => certificatePem)).size).toBe(1);
      expect(all[0]?.chainPem).toBe(all[5]?.chainPem);
      expect((await api.listDevices(owner, { productKey })).devices.length).toBe(1);
      expect((await api.getClaim(owner, { productKey, name: "line-4" })).devices).toBe(1);
      expect(await errorOf(made.provision("dev-1"))).toMatchObject({
        code: "alreadyExists",
        message: expect.stringContaining("another key"),
      });
      expect(await authenticate(api, all[0]?.certificatePem ?? "")).toBeDefined();
      await api.updateClaim(owner, { productKey, name: "line-4", allowsNewKeys: true });
      const { next } = await api.listChanges(gateway, {});
      const renewed = await made.provision("dev-1");
      await expectRefused(authenticate(api, all[0]?.certificatePem ?? ""));
      const { device, credentialId } = await authenticate(api, renewed.certificatePem);
      expect(device).toMatchObject({ deviceName: "dev-1" });
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }]);
      const { certificates } = await api.listCertificates(owner, { productKey, deviceName: "dev-1" });
      expect(certificates.map(({ status, revocationReason }) => revocationReason ?? status).sort()).toEqual(["active", "superseded"]);
      // What it renews itself is of the same origin.
      const fingerprint = credentialId.slice("certificate:".length);
      await api.renewCertificate(deviceCaller(device), { csrPem: makeSigningRequest().csrPem, fingerprint });
      expect(await made.provision("dev-1")).toMatchObject({ deviceName: "dev-1" });
    });

    test("a device of another origin is not taken over; one that was created and has nothing yet is the claim's to provision", async () => {
      const { api } = given();
      const made = await makeClaim(api, { allowsNewKeys: true });
      const { owner, productKey } = made;
      for (const deviceName of ["bare-1", "given-1", "given-2"]) await api.createDevice(owner, { productKey, deviceName });
      await api.issueCertificate(owner, { productKey, deviceName: "given-1", csrPem: makeSigningRequest().csrPem });
      await api.updateProduct(owner, { productKey, secretAuthentication: true });
      await api.createDeviceSecret(owner, { productKey, deviceName: "given-2" });
      // One that fetched its secret, and has not signed on with it yet.
      await api.updateProduct(owner, { productKey, registration: "known" });
      const { secret } = await api.createProductSecret(owner, { productKey });
      await api.createDevice(owner, { productKey, deviceName: "given-3" });
      await api.registerDevice(gateway, signRegistration({ productKey, deviceName: "given-3" }, "register", secret));
      for (const serial of ["given-1", "given-2", "given-3"])
        expect(await errorOf(made.provision(serial))).toMatchObject({ code: "alreadyExists" });
      expect(await made.provision("bare-1")).toMatchObject({ deviceName: "bare-1" });
      // By hand it got another certificate: from now on it is no claim's any more.
      await api.issueCertificate(owner, { productKey, deviceName: "bare-1", csrPem: makeSigningRequest().csrPem });
      expect(await errorOf(made.provision("bare-1"))).toMatchObject({ code: "alreadyExists" });
      await api.createDevice(owner, { productKey, deviceName: "off-1" });
      await api.setDeviceStatus(owner, { productKey, deviceName: "off-1", status: "disabled" });
      expect(await errorOf(made.provision("off-1"))).toMatchObject({ code: "permissionDenied" });
    });

    test("a claim makes as many devices as it may, whoever comes at once, and none once it is inactive, revoked or over", async () => {
      const { api, advance } = given();
      const made = await makeClaim(api, { devicesMax: 3, validityDays: 10 });
      const { owner, productKey, claimId } = made;
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => made.provision(`dev-${index}`)));
      expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(3);
      expect((await api.listDevices(owner, { productKey })).devices.length).toBe(3);
      expect(await errorOf(made.provision("dev-9"))).toMatchObject({ code: "quotaExceeded" });
      const set = (status: string) => api.updateClaim(owner, { productKey, name: "line-4", status });
      const { next } = await api.listChanges(gateway, {});
      await api.updateClaim(owner, { productKey, name: "line-4", devicesMax: 4 });
      await set("inactive");
      expect((await api.listChanges(gateway, { after: next })).changes).toMatchObject([{ productKey }, { productKey }]);
      const certificateDer = derOf(made.certificatePem);
      const refusedNow = async (): Promise<void> => {
        await expectRefused(api.authenticateClaim(gateway, { certificateDer, origin }) as never);
        await expectRefused(api.checkClaim(gateway, { claimId }) as never);
        await expectRefused(made.provision("dev-9") as never);
      };
      await refusedNow();
      await set("active");
      await made.provision("dev-9");
      await set("revoked");
      await refusedNow();
      expect(await errorOf(set("active"))).toMatchObject({ code: "failedPrecondition" });
      await until("the failures", async () => {
        const { failures } = await api.listClaimFailures(owner, { productKey, name: "line-4" });
        return ["claim-limit", "claim-inactive", "claim-revoked"].every((word) => failures.some(({ reason }) => reason === word));
      });
      const short = await makeClaim(api, { validityDays: 1 });
      advance(2 * 86_400_000);
      await expectRefused(short.provision("dev-1") as never);
    });

    test("AWS's way: the certificate first, for a key of the device's or with one, then the device; the token is the claim's, for an hour", async () => {
      const { api, advance } = given();
      const made = await makeClaim(api);
      const { claimId, productKey } = made;
      const { csrPem } = makeSigningRequest();
      const first = await api.createClaimedCertificate(gateway, { claimId, csrPem, origin });
      expect(first.privateKeyPem).toBeUndefined();
      expect(first.certificateId).toBe(createHash("sha256").update(derOf(first.certificatePem)).digest("hex"));
      await expectRefused(authenticate(api, first.certificatePem));
      const provision = (ownershipToken: string, parameters: Readonly<Record<string, string>>, id = claimId) =>
        api.provisionDevice(gateway, { claimId: id, ownershipToken, parameters, origin });
      const device = await provision(first.ownershipToken, { SerialNumber: "aws-1" });
      expect(device).toMatchObject({ productKey, deviceName: "aws-1" });
      expect(await authenticate(api, first.certificatePem)).toMatchObject({ device: { deviceName: "aws-1" } });
      expect(await provision(first.ownershipToken, { SerialNumber: "aws-1" })).toMatchObject({ deviceName: "aws-1" });
      expect(await errorOf(provision(first.ownershipToken, { SerialNumber: "aws-2" }))).toMatchObject({ code: "alreadyExists" });
      expect(await errorOf(api.getDevice(made.owner, { productKey, deviceName: "aws-2" }))).toMatchObject({ code: "notFound" });
      const again = await api.createClaimedCertificate(gateway, { claimId, csrPem, origin });
      await provision(again.ownershipToken, { SerialNumber: "aws-1" });
      for (const { certificatePem } of [first, again]) expect(await authenticate(api, certificatePem)).toBeDefined();
      const withKey = await api.createClaimedCertificate(gateway, { claimId, origin });
      expect(withKey.privateKeyPem).toContain("PRIVATE KEY");
      const other = await makeClaim(api);
      for (const [token, id] of [
        [withKey.ownershipToken, other.claimId],
        [withKey.ownershipToken.slice(0, -4), claimId],
        ["x", claimId],
      ] as const)
        expect(pointersOf(await errorOf(provision(token, { SerialNumber: "aws-3" }, id)))).toEqual(["/ownershipToken"]);
      advance(3_700_000);
      expect(pointersOf(await errorOf(provision(withKey.ownershipToken, { SerialNumber: "aws-3" })))).toEqual(["/ownershipToken"]);
    });

    test("what is wrong is named: of claims, and of what devices send", async () => {
      const { api } = given();
      const made = await makeClaim(api, { namePattern: "{serial}-{line}" });
      const { owner, productKey, claimId } = made;
      const create = async (request: object) =>
        pointersOf(await errorOf(api.createClaim(owner, { productKey, name: "other", ...request })));
      expect(await create({ name: "x" })).toEqual(["/name"]);
      expect(await create({ namePattern: "always" })).toEqual(["/namePattern"]);
      expect(await create({ namePattern: "{serial}/x" })).toEqual(["/namePattern"]);
      expect(await create({ devicesMax: -1 })).toEqual(["/devicesMax"]);
      expect(await create({ validityDays: 0 })).toEqual(["/validityDays"]);
      expect(await create({ tags: { "": "x" } })).toEqual(["/tags/"]);
      for (const hookUrl of ["ftp://x", "x", "https://user:pw@hook.example/"]) expect(await create({ hookUrl })).toEqual(["/hookUrl"]);
      expect(await create({ csrPem: "x" })).toEqual(["/csrPem"]);
      expect(await create({ certificatePem: makeAuthority("Other").pem })).toEqual(["/certificatePem"]);
      expect(await errorOf(api.createClaim(owner, { productKey, name: "line-4" }))).toMatchObject({ code: "alreadyExists" });
      expect(await errorOf(api.createClaim(owner, { productKey: "nosuch", name: "line-4" }))).toMatchObject({ code: "notFound" });
      for (const caller of [makeCaller(), { ...makeCaller(), tenantId: owner.tenantId, role: "backend" as const }])
        expect(["notFound", "permissionDenied"]).toContain((await errorOf(api.createClaim(caller, { productKey, name: "x-claim" }))).code);
      expect(await errorOf(api.getClaim(makeCaller(), { productKey, name: "line-4" }))).toMatchObject({ code: "notFound" });
      const { csrPem } = makeSigningRequest();
      const ask = async (request: object) =>
        pointersOf(
          await errorOf(api.provisionDevice(gateway, { claimId, csrPem, parameters: { serial: "dev-1", line: "4" }, origin, ...request })),
        );
      expect(await ask({ csrPem: "x" })).toEqual(["/csrPem"]);
      expect(await ask({ csrPem: undefined })).toEqual(["/csrPem"]);
      expect(await ask({ parameters: {} })).toEqual(["/parameters/serial"]);
      expect(await ask({ parameters: { serial: "dev-1" } })).toEqual(["/parameters/line"]);
      expect(await ask({ parameters: { serial: "a/b", line: "4" } })).toEqual(["/parameters"]);
      expect(await ask({ parameters: { serial: "a".repeat(300), line: "4" } })).toEqual(["/parameters/serial"]);
      expect((await api.listDevices(owner, { productKey })).devices).toEqual([]);
      await expectRefused(api.checkClaim(gateway, { claimId: "none" }) as never);
    });

    test("the hook is asked, signed, and may refuse, or choose name and tags; without its yes nothing is made", async () => {
      const { api } = given();
      const hook = await startHook();
      const made = await makeClaim(api, { hookUrl: hook.url, tags: { site: "berlin" } });
      const { owner, productKey, hookSecret = "", claim } = made;
      expect(claim.hookUrl).toBe(hook.url);
      const { csrPem } = makeSigningRequest();
      hook.answer = { allowProvisioning: true, deviceName: "chosen-1", tags: { line: "4" } };
      const device = await made.provision("dev-1", csrPem);
      expect(device.deviceName).toBe("chosen-1");
      expect(await authenticate(api, device.certificatePem)).toMatchObject({ device: { deviceName: "chosen-1" } });
      expect((await api.getDevice(owner, { productKey, deviceName: "chosen-1" })).tags).toEqual({ site: "berlin", line: "4" });
      const publicKey = new X509Certificate(device.certificatePem).publicKey.export({ type: "spki", format: "der" });
      expect(JSON.parse(hook.asked[0]?.text ?? "")).toEqual({
        ...{ claim: "line-4", productKey, serial: "dev-1", deviceName: "dev-1", parameters: { serial: "dev-1" } },
        ...{ publicKey: createHash("sha256").update(publicKey).digest("hex"), address: "192.0.2.1" },
      });
      expect(hook.isSignedWith(hookSecret)).toBe(true);
      hook.answer = { allowProvisioning: false, reason: "not on the list" };
      expect(await errorOf(made.provision("dev-2"))).toMatchObject({
        ...{ code: "permissionDenied", message: "the provisioning hook refused: not on the list" },
      });
      for (const answer of [
        {},
        [],
        { allowProvisioning: "true" },
        { allowProvisioning: true, deviceName: "a/b" },
        { allowProvisioning: true, tags: 1 },
      ]) {
        hook.answer = answer;
        expect(await errorOf(made.provision("dev-2"))).toMatchObject({
          code: "unavailable",
          message: expect.stringContaining("hook answered"),
        });
      }
      hook.status = 500;
      hook.answer = { allowProvisioning: true };
      expect(await errorOf(made.provision("dev-2"))).toMatchObject({ code: "unavailable", message: "the provisioning hook answered 500" });
      hook.status = 200;
      hook.stop();
      expect(await errorOf(made.provision("dev-2"))).toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("could not be reached"),
      });
      const update = (hookUrl: string) => api.updateClaim(owner, { productKey, name: "line-4", hookUrl });
      expect((await update("http://10.0.0.1/")).hookSecret).not.toBe(hookSecret);
      expect(await errorOf(made.provision("dev-2"))).toMatchObject({ code: "unavailable", message: expect.stringContaining("not public") });
      expect((await api.listDevices(owner, { productKey })).devices.length).toBe(1);
      await until("the failures", async () => {
        const { failures } = await api.listClaimFailures(owner, { productKey, name: "line-4" });
        return ["hook-refused", "hook-unavailable"].every((word) =>
          failures.some(({ reason, serial }) => reason === word && serial === "dev-2"),
        );
      });
      const { claim: bare, hookSecret: none } = await update("");
      expect([bare.hookUrl, none]).toEqual([undefined, undefined]);
      expect(await made.provision("dev-2")).toMatchObject({ deviceName: "dev-2" });
      const text = await given().metrics.text();
      expect(text).toMatch(/mooring_claim_provisionings_total\{outcome="hook-refused"\} [1-9]/);
    });

    test("what takes the claim away while the hook thinks counts: no device is made", async () => {
      const { api, stores, database } = given();
      const hook = await startHook();
      hook.answer = { allowProvisioning: true };
      const { owner, productKey, provision } = await makeClaim(api, { hookUrl: hook.url });
      const suspended = (await database.prisma.suspendedTenant.findMany()).map(({ tenantId }) => tenantId);
      hook.onAsked = () => stores.suspensions.replace([...suspended, owner.tenantId]);
      expect(await errorOf(provision("dev-1"))).toMatchObject({ code: "permissionDenied", message: "the tenant is suspended" });
      hook.onAsked = () => stores.suspensions.replace(suspended);
      expect(await errorOf(provision("dev-1"))).toMatchObject({ code: "permissionDenied" });
      await stores.suspensions.replace(suspended);
      expect((await api.listDevices(owner, { productKey })).devices).toEqual([]);
      hook.onAsked = async () => void (await api.updateClaim(owner, { productKey, name: "line-4", status: "inactive" }));
      expect(await errorOf(provision("dev-1"))).toMatchObject({ code: "unauthenticated" });
      expect((await api.listDevices(owner, { productKey })).devices).toEqual([]);
    });

    test("two devices that ask for one name at the same moment, by two claims: one gets it, the other is told", async () => {
      const { api } = given();
      const { owner, productKey, claimId } = await makeClaim(api);
      const other = await api.createClaim(owner, { productKey, name: "line-5" });
      const ask = (id: string, serial: string) =>
        api.provisionDevice(gateway, { claimId: id, csrPem: makeSigningRequest().csrPem, parameters: { serial }, origin });
      for (let round = 0; round < 5; round++) {
        const asked = [claimId, other.claim.claimId, claimId].map((id) => ask(id, `race-${round}`));
        const outcomes = await Promise.allSettled(asked);
        expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
        const codes = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [(outcome.reason as { code?: string }).code] : []));
        expect(codes).toEqual(["alreadyExists", "alreadyExists"]);
        const { certificates } = await api.listCertificates(owner, { productKey, deviceName: `race-${round}` });
        expect(certificates.length).toBe(1);
      }
      const counts = await Promise.all(["line-4", "line-5"].map(async (name) => (await api.getClaim(owner, { productKey, name })).devices));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5);
    });
  });
}

/** A tenant's hook: a real HTTP server. */
async function startHook() {
  const asked: { readonly text: string; readonly headers: Readonly<Record<string, unknown>> }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    asked.push({ text: Buffer.concat(chunks).toString(), headers: request.headers });
    await hook.onAsked();
    response.writeHead(hook.status, { "content-type": "application/json" }).end(JSON.stringify(hook.answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  const hook = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    asked,
    status: 200,
    answer: {} as unknown,
    /** Happens before it answers. */
    onAsked: async (): Promise<void> => undefined,
    isSignedWith: (secret: string): boolean =>
      asked.every(({ text, headers }) => {
        const signed = `${headers["mooring-webhook-id"]}.${headers["mooring-webhook-timestamp"]}.${text}`;
        return headers["mooring-webhook-signature"] === `v1=${createHmac("sha256", secret).update(signed).digest("hex")}`;
      }),
    stop,
  };
  return hook;
}
