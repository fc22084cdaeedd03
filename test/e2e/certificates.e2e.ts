// The life of a certificate as clients that nobody here wrote see it: openssl, curl, mosquitto.
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { publish, request } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = reportOf({ Temperature: 21 });

async function openssl(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return run(await clientOf("openssl"), args);
}

const fingerprintOf = ({ certFile }: TestDevice): string =>
  new X509Certificate(readFileSync(certFile)).fingerprint256.replaceAll(":", "").toLowerCase();

/** The tenant's issuing authority: its place on the web, and files of it and its root. */
async function authorityFiles(folder: string): Promise<{ base: string; issuerFile: string; rootFile: string }> {
  const answer = await platform.api("/v1/authorities");
  const listed = (answer.body as JsonObject)["authorities"] as readonly JsonObject[];
  const own = listed.find(({ kind, status }) => kind === "own" && status === "active") ?? {};
  const [issuerFile, rootFile] = [join(folder, "issuer.pem"), join(folder, "root.pem")];
  writeFileSync(issuerFile, String(own["certificatePem"]));
  writeFileSync(rootFile, String(own["rootPem"]));
  return { base: `${platform.rest}/v1/pki/${own["authorityId"]}`, issuerFile, rootFile };
}

/** An EC key in a file, and a request for it in another. */
async function newRequest(folder: string, form = "PEM"): Promise<{ csrFile: string; keyFile: string }> {
  const [csrFile, keyFile] = [join(folder, "new.csr"), join(folder, "new.key")];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  expect((await openssl("req", "-new", ...key, "-subj", "/CN=whatever", "-outform", form, "-out", csrFile)).code).toBe(0);
  return { csrFile, keyFile };
}

describe("the life of a certificate", () => {
  test("a revoked certificate is on the list that openssl verifies, and openssl ocsp hears of it, by POST and by GET", async () => {
    const folder = tempFolder("pki");
    const device = await createDevice(platform);
    const { base, issuerFile, rootFile } = await authorityFiles(folder);
    const ask = ["ocsp", "-issuer", issuerFile, "-cert", device.certFile, "-CAfile", rootFile];
    const before = await openssl(...ask, "-url", `${base}/ocsp`);
    expect(before.stderr).toContain("Response verify OK");
    expect(before.stdout).toContain(": good");

    const revoked = await platform.api(`${device.path}/certificates/${fingerprintOf(device)}/revoke`, {
      method: "POST",
      body: { reason: "keyCompromise" },
    });
    expect(revoked.status).toBe(200);
    const after = await openssl(...ask, "-url", `${base}/ocsp`);
    expect(after.stdout).toMatch(/: revoked\s+This Update[\s\S]*Reason: keyCompromise/);

    const requestFile = join(folder, "q.der");
    await openssl("ocsp", "-issuer", issuerFile, "-cert", device.certFile, "-no_nonce", "-reqout", requestFile);
    const answer = await fetch(`${base}/ocsp/${encodeURIComponent(readFileSync(requestFile).toString("base64"))}`);
    expect(answer.headers.get("content-type")).toBe("application/ocsp-response");
    const answerFile = join(folder, "a.der");
    writeFileSync(answerFile, Buffer.from(await answer.arrayBuffer()));
    const read = await openssl(...ask, "-no_nonce", "-respin", answerFile);
    expect(read.stdout).toContain(": revoked");

    // A list may be some seconds old.
    const listFile = join(folder, "crl.der");
    const serial = new X509Certificate(readFileSync(device.certFile)).serialNumber;
    await expect
      .poll(
        async () => {
          writeFileSync(listFile, Buffer.from(await (await fetch(`${base}/crl`)).arrayBuffer()));
          return (await openssl("crl", "-inform", "DER", "-in", listFile, "-noout", "-text")).stdout;
        },
        { timeout: 15_000, interval: 500 },
      )
      .toContain(serial);
    const verified = await openssl("crl", "-inform", "DER", "-in", listFile, "-noout", "-verify", "-CAfile", issuerFile);
    expect(verified.stderr).toContain("verify OK");
  });

  test("what is no OCSP request, or about no authority, is said so without a key", async () => {
    const { base } = await authorityFiles(tempFolder("pki"));
    const headers = { "content-type": "application/ocsp-request" };
    const answer = await fetch(`${base}/ocsp`, { method: "POST", headers, body: "GET me" });
    expect([answer.status, Buffer.from(await answer.arrayBuffer()).toString("hex")]).toEqual([200, "30030a0101"]);
    expect((await fetch(`${base}/ocsp/$$$`)).status).toBe(400);
    expect((await fetch(`${platform.rest}/v1/pki/00000000-0000-4000-8000-000000000000/crl`)).status).toBe(404);
    expect((await fetch(`${platform.rest}/v1/pki/nothing/crl`)).status).toBe(400);
  });

  test("a device renews its certificate over MQTT, and the old and the new one both work", async () => {
    const folder = tempFolder("pki");
    const device = await createDevice(platform);
    const { csrFile, keyFile } = await newRequest(folder);
    const exchange = { to: device.topic("certificateRenew"), from: device.topic("certificateRenewReply") };
    const { stdout, stderr } = await request(device, exchange, JSON.stringify({ csr: readFileSync(csrFile, "utf8") }));
    expect(stderr).toBe("");
    const reply = JSON.parse(stdout) as Record<string, string>;
    expect(Date.parse(reply["activateBefore"] ?? "")).toBeGreaterThan(Date.now() + 6 * 86_400_000);
    const certFile = join(folder, "new.pem");
    writeFileSync(certFile, reply["chainPem"] ?? "");
    const renewed = { ...device, certFile, keyFile };
    expect(new X509Certificate(readFileSync(certFile)).subject).toContain(`CN=${device.deviceName}`);
    for (const one of [device, renewed]) expect((await publish(one, device.topic("propertyPost"), report)).code).toBe(0);
    const refused = await request(device, exchange, JSON.stringify({ csr: "nothing" }));
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 400, message: expect.stringContaining("/csr") });
  });

  test("curl and openssl enroll by EST: cacerts, simplereenroll, and the certificate works (RFC 7030)", async () => {
    const folder = tempFolder("pki");
    const device = await createDevice(platform);
    const { csrFile, keyFile } = await newRequest(folder, "DER");
    const est = async (operation: string, args: readonly string[]): Promise<string> => {
      const tls = ["--cacert", platform.caFile, "--cert", device.certFile, "--key", device.keyFile];
      const { stdout } = await run(await clientOf("curl"), [
        "-sS",
        "-f",
        ...tls,
        ...args,
        `${platform.https}/.well-known/est/${operation}`,
      ]);
      const file = join(folder, `${operation}.p7`);
      writeFileSync(file, Buffer.from(stdout, "base64"));
      const { stdout: pem } = await openssl("pkcs7", "-inform", "DER", "-in", file, "-print_certs");
      return pem;
    };
    const authorities = await est("cacerts", []);
    expect(authorities.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThanOrEqual(2);
    const body = join(folder, "new.b64");
    writeFileSync(body, readFileSync(csrFile).toString("base64"));
    const pem = await est("simplereenroll", ["-H", "content-type: application/pkcs10", "--data-binary", `@${body}`]);
    const certFile = join(folder, "est.pem");
    writeFileSync(certFile, pem + authorities);
    const rootFile = join(folder, "cas.pem");
    writeFileSync(rootFile, authorities);
    expect((await openssl("verify", "-CAfile", rootFile, "-purpose", "sslclient", certFile)).stdout).toContain("OK");
    writeFileSync(certFile, pem);
    expect((await publish({ ...device, certFile, keyFile }, device.topic("propertyPost"), report)).code).toBe(0);
  });

  test("a factory's own authority is registered with openssl, and its device is made when it first connects", async () => {
    const folder = tempFolder("pki");
    const { productKey } = await createDevice(platform);
    const [caFile, caKey, proofFile] = [join(folder, "ca.pem"), join(folder, "ca.key"), join(folder, "proof.pem")];
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl("req", "-x509", ...ec, "-keyout", caKey, "-subj", "/CN=Factory", "-days", "30", "-out", caFile);
    const body = { certificatePem: readFileSync(caFile, "utf8"), mode: "provision", template: { productKey, namePattern: "f-{cn}" } };
    const pending = await platform.api("/v1/authorities", { method: "POST", body });
    expect(pending).toMatchObject({ status: 201, body: { status: "pending" } });
    const { authorityId, nonce } = pending.body as Record<string, string>;
    const sign = async (subject: string, certFile: string): Promise<void> => {
      const csrFile = join(folder, "x.csr");
      await openssl("req", "-new", ...ec, "-keyout", `${certFile}.key`, "-subj", subject, "-out", csrFile);
      await openssl("x509", "-req", "-in", csrFile, "-CA", caFile, "-CAkey", caKey, "-days", "5", "-out", certFile);
    };
    await sign(`/CN=${nonce}`, proofFile);
    const proof = { method: "POST", body: { certificatePem: readFileSync(proofFile, "utf8") } };
    expect(await platform.api(`/v1/authorities/${authorityId}/prove`, proof)).toMatchObject({ status: 200, body: { status: "active" } });
    const certFile = join(folder, "device.pem");
    await sign("/CN=A1", certFile);
    const base = await createDevice(platform);
    const device = { ...base, productKey, deviceName: "f-A1", certFile, keyFile: `${certFile}.key` };
    const topic = `/sys/${productKey}/f-A1/thing/event/property/post`;
    expect((await publish(device, topic, report)).code).toBe(0);
    expect(await platform.api(`/v1/products/${productKey}/devices/f-A1`)).toMatchObject({ status: 200 });
    await platform.api(`/v1/authorities/${authorityId}`, { method: "PATCH", body: { status: "inactive" } });
    expect((await publish(device, topic, report)).code).not.toBe(0);
  });

  test("a key made for a device is a PKCS #12 file that curl takes as it is", async () => {
    const device = await createDevice(platform);
    const answer = await platform.api(`${device.path}/certificates/with-key`, { method: "POST", body: { password: "a long one" } });
    expect(answer.status).toBe(201);
    const file = join(tempFolder("pki"), "device.p12");
    writeFileSync(file, Buffer.from((answer.body as Record<string, string>)["pkcs12Base64"] ?? "", "base64"));
    const tls = ["--cacert", platform.caFile, "--cert-type", "P12", "--cert", `${file}:a long one`];
    const url = `${platform.https}/sys/${device.productKey}/${device.deviceName}/shadow`;
    const { stdout } = await run(await clientOf("curl"), ["-sS", "-o", "/dev/null", "-w", "%{http_code}", ...tls, url]);
    expect(stdout).toBe("200");
  });
});
