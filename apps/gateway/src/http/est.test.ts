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
