// A fleet with one certificate: its devices get their own with openssl, mosquitto and curl, natively and in AWS's form.
import { createHmac, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run, until } from "@mooring/testkit";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { randomLoopback } from "./harness/addresses.ts";
import type { Target, TestDevice } from "./harness/devices.ts";
import { shadowOf } from "./harness/documents.ts";
import { createFleet, type Fleet } from "./harness/fleets.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { connectionArgs, listen, publish, request } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = reportOf({ Temperature: 21 });
const provision = { to: "/ext/claim/provision", from: "/ext/claim/provision_reply" };

/** A key of the device's own, in a file, and a request for it. */
async function newKey(): Promise<{ readonly csr: string; readonly keyFile: string }> {
  const keyFile = join(tempFolder("device"), "device.key");
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
  const { code, stdout, stderr } = await run(await clientOf("openssl"), ["req", "-new", ...ec, "-subj", "/CN=whatever"]);
  if (code !== 0) throw new Error(stderr);
  return { csr: stdout, keyFile };
}

function deviceOf({ claim, productKey }: Fleet, deviceName: string, chainPem: string, keyFile: string): TestDevice {
  const certFile = join(tempFolder("device"), "device.pem");
  writeFileSync(certFile, chainPem);
  return { ...claim, productKey, deviceName, certFile, keyFile };
}

const post = (device: TestDevice) => publish(device, `/sys/${device.productKey}/${device.deviceName}/thing/event/property/post`, report);

async function ask(fleet: Fleet, payload: object): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await request(fleet.claim, provision, JSON.stringify(payload));
  if (stdout === "") throw new Error(`no answer: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("a claim", () => {
  test("mosquitto gets a certificate with it, and posts as the device that it became", async () => {
    const fleet = await createFleet(platform, { namePattern: "t-{serial}", tags: { site: "berlin" } });
    const { csr, keyFile } = await newKey();
    const answer = await ask(fleet, { id: "1", csr, serial: "A17" });
    expect(answer).toMatchObject({ id: "1", code: 200, productKey: fleet.productKey, deviceName: "t-A17" });
    const device = deviceOf(fleet, "t-A17", String(answer["chainPem"]), keyFile);
    expect((await post(device)).code).toBe(0);
    expect(await platform.api(`/v1/products/${fleet.productKey}/devices/t-A17`)).toMatchObject({ body: { tags: { site: "berlin" } } });
    // An answer that was lost on the way is asked for again; somebody else's key is not taken.
    expect(await ask(fleet, { csr, serial: "A17" })).toMatchObject({ certificatePem: answer["certificatePem"] });
    const other = await newKey();
    expect(await ask(fleet, { csr: other.csr, serial: "A17" })).toMatchObject({ code: 409 });
    expect(await ask(fleet, { csr: "nothing", serial: "A18" })).toMatchObject({ code: 400, message: expect.stringContaining("/csr") });
    expect((await post(device)).code).toBe(0);
    await until("the failures", async () => {
      const { body } = await platform.api(`${fleet.path}/failures`);
      const reasons = (body as unknown as { failures: { reason: string }[] }).failures.map(({ reason }) => reason);
      return reasons.includes("provisioned-already") && reasons.includes("wrong-request");
    });
    const { body } = await platform.api(`/v1/products/${fleet.productKey}/devices/t-A17/connection-failures`);
    expect(body).toMatchObject({ failures: [{ reason: "provisioned-already" }] });
  });

  test("in AWS's form: a certificate from a request, and the device by its ownership token", async () => {
    const fleet = await createFleet(platform);
    const { csr, keyFile } = await newKey();
    const create = "$aws/certificates/create-from-csr/json";
    const first = await request(
      fleet.claim,
      { to: create, from: `${create}/accepted` },
      JSON.stringify({ certificateSigningRequest: csr }),
    );
    const { certificatePem, certificateOwnershipToken } = JSON.parse(first.stdout) as Record<string, string>;
    const device = deviceOf(fleet, "A17-aws", certificatePem ?? "", keyFile);
    expect((await post(device)).code).not.toBe(0);
    const template = "$aws/provisioning-templates/line-4/provision/json";
    const body = JSON.stringify({ certificateOwnershipToken, parameters: { SerialNumber: "A17-aws" } });
    const second = await request(fleet.claim, { to: template, from: `${template}/accepted` }, body);
    expect(JSON.parse(second.stdout)).toEqual({ deviceConfiguration: {}, thingName: `${fleet.productKey}.A17-aws` });
    expect((await post(device)).code).toBe(0);
    // A shadow that holds nothing is none to AWS, and the report comes to it a moment after it was acknowledged.
    const path = `/v1/products/${fleet.productKey}/devices/A17-aws`;
    await until("the shadow to have it", async () => (await shadowOf({ platform, path })).reported["Temperature"] === 21);
    const get = `$aws/things/${fleet.productKey}.A17-aws/shadow/get`;
    expect(JSON.parse((await request(device, { to: get, from: `${get}/accepted` }, "")).stdout)).toHaveProperty("version");
  });

  test("curl gets a certificate over HTTPS, and the claim is good for nothing else there", async () => {
    const fleet = await createFleet(platform);
    const { csr, keyFile } = await newKey();
    const curl = async (path: string, body: object) => {
      const { claim } = fleet;
      const tls = ["--cacert", platform.caFile, "--cert", claim.certFile, "--key", claim.keyFile];
      const { stdout } = await run(await clientOf("curl"), [
        "-sS",
        ...tls,
        "-d",
        JSON.stringify(body),
        "-w",
        "\n%{http_code}",
        platform.https + path,
      ]);
      const at = stdout.lastIndexOf("\n");
      return { status: Number(stdout.slice(at)), body: JSON.parse(stdout.slice(0, at)) as Record<string, string> };
    };
    const answer = await curl("/ext/claim/provision", { csr, serial: "curl-1" });
    expect(answer).toMatchObject({ status: 200, body: { deviceName: "curl-1" } });
    expect((await post(deviceOf(fleet, "curl-1", answer.body["chainPem"] ?? "", keyFile))).code).toBe(0);
    expect(await curl(`/sys/${fleet.productKey}/curl-1/thing/event/property/post`, {})).toMatchObject({ status: 403 });
  });

  test("may say and hear nothing else, and is ended within 2 s when it is revoked, as its list and answers say", async () => {
    const fleet = await createFleet(platform);
    const { claim, productKey } = fleet;
    expect((await publish(claim, `/sys/${productKey}/claim/thing/event/property/post`, report)).code).not.toBe(0);
    await expect(listen(claim, "#")).rejects.toThrow(/ended|vain/);
    const listener = await listen(claim, provision.from, { version: "5" });
    let endedAtMs: number | undefined;
    void listener.ended.then(() => {
      endedAtMs = performance.now();
    });
    const revoked = await platform.api(fleet.path, { method: "PATCH", body: { status: "revoked" } });
    expect(revoked).toMatchObject({ status: 200, body: { status: "revoked" } });
    const revokedAtMs = performance.now();
    await until("the connection to end", () => endedAtMs, 10_000);
    expect((endedAtMs ?? Number.POSITIVE_INFINITY) - revokedAtMs).toBeLessThan(2_000);
    const { csr } = await newKey();
    const flags = ["-t", provision.to, "-e", provision.from, "-m", JSON.stringify({ csr, serial: "late-1" }), "-W", "5"];
    expect((await run(await clientOf("mosquitto_rr"), [...connectionArgs(claim), ...flags], { timeoutMs: 15_000 })).code).not.toBe(0);
    const { body } = await platform.api("/v1/authorities");
    const own = (body as unknown as { authorities: JsonObject[] }).authorities.find(
      ({ kind, status }) => kind === "own" && status === "active",
    );
    const serial = new X509Certificate(readFileSync(claim.certFile)).serialNumber;
    const list = join(tempFolder("pki"), "crl.der");
    await until(
      "the list",
      async () => {
        writeFileSync(list, Buffer.from(await (await fetch(`${platform.rest}/v1/pki/${own?.["authorityId"]}/crl`)).arrayBuffer()));
        return (await run(await clientOf("openssl"), ["crl", "-inform", "DER", "-in", list, "-noout", "-text"])).stdout.includes(serial);
      },
      15_000,
    );
  });

  test("asks the hook, signed, which may refuse; when it is down nobody is provisioned; and gRPC does what REST does", async () => {
    const hook = await startHook();
    const fleet = await createFleet(platform, { hookUrl: hook.url });
    hook.answer = { allowProvisioning: false, reason: "not on the list" };
    const { csr } = await newKey();
    const refused = await ask(fleet, { csr, serial: "hook-1" });
    expect(refused).toEqual({ code: 403, message: "the provisioning hook refused: not on the list" });
    hook.answer = { allowProvisioning: true, deviceName: "chosen-1" };
    expect(await ask(fleet, { csr, serial: "hook-1" })).toMatchObject({ code: 200, deviceName: "chosen-1" });
    expect(hook.isSignedWith(fleet.hookSecret)).toBe(true);
    hook.stop();
    expect(await ask(fleet, { csr, serial: "hook-2" })).toMatchObject({
      code: 503,
      message: expect.stringContaining("hook could not be reached"),
    });
    const devices = connectPublic(platform, "devices");
    const { productKey } = fleet;
    const { claim } = await devices.updateClaim(nobody, { productKey, name: "line-4", hookUrl: "", devicesMax: 1 });
    expect(claim).toMatchObject({ devices: 1, devicesMax: 1 });
    expect(await ask(fleet, { csr, serial: "hook-2" })).toMatchObject({ code: 429 });
    const { failures } = await devices.listClaimFailures(nobody, { productKey, name: "line-4" });
    expect(failures.map(({ reason }) => reason)).toEqual(expect.arrayContaining(["hook-refused", "hook-unavailable"]));
    await expect(devices.checkClaim(nobody, { claimId: claim.claimId })).rejects.toMatchObject({ code: "permissionDenied" });
    await devices.stop();
  });
});

/** The tenant's hook. */
async function startHook() {
  const host = `${randomLoopback()}.1`;
  const asked: { readonly text: string; readonly headers: Readonly<Record<string, unknown>> }[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    asked.push({ text: Buffer.concat(chunks).toString(), headers: incoming.headers });
    response.writeHead(200).end(JSON.stringify(hook.answer));
  }).listen(8_080, host);
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  const hook = {
    url: `http://${host}:8080/hook`,
    answer: {} as object,
    isSignedWith: (secret: string): boolean =>
      asked.length > 0 &&
      asked.every(({ text, headers }) => {
        const signed = `${headers["mooring-webhook-id"]}.${headers["mooring-webhook-timestamp"]}.${text}`;
        return headers["mooring-webhook-signature"] === `v1=${createHmac("sha256", secret).update(signed).digest("hex")}`;
      }),
    stop,
  };
  return hook;
}
