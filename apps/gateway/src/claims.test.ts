// A claim at the doors: it may ask to be provisioned, natively and in AWS's form, and nothing else.
import { asTenantId, invalidField, PlatformError } from "@mooring/contracts";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey, type TestCredential } from "./harness.test-support.ts";
import { ask } from "./http-client.test-support.ts";
import type { MqttClient, Received } from "./mqtt-client.test-support.ts";

const fixture = useGateway();

const { tenantId } = deviceNamed("dev-1");
const claim = { claimId: "00000000-0000-4000-8000-0000000c1a10", tenantId: asTenantId(tenantId), productKey, name: "line-4" };
const topic = "/ext/claim/provision";
const aws = "$aws/certificates";
const template = "$aws/provisioning-templates/line-4/provision/json";

async function makeClaim(): Promise<TestCredential> {
  const credential = await fixture.harness.credential("claim");
  const { identities, claims } = fixture.harness.devices;
  for (const [id, { device }] of identities) {
    if (device.deviceName !== "claim") continue;
    identities.delete(id);
    claims.set(id, claim);
  }
  return credential;
}

async function signOn(level: ProtocolLevel = ProtocolLevel.V5, clientId = "same"): Promise<MqttClient> {
  const client = await fixture.open(await makeClaim(), level).signOn({ clientId });
  expect(client.connack?.reasonCode).toBe(0);
  return client;
}

const jsonOf = ({ payload }: Received): unknown => JSON.parse(payload);

describe.each([ProtocolLevel.V31, ProtocolLevel.V311, ProtocolLevel.V5] as const)("MQTT level %s", (level) => {
  test("natively: the answer comes where the device listens, is the asker's alone, and the request is acknowledged after it", async () => {
    const [client, other] = [await signOn(level), await signOn(level)];
    for (const one of [client, other]) expect(await one.subscribe(`${topic}_reply`)).toEqual([1]);
    const packetId = client.publish(topic, { id: "7", csr: "CSR", serial: "A17", parameters: { line: 4 } });
    const reply = await client.message((message) => message.topic === `${topic}_reply`);
    const answer = { productKey, deviceName: "A17", certificatePem: "PEM", chainPem: "CHAIN", notAfter: "1970-01-02T00:00:00.000Z" };
    expect(jsonOf(reply)).toEqual({ id: "7", code: 200, ...answer });
    expect(await client.acknowledged(packetId)).toBe(0);
    const origin = { protocol: expect.stringContaining("mqtt-"), address: "127.0.0.1" };
    expect(fixture.harness.devices.provisionings).toEqual([
      { claimId: claim.claimId, csrPem: "CSR", origin, parameters: { line: "4", serial: "A17" } },
    ]);
    // Both have the same client id, and are still there.
    expect(await other.subscribe(`${topic}_reply`)).toEqual([1]);
    expect(other.messages).toEqual([]);
    expect(fixture.stored("online")).toEqual([]);
  });

  test("in AWS's form: from a request, with a key, and by the template of the claim's name", async () => {
    const client = await signOn(level);
    const listens = [`${aws}/create-from-csr/json/accepted`, `${aws}/create/json/+`, `${template}/accepted`, `${template}/rejected`];
    expect(await client.subscribe(...listens)).toEqual([1, 1, 1, 1]);
    client.publish(`${aws}/create-from-csr/json`, { certificateSigningRequest: "CSR" });
    const made = { certificateId: "ab", certificatePem: "PEM", certificateOwnershipToken: "TOKEN" };
    expect(jsonOf(await client.message((message) => message.topic === listens[0]))).toEqual(made);
    client.publish(`${aws}/create/json`, "");
    const withKey = await client.message((message) => message.topic === `${aws}/create/json/accepted`);
    expect(jsonOf(withKey)).toEqual({ ...made, privateKey: "KEY" });
    client.publish(template, { certificateOwnershipToken: "TOKEN", parameters: { SerialNumber: "A17" } });
    const accepted = await client.message((message) => message.topic === `${template}/accepted`);
    expect(jsonOf(accepted)).toEqual({ deviceConfiguration: {}, thingName: `${productKey}.A17` });
    fixture.harness.devices.provisioningError = new PlatformError("invalidArgument", "/ownershipToken: is over: it is good for an hour");
    client.publish(template, { certificateOwnershipToken: "TOKEN", parameters: {} });
    const rejected = await client.message((message) => message.topic === `${template}/rejected`);
    expect(jsonOf(rejected)).toEqual({
      ...{ statusCode: 400, errorCode: "InvalidCertificateOwnershipToken" },
      errorMessage: "/certificateOwnershipToken: is over: it is good for an hour",
    });
  });

  test("nothing else: no topic of a device, a shadow, the broker, another template", async () => {
    const filters = ["#", "+/+", `${sys("dev-1")}/#`, "$aws/things/+/shadow/get/accepted", `/${productKey}/claim/user/x`, "$SYS/#", "x"];
    const others = ["$aws/provisioning-templates/line-5/provision/json/accepted", `$share/g/${topic}_reply`];
    const client = await signOn(level);
    for (const code of await client.subscribe(...filters, ...others)) expect(code).toBeGreaterThanOrEqual(0x80);
    for (const to of [post("dev-1"), `/${productKey}/claim/user/x`, "x", `${topic}_reply`, template.replace("4", "5")]) {
      const one = await signOn(level);
      const packetId = one.publish(to, report({ Temperature: 1 }));
      if (level === ProtocolLevel.V5) expect(await one.acknowledged(packetId)).toBe(ReasonCode.NotAuthorized);
      else await expect.poll(() => one.isClosed).toBe(true);
    }
    expect(fixture.harness.events.records).toEqual([]);
    expect(fixture.harness.devices.provisionings).toEqual([]);
  });
});

test("what is wrong is answered by the field's name, and in the PUBACK of MQTT 5", async () => {
  const client = await signOn();
  await client.subscribe(`${topic}_reply`);
  const tell = async (payload: object | string): Promise<unknown> => {
    const before = client.messages.length;
    await client.acknowledged(client.publish(topic, payload));
    await expect.poll(() => client.messages.length).toBe(before + 1);
    return jsonOf(client.messages[before] as Received);
  };
  expect(await tell({ serial: "A17" })).toMatchObject({ code: 400, message: "/csr: must be a string that is not empty" });
  expect(await tell({ csr: "CSR" })).toMatchObject({ code: 400, message: "/serial: must be a string that is not empty" });
  expect(await tell({ csr: "CSR", serial: "A", parameters: { a: {} } })).toMatchObject({
    code: 400,
    message: "/parameters/a: must be a string",
  });
  const odd = "ä".repeat(1_000);
  expect(await tell({ csr: "CSR", serial: "A", parameters: { [odd]: {} } })).toMatchObject({
    code: 400,
    message: "/parameters: names must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . : / -",
  });
  expect(await tell("nothing")).toMatchObject({ code: 400, message: "the payload is not JSON" });
  fixture.harness.devices.provisioningError = new PlatformError("alreadyExists", "the device was provisioned with another key");
  expect(await tell({ csr: "CSR", deviceName: "A17" })).toMatchObject({
    code: 409,
    message: "the device was provisioned with another key",
  });
  expect(client.pubacks.at(-1)?.reason).toBe("the device was provisioned with another key");
  expect(client.pubacks.every(({ reasonCode }) => reasonCode >= 0x80)).toBe(true);
});

test("too many requests from one address are refused, in words", { timeout: 60_000 }, async () => {
  const client = await signOn();
  await client.subscribe(`${topic}_reply`);
  const isRefused = (): boolean => client.messages.some(({ payload }) => payload.includes('"code":429'));
  // Faster than the address is given new ones, however slow this machine is: two at a time, until there is none left.
  let asked = 0;
  for (; asked < 1_000 && !isRefused(); asked += 2) {
    const [one, two] = [
      client.publish(topic, { csr: "CSR", serial: `A${asked}` }),
      client.publish(topic, { csr: "CSR", serial: `B${asked}` }),
    ];
    await Promise.all([client.acknowledged(one), client.acknowledged(two)]);
  }
  expect(isRefused()).toBe(true);
  expect(fixture.harness.devices.provisionings.length).toBeLessThan(asked);
  expect(fixture.harness.devices.provisionings.length).toBeGreaterThanOrEqual(60);
});

test("connections of a claim that is taken away end within seconds, and its certificate is refused", async () => {
  const client = await signOn();
  const credential = await fixture.harness.credential("other");
  fixture.harness.devices.claims.clear();
  await expect.poll(() => client.isClosed).toBe(true);
  expect(client.disconnect?.reasonCode).toBe(ReasonCode.NotAuthorized);
  expect((await fixture.open(credential).signOn()).connack?.reasonCode).toBe(0);
});

test("over HTTPS: the same, and nothing else", async () => {
  const credential = await makeClaim();
  const { https } = fixture.harness.gateway.addresses;
  const answer = await ask(https, credential, { path: topic, body: { csr: "CSR", serial: "A17" } });
  expect([answer.status, answer.json["deviceName"], answer.json["chainPem"]]).toEqual([200, "A17", "CHAIN"]);
  expect(await ask(https, credential, { path: topic, body: { csr: "CSR" } })).toMatchObject({
    status: 400,
    json: { code: "invalidArgument", issues: [{ pointer: "/serial" }] },
  });
  fixture.harness.devices.provisioningError = invalidField("/parameters/serial", "is missing: the device's name is made of it");
  expect(await ask(https, credential, { path: topic, body: { csr: "CSR", serial: "A17" } })).toMatchObject({
    status: 400,
    json: { detail: expect.stringMatching(/^\/serial: /), issues: [{ pointer: "/serial" }] },
  });
  fixture.harness.devices.provisioningError = undefined;
  const other = await ask(https, credential, { path: post("dev-1"), body: {} });
  expect(other).toMatchObject({ status: 403, json: { detail: expect.stringContaining("/ext/claim/provision") } });
  const device = await fixture.harness.credential("dev-1");
  expect((await ask(https, device, { path: topic, body: { csr: "CSR", serial: "A17" } })).status).toBe(401);
  expect((await ask(https, { ca: device.ca }, { path: topic, body: {} })).status).toBe(401);
});
