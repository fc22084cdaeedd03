// A device's first certificate by EST (RFC 7030), as curl and openssl do it: with a claim's certificate, and with a name and a secret.
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createProduct, type Target, type TestDevice } from "./harness/devices.ts";
import { createFleet } from "./harness/fleets.ts";
import { publish } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = reportOf({ Temperature: 21 });

interface Enrolling {
  readonly folder: string;
  readonly keyFile: string;
  /** The request in base64. */
  readonly bodyFile: string;
}

async function newRequest(subject: string): Promise<Enrolling> {
  const folder = tempFolder("est");
  const [keyFile, csrFile, bodyFile] = [join(folder, "device.key"), join(folder, "device.csr"), join(folder, "body")];
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
  const { code, stderr } = await run(await clientOf("openssl"), [
    "req",
    "-new",
    ...ec,
    "-subj",
    subject,
    "-outform",
    "DER",
    "-out",
    csrFile,
  ]);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(bodyFile, readFileSync(csrFile).toString("base64"));
  return { folder, keyFile, bodyFile };
}

/** The status, and the certificates in the answer as openssl reads them. */
async function curl(
  path: string,
  args: readonly string[],
): Promise<{ readonly status: string; readonly pem: string; readonly text: string }> {
  const folder = tempFolder("est");
  const [bodyFile, envelope] = [join(folder, "answer"), join(folder, "answer.p7")];
  const url = `${platform.https}/.well-known/est/${path}`;
  const all = ["-sS", "--cacert", platform.caFile, "-o", bodyFile, "-w", "%{http_code}", ...args, url];
  const { stdout: status, stderr } = await run(await clientOf("curl"), all);
  if (stderr !== "") throw new Error(stderr);
  const text = readFileSync(bodyFile, "utf8");
  writeFileSync(envelope, Buffer.from(text, "base64"));
  const read =
    status === "200" ? await run(await clientOf("openssl"), ["pkcs7", "-inform", "DER", "-in", envelope, "-print_certs"]) : undefined;
  return { status, pem: read?.stdout ?? "", text };
}

const enroll = (path: string, { bodyFile }: Enrolling, ...args: readonly string[]) =>
  curl(path, ["-H", "content-type: application/pkcs10", "--data-binary", `@${bodyFile}`, ...args]);

/** Posts a report as the device that the certificate is of, and checks the certificate by what cacerts said. */
async function expectWorks(productKey: string, deviceName: string, { folder, keyFile }: Enrolling, pem: string): Promise<void> {
  const [certFile, casFile] = [join(folder, "device.pem"), join(folder, "cas.pem")];
  writeFileSync(certFile, pem);
  expect(new X509Certificate(pem).subject).toContain(`CN=${deviceName}`);
  const authorities = await curl(`${productKey}/cacerts`, []);
  expect(authorities.status).toBe("200");
  writeFileSync(casFile, authorities.pem);
  const verified = await run(await clientOf("openssl"), ["verify", "-CAfile", casFile, "-purpose", "sslclient", certFile]);
  expect(verified.stdout).toContain("OK");
  const device: TestDevice = { platform, productKey, deviceName, path: "", certFile, keyFile, topic: () => "" };
  const posted = await publish(device, `/sys/${productKey}/${deviceName}/thing/event/property/post`, report);
  expect(posted.code).toBe(0);
}

describe("a first certificate by EST", () => {
  test("with a claim's certificate: the request's serialNumber is the device's, and asking again gives the same", async () => {
    const { productKey, claim } = await createFleet(platform, { namePattern: "t-{serial}" });
    const tls = ["--cert", claim.certFile, "--key", claim.keyFile];
    const request = await newRequest("/CN=thermostat/serialNumber=A17");
    const first = await enroll("simpleenroll", request, ...tls);
    expect([first.status, first.text]).toEqual(["200", expect.any(String)]);
    await expectWorks(productKey, "t-A17", request, first.pem);
    expect((await enroll(`${productKey}/simpleenroll`, request, ...tls)).pem).toBe(first.pem);
    const thief = await newRequest("/CN=thermostat/serialNumber=A17");
    expect((await enroll("simpleenroll", thief, ...tls)).status).toBe("409");
    expect((await curl("cacerts", tls)).status).toBe("200");
  });

  test("with a name and a secret by HTTP Basic, where the product has secrets on, and once", async () => {
    const { productKey } = await createProduct(platform);
    await platform.api(`/v1/products/${productKey}`, { method: "PATCH", body: { secretAuthentication: true } });
    const deviceName = "est:one";
    const devices = `/v1/products/${productKey}/devices`;
    await platform.api(devices, { method: "POST", body: { deviceName } });
    const made = await platform.api(`${devices}/${deviceName}/secret`, { method: "POST" });
    const { secret } = made.body as Record<string, string>;
    const user = ["-u", `${deviceName}&${productKey}:${secret}`];
    const request = await newRequest("/CN=whatever");
    expect((await enroll("simpleenroll", request)).status).toBe("401");
    expect((await enroll("simpleenroll", request, "-u", `${deviceName}&${productKey}:wrong`)).status).toBe("401");
    const first = await enroll("simpleenroll", request, ...user);
    expect([first.status, first.text]).toEqual(["200", expect.any(String)]);
    await expectWorks(productKey, deviceName, request, first.pem);
    expect((await enroll("simpleenroll", request, ...user)).pem).toBe(first.pem);
    const another = await newRequest("/CN=whatever");
    const refused = await enroll("simpleenroll", another, ...user);
    expect([refused.status, refused.text]).toEqual(["409", expect.stringContaining("renewed with that one")]);
    await platform.api(`/v1/products/${productKey}`, { method: "PATCH", body: { secretAuthentication: false } });
    expect((await enroll("simpleenroll", request, ...user)).status).toBe("401");
  });
});
