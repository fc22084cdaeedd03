// What a factory revokes with openssl reaches the platform: fetched over HTTP, and given over REST and gRPC.
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run } from "@mooring/testkit";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { randomLoopback } from "./harness/addresses.ts";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { listen, publish } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

const report = reportOf({ Temperature: 21 });
/** One of the ports that the platform may reach. */
const listPort = 8080;
const soon = { timeout: 20_000, interval: 100 };

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(await clientOf("openssl"), args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

interface Factory {
  readonly authorityId: string;
  makeDevice(name: string): Promise<TestDevice>;
  /** A new list; each has the number after the one before. */
  makeList(revoked?: TestDevice): Promise<{ readonly pemFile: string; readonly derFile: string }>;
  status(): Promise<JsonObject>;
}

/** An authority made with openssl, registered and proved, whose devices are made when they first connect. */
async function openFactory(options: object): Promise<Factory> {
  const folder = tempFolder("factory");
  const file = (name: string): string => join(folder, name);
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl("req", "-x509", ...ec, "-keyout", file("ca.key"), "-subj", "/CN=Factory", "-days", "30", "-out", file("ca.pem"));
  const places = `database=${file("index.txt")}\ncrlnumber=${file("crlnumber")}\ndefault_md=sha256\ndefault_crl_days=1`;
  writeFileSync(file("ca.cnf"), `[ca]\ndefault_ca=factory\n[factory]\n${places}\n`);
  writeFileSync(file("index.txt"), "");
  writeFileSync(file("crlnumber"), "01");
  const signing = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-days", "5"];
  const authority = ["-config", file("ca.cnf"), "-keyfile", file("ca.key"), "-cert", file("ca.pem")];
  const sign = async (name: string): Promise<string> => {
    const path = file(`${name}.pem`);
    await openssl("req", "-new", ...ec, "-keyout", `${path}.key`, "-subj", `/CN=${name}`, "-out", file("x.csr"));
    await openssl("x509", "-req", "-in", file("x.csr"), ...signing, "-out", path);
    return path;
  };
  const base = await createDevice(platform);
  const body = {
    certificatePem: readFileSync(file("ca.pem"), "utf8"),
    mode: "provision",
    template: { productKey: base.productKey },
    ...options,
  };
  const pending = await platform.api("/v1/authorities", { method: "POST", body });
  expect(pending.status).toBe(201);
  const { authorityId = "", nonce = "" } = pending.body as Record<string, string>;
  const proof = { certificatePem: readFileSync(await sign(nonce), "utf8") };
  expect((await platform.api(`/v1/authorities/${authorityId}/prove`, { method: "POST", body: proof })).status).toBe(200);
  return {
    authorityId,
    async makeDevice(deviceName) {
      const certFile = await sign(deviceName);
      const topic = base.topic;
      return { ...base, deviceName, certFile, keyFile: `${certFile}.key`, topic };
    },
    async makeList(revoked) {
      if (revoked !== undefined) await openssl("ca", ...authority, "-revoke", revoked.certFile, "-crl_reason", "keyCompromise");
      const [pemFile, derFile] = [file("list.pem"), file("list.der")];
      await openssl("ca", ...authority, "-gencrl", "-out", pemFile);
      await openssl("crl", "-in", pemFile, "-outform", "DER", "-out", derFile);
      return { pemFile, derFile };
    },
    async status() {
      const { authorities } = (await platform.api("/v1/authorities")).body as { readonly authorities: readonly JsonObject[] };
      return (authorities.find((one) => one["authorityId"] === authorityId)?.["revocationList"] ?? {}) as JsonObject;
    },
  };
}

const topicOf = ({ productKey, deviceName }: TestDevice): string => `/sys/${productKey}/${deviceName}/thing/event/property/post`;
const replyOf = (device: TestDevice): string => `${topicOf(device)}_reply`;

describe("the revocation list of a factory", () => {
  test("is fetched from where the factory gives it out; a device on the next one is cut off, and one that is not goes on", async () => {
    let list: Buffer | undefined;
    const host = `${randomLoopback()}.1`;
    const server = createServer((_request, response) => void response.writeHead(list === undefined ? 503 : 200).end(list)).listen(
      listPort,
      host,
    );
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const crlUrl = `http://${host}:${listPort}/factory.crl`;
    const factory = await openFactory({ crlUrl, crlMode: "required" });
    const [stolen, kept] = [await factory.makeDevice("unit-1"), await factory.makeDevice("unit-2")];
    await expect.poll(() => factory.status(), soon).toMatchObject({ state: "none", error: "the server answered 503" });
    expect((await publish(stolen, topicOf(stolen), report)).code).not.toBe(0);

    list = readFileSync((await factory.makeList()).derFile);
    const fetchAgain = () => platform.api(`/v1/authorities/${factory.authorityId}`, { method: "PATCH", body: { crlUrl } });
    expect((await fetchAgain()).status).toBe(200);
    await expect.poll(() => factory.status(), soon).toMatchObject({ state: "current", number: "1" });
    const live = await Promise.all([stolen, kept].map((device) => listen(device, replyOf(device))));

    list = readFileSync((await factory.makeList(stolen)).derFile);
    await fetchAgain();
    await expect.poll(() => factory.status(), soon).toMatchObject({ number: "2" });
    expect(await live[0]?.ended).not.toBe(0);
    expect((await publish(stolen, topicOf(stolen), report)).code).not.toBe(0);
    expect((await publish(kept, topicOf(kept), report)).code).toBe(0);
    await live[1]?.message();
  });

  test("is given as PEM and DER over REST and as DER over gRPC, and never goes back", async () => {
    const factory = await openFactory({});
    const device = await factory.makeDevice("unit-1");
    const path = `/v1/authorities/${factory.authorityId}/revocation-list`;
    const send = async (type: string, body: Buffer) => {
      const headers = { authorization: `Bearer ${platform.apiKey}`, "content-type": type };
      const answer = await fetch(platform.rest + path, { method: "PUT", headers, body: new Uint8Array(body) });
      return { status: answer.status, body: (await answer.json()) as JsonObject };
    };
    const first = await factory.makeList();
    const [pem, der] = [readFileSync(first.pemFile), readFileSync(first.derFile)];
    expect((await publish(device, topicOf(device), report)).code).toBe(0);
    expect(await send("application/x-pem-file", pem)).toMatchObject({
      status: 200,
      body: { revocationList: { number: "1", mode: "auto" } },
    });
    expect(await send("application/pkix-crl", der)).toMatchObject({ status: 200, body: { revocationList: { state: "current" } } });
    expect((await publish(device, topicOf(device), report)).code).toBe(0);
    const second = readFileSync((await factory.makeList(device)).derFile);
    const devices = connectPublic(platform, "devices");
    onTestFinished(() => devices.stop());
    const { revocationList } = await devices.putRevocationList(nobody, { authorityId: factory.authorityId, list: second });
    expect(revocationList).toMatchObject({ number: "2", state: "current" });
    expect((await publish(device, topicOf(device), report)).code).not.toBe(0);
    const older = await send("application/pkix-crl", der);
    expect(older).toMatchObject({ status: 409, body: { detail: "the list has the number 1, and 2 was there before" } });
    expect((await publish(device, topicOf(device), report)).code).not.toBe(0);
    expect((await send("application/pkix-crl", Buffer.from("no list"))).status).toBe(400);
    expect((await send("text/plain", der)).status).toBe(415);
  });
});
