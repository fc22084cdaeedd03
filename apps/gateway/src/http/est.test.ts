import { ecKey, tlv } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Harness, productKey, startHarness, type TestCredential } from "../harness.test-support.ts";
import { ask, type HttpAnswer } from "../http-client.test-support.ts";

let harness: Harness;
let credential: TestCredential;
let fingerprint: string;

beforeEach(async () => {
  harness = await startHarness();
  credential = await harness.credential("dev-1");
  fingerprint = [...harness.devices.identities.keys()].join("").slice("certificate:".length);
});
afterEach(() => harness.stop());

/** A DER Name; the types by the content octets of their OIDs. */
const nameOf = (attributes: readonly (readonly [string, string])[]): Buffer =>
  tlv(0x30, ...attributes.map(([id, value]) => tlv(0x31, tlv(0x30, tlv(0x06, Buffer.from(id, "hex")), tlv(0x0c, Buffer.from(value))))));

/** A request with this subject, in base64: what stands in its signature the services look at, not the gateway. */
function bodyOf(name: Buffer): string {
  const { publicKey } = ecKey();
  const info = tlv(0x30, Buffer.of(2, 1, 0), name, publicKey.export({ type: "spki", format: "der" }), tlv(0xa0));
  const algorithm = Buffer.from("300a06082a8648ce3d040302", "hex");
  return tlv(0x30, info, algorithm, tlv(0x03, Buffer.of(0, 1, 2, 3))).toString("base64");
}

const est = (operation: string, body = "", headers = {}, method = "POST"): Promise<HttpAnswer> =>
  ask(harness.gateway.addresses.https, credential, { method, path: `/.well-known/est/${operation}`, body, headers });
const pkcs10 = { "content-type": "application/pkcs10" };

describe("EST (RFC 7030)", () => {
  test.each([
    ["simpleenroll", true],
    ["simplereenroll", false],
  ])("%s asks for the key in the body, for the certificate that was shown (keeps it: %s)", async (operation, keepsOld) => {
    const answer = await est(operation, "MIIB\r\nAAAA\r\n", { ...pkcs10, "content-transfer-encoding": "base64" });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-type": "application/pkcs7-mime; smime-type=certs-only",
      "content-transfer-encoding": "base64",
    });
    const csrPem = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAAAA\n-----END CERTIFICATE REQUEST-----\n";
    expect(harness.devices.renewals).toEqual([{ csrPem, fingerprint, keepsOld }]);
  });

  test("what is no request in base64, of another type, by another method, or no operation is refused, and nothing is asked for", async () => {
    expect((await est("simpleenroll", "not base64!", pkcs10)).status).toBe(400);
    expect((await est("simpleenroll", "", pkcs10)).status).toBe(400);
    expect((await est("simpleenroll", "A".repeat(40_000), pkcs10)).status).toBe(400);
    expect((await est("simpleenroll", "MIIB", { "content-type": "text/plain" })).status).toBe(415);
    expect((await est("simpleenroll", "", {}, "GET")).status).toBe(405);
    expect((await est("cacerts", "", {}, "POST")).status).toBe(405);
    expect((await est("serverkeygen", "MIIB", pkcs10)).status).toBe(404);
    expect(harness.devices.renewals).toEqual([]);
  });

  test("cacerts is for everybody: of the product in the path, of who shows a certificate, or of the host name that was said", async () => {
    const { ca } = credential;
    const get = (by: Parameters<typeof ask>[1], operation: string): Promise<HttpAnswer> =>
      ask(harness.gateway.addresses.https, by, { method: "GET", path: `/.well-known/est/${operation}` });
    for (const answer of [await get({ ca }, "cacerts"), await get({ ca }, `${productKey}/cacerts`), await get(credential, "cacerts")]) {
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toBe("application/pkcs7-mime; smime-type=certs-only");
    }
    expect(harness.devices.askedAuthorities).toEqual([{}, { productKey }, { productKey }]);
    expect((await get({ ca }, "nobodys00/cacerts")).status).toBe(404);
    expect((await get({ ca }, "a/b/cacerts")).status).toBe(404);
  });

  describe("simpleenroll as the first thing a device does", () => {
    const enroll = (by: Parameters<typeof ask>[1], headers: Record<string, string> = {}, path = "simpleenroll", body = "MIIB") =>
      ask(harness.gateway.addresses.https, by, { path: `/.well-known/est/${path}`, body, headers: { ...pkcs10, ...headers } });
    const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` });

    test("who shows nothing is told how to say who it is (RFC 7030 §3.2.3)", async () => {
      const answer = await enroll({ ca: credential.ca });
      expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, 'Basic realm="est", charset="UTF-8"']);
    });

    test("a device with a secret says its name and its secret, and gets its first certificate, which is renewed by being shown", async () => {
      harness.devices.secrets.set("dev:2", "5ec2e7");
      const own = basic(`dev:2&${productKey}`, "5ec2e7");
      const answer = await enroll({ ca: credential.ca }, own);
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty("www-authenticate");
      expect((await enroll({ ca: credential.ca }, own, `${productKey}/simpleenroll`)).status).toBe(200);
      expect(harness.devices.enrollments).toMatchObject([{ deviceName: "dev:2" }, { deviceName: "dev:2" }]);
      expect((await enroll({ ca: credential.ca }, own, "simplereenroll")).status).toBe(403);
      expect((await enroll({ ca: credential.ca }, own, "another00/simpleenroll")).status).toBe(403);
    });

    test("a wrong secret, a name of another form and another scheme are refused, and after some failures nothing is looked at", async () => {
      harness.devices.secrets.set("dev-2", "5ec2e7");
      for (const headers of [
        { authorization: "Bearer x" },
        { authorization: "Basic ***" },
        basic("dev-2", "5ec2e7"),
        basic(`dev-2&${productKey}`, ""),
      ])
        expect((await enroll({ ca: credential.ca }, headers)).status).toBe(401);
      const statuses: number[] = [];
      for (let i = 0; i < 7; i++) statuses.push((await enroll({ ca: credential.ca }, basic(`dev-2&${productKey}`, "wrong"))).status);
      expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
      expect(statuses.at(-1)).toBe(429);
      expect(harness.devices.enrollments).toEqual([]);
    });

    test("a claim provisions the device that the request's subject names: by its serialNumber, else by its common name", async () => {
      const claimed = await harness.credential("claim-1");
      const [id = ""] = [...harness.devices.identities.keys()].slice(-1);
      harness.devices.claims.set(id, { claimId: "c1", tenantId: claimed.device.tenantId, productKey, name: "line" });
      harness.devices.provisionedPem = harness.devices.authorityPem;
      const request = (...attributes: [string, string][]) => bodyOf(nameOf(attributes));
      const both = request(["550403", "some-name"], ["550405", "SN-7"]);
      const answer = await enroll(claimed, {}, "simpleenroll", both);
      expect([answer.status, answer.headers["connection"]]).toEqual([200, "close"]);
      expect((await enroll(claimed, {}, `${productKey}/simpleenroll`, request(["550403", "A17"]))).status).toBe(200);
      expect(harness.devices.provisionings).toMatchObject([{ parameters: { serial: "SN-7" } }, { parameters: { serial: "A17" } }]);
      const nameless = await enroll(claimed, {}, "simpleenroll", request());
      expect([nameless.status, nameless.text]).toEqual([400, expect.stringContaining("serialNumber")]);
      expect((await enroll(claimed, {}, "simpleenroll", "MIIB")).status).toBe(400);
      expect((await enroll(claimed, {}, "simplereenroll", both)).status).toBe(403);
      expect((await enroll(claimed, {}, "another00/simpleenroll", both)).status).toBe(403);
      expect(harness.devices.provisionings).toHaveLength(2);
    });
  });

  test("a certificate that nobody knows enrolls nothing", async () => {
    harness.devices.identities.clear();
    expect((await est("simpleenroll", "MIIB", pkcs10)).status).toBe(401);
    expect((await est("cacerts", "", {}, "GET")).status).toBe(401);
    expect(harness.devices.renewals).toEqual([]);
  });
});

describe("renewal by the topic's path", () => {
  const renew = (name: string, body: object | string) =>
    ask(harness.gateway.addresses.https, credential, { path: `/ext/cert/${productKey}/${name}/renew`, body });

  test("the reply has the certificate, its chain, its end, and until when the old one works", async () => {
    const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
    const { status, json } = await renew("dev-1", { csr });
    expect(status).toBe(200);
    expect(json).toEqual({
      certificatePem: harness.devices.authorityPem,
      chainPem: "CHAIN",
      notAfter: "1970-01-02T00:00:00.000Z",
      activateBefore: "1970-01-01T01:00:00.000Z",
    });
    expect(harness.devices.renewals).toEqual([{ csrPem: csr, fingerprint }]);
  });

  test.each([
    ["no JSON", "{"],
    ["no csr", {}],
    ["a csr that is no text", { csr: 7 }],
    ["a csr that is none", { csr: "x" }],
  ])("%s is refused with the field", async (_, body) => {
    const { status, json } = await renew("dev-1", body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 400, message: expect.stringMatching(/csr|JSON/) });
    expect(harness.devices.renewals).toEqual([]);
  });

  test("another device's certificate is not renewed", async () => {
    expect((await renew("dev-2", { csr: "-----BEGIN CERTIFICATE REQUEST-----" })).status).toBe(403);
    expect(harness.devices.renewals).toEqual([]);
  });
});
