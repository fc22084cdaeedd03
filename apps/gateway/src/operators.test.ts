import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { asTenantId, type Role } from "@mooring/contracts";
import { type Properties, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";
import { type MqttClient, openTls } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const { tenantId } = deviceNamed("dev-1");
const secretOf = (name: string): string => `mk_${name.padEnd(43, "A")}`;

/** A back end with an API key as password. */
async function operator(name: string, role: Role = "backend", tenant: string = tenantId): Promise<MqttClient> {
  const secret = secretOf(name);
  fixture.harness.keys.set(secret, { tenantId: asTenantId(tenant), principal: `key:${name}`, role });
  const { ca } = await fixture.harness.credential("dev-1");
  const client = openTls(fixture.harness.gateway.addresses.mqtts, ca);
  fixture.clients.push(client);
  return client.signOn({ clientId: name, username: "any", password: Buffer.from(secret) });
}

const custom = (name: string, rest: string): string => `/${productKey}/${name}/user/${rest}`;

describe("a back end uses the broker as a broker", () => {
  test("it hears what devices say once that is stored, and devices hear it in their own topics", async () => {
    const backend = await operator("b1");
    expect(await backend.subscribe(`${sys("+")}/thing/#`, custom("+", "#"))).toEqual([1, 1]);
    const device = await fixture.signOn();
    await device.subscribe(custom("dev-1", "get"));
    fixture.harness.events.isHeld = true;
    device.publish(post("dev-1"), report({ Temperature: 21 }));
    await device.subscribe(`${sys("dev-1")}/x`);
    expect(backend.messages).toEqual([]);
    fixture.harness.events.isHeld = false;
    expect((await backend.message(({ topic }) => topic === post("dev-1"))).payload).toContain("21");
    await backend.acknowledged(backend.publish(custom("dev-1", "get"), "do"));
    expect((await device.message(({ topic }) => topic === custom("dev-1", "get"))).payload).toBe("do");
    // A refused report is heard by nobody.
    expect(await device.acknowledged(device.publish(post("dev-1"), report({ Temperature: 9_999 })))).toBe(0x99);
    await device.acknowledged(device.publish(custom("dev-1", "up"), "end"));
    await backend.message(({ topic }) => topic === custom("dev-1", "up"));
    expect(backend.messages.map(({ topic }) => topic)).toEqual([post("dev-1"), custom("dev-1", "get"), custom("dev-1", "up")]);
  });

  test("it may not speak in the platform's name, and a viewer not at all", async () => {
    const backend = await operator("b1");
    for (const topic of [
      post("dev-1"),
      `${sys("dev-1")}/thing/service/property/set`,
      "$aws/things/a/shadow/update",
      "$SYS/x",
      "/shadow/get/a/b",
    ]) {
      expect(await backend.acknowledged(backend.publish(topic, "x"))).toBe(ReasonCode.NotAuthorized);
    }
    expect(await backend.subscribe("$SYS/#")).toEqual([ReasonCode.NotAuthorized]);
    const viewer = await operator("v1", "viewer");
    expect(await viewer.subscribe("#")).toEqual([1]);
    expect(await viewer.acknowledged(viewer.publish("a", "x"))).toBe(ReasonCode.NotAuthorized);
  });

  test("nothing crosses a tenant: neither messages nor retained ones nor client ids", async () => {
    const mine = await operator("b1");
    const theirs = await operator("b2", "owner", "00000000-0000-4000-8000-000000000002");
    await theirs.subscribe("#");
    await mine.acknowledged(mine.publish("a/b", "x", 1, { retain: true }));
    const device = await fixture.signOn();
    await device.acknowledged(device.publish(custom("dev-1", "up"), "x"));
    expect(await theirs.subscribe("a/#")).toEqual([1]);
    await theirs.acknowledged(theirs.publish("own", "x"));
    await theirs.message(({ topic }) => topic === "own");
    expect(theirs.messages.map(({ topic }) => topic)).toEqual(["own"]);
  });

  test("a client id belongs to the key that brought it: another key of the tenant is refused", async () => {
    await operator("b1");
    fixture.harness.keys.set(secretOf("b3"), { tenantId: asTenantId(tenantId), principal: "key:b3", role: "backend" });
    const { ca } = await fixture.harness.credential("dev-1");
    const other = openTls(fixture.harness.gateway.addresses.mqtts, ca);
    fixture.clients.push(other);
    await other.signOn({ clientId: "b1", password: Buffer.from(secretOf("b3")) });
    expect(other.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  test("a revoked key ends its connections within two seconds: 0x87", async () => {
    const backend = await operator("b1");
    fixture.harness.keys.delete(secretOf("b1"));
    const startedAt = performance.now();
    expect(await backend.closed()).toBe(ReasonCode.NotAuthorized);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("an unknown key is refused, and does not fall back to anything", async () => {
    const { ca } = await fixture.harness.credential("dev-1");
    const client = openTls(fixture.harness.gateway.addresses.mqtts, ca);
    fixture.clients.push(client);
    await client.signOn({ password: Buffer.from(secretOf("nobody")) });
    expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  test("$SYS says how the tenant's broker does, to operators, at once; # does not match it [MQTT-4.7.2-1]", async () => {
    const owner = await operator("o1", "owner");
    await owner.subscribe("#");
    await owner.subscribe("$SYS/broker/clients/connected");
    expect(Number((await owner.message(({ topic }) => topic.startsWith("$SYS"))).payload)).toBeGreaterThan(0);
    expect(owner.messages).toHaveLength(1);
  });

  test("who subscribes to $SYS is told how things are, and those who listen already are not told again", async () => {
    const first = await operator("o1", "owner");
    await first.subscribe("$SYS/#");
    await first.message(({ topic }) => topic.endsWith("wills/published"));
    const before = first.messages.length;
    const second = await operator("o2", "owner");
    // Both filters have it, and it is said once.
    await second.subscribe("$SYS/#", "$SYS/broker/version", "x");
    await second.message(({ topic }) => topic.endsWith("wills/published"));
    expect(second.messages).toHaveLength(before);
    await first.subscribe("x");
    expect(first.messages).toHaveLength(before);
  });
});

describe("SCRAM-SHA-256 (MQTT 5 s4.12)", () => {
  const method = "SCRAM-SHA-256";
  const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

  function addKey(keyId: string, password: string): void {
    const salt = Buffer.from("0123456789abcdef");
    const salted = pbkdf2Sync(password, salt, 4_096, 32, "sha256");
    const caller = { tenantId: asTenantId(tenantId), principal: `key:${keyId}`, role: "backend" } as const;
    const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
    fixture.harness.scramVerifiers.set(keyId, { salt, iterations: 4_096, storedKey, serverKey: hmac(salted, "Server Key"), caller });
  }

  const firstOf = (keyId: string): Buffer => Buffer.from(`n,,n=${keyId},r=abcdefghijkl`);

  /** The client-final-message, and the server's signature that is to follow. */
  function answer(keyId: string, password: string, serverFirst: string): { readonly final: Buffer; readonly expected: string } {
    const [, nonce = "", salt = "", iterations = ""] = /^r=(.*),s=(.*),i=(.*)$/.exec(serverFirst) ?? [];
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const clientKey = hmac(salted, "Client Key");
    const withoutProof = `c=biws,r=${nonce}`;
    const authMessage = `n=${keyId},r=abcdefghijkl,${serverFirst},${withoutProof}`;
    const signature = hmac(createHash("sha256").update(clientKey).digest(), authMessage);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number))).toString("base64");
    return {
      final: Buffer.from(`${withoutProof},p=${proof}`),
      expected: `v=${hmac(hmac(salted, "Server Key"), authMessage).toString("base64")}`,
    };
  }

  async function begin(keyId: string, authenticationMethod = method, more: Properties = {}): Promise<MqttClient> {
    const { ca } = await fixture.harness.credential("dev-1");
    const client = openTls(fixture.harness.gateway.addresses.mqtts, ca);
    fixture.clients.push(client);
    return client.signOn({ clientId: keyId, properties: { ...more, authenticationMethod, authenticationData: firstOf(keyId) } });
  }

  async function prove(client: MqttClient, keyId: string, password: string): Promise<string> {
    const asked = client.auths.at(-1)?.properties as Properties;
    const { final, expected } = answer(keyId, password, Buffer.from(asked.authenticationData as Uint8Array).toString());
    await client.auth(ReasonCode.ContinueAuthentication, { authenticationMethod: method, authenticationData: final });
    return expected;
  }

  test("lets in who knows the secret, which is never said, and proves the server too; again while connected", async () => {
    addKey("k1", "secret");
    const client = await begin("k1");
    expect(client.auths).toMatchObject([{ reasonCode: ReasonCode.ContinueAuthentication, properties: { authenticationMethod: method } }]);
    const expected = await prove(client, "k1", "secret");
    expect(client.connack).toMatchObject({ reasonCode: 0, properties: { authenticationMethod: method } });
    expect(Buffer.from(client.connack?.properties?.authenticationData ?? []).toString()).toBe(expected);
    expect(await client.subscribe("a")).toEqual([1]);

    await client.auth(ReasonCode.ReAuthenticate, { authenticationMethod: method, authenticationData: firstOf("k1") });
    await expect.poll(() => client.auths.length).toBe(2);
    await prove(client, "k1", "secret");
    await expect.poll(() => client.auths.at(-1)?.reasonCode).toBe(ReasonCode.Success);
    expect(client.auths.map(({ reasonCode, properties }) => [reasonCode, properties?.authenticationMethod])).toEqual([
      [ReasonCode.ContinueAuthentication, method],
      [ReasonCode.ContinueAuthentication, method],
      [ReasonCode.Success, method],
    ]);
    expect(await client.subscribe("b")).toEqual([1]);
  });

  test("a wrong secret and an unknown name are asked alike, and refused alike: 0x87", async () => {
    addKey("k1", "secret");
    for (const [name, password] of [
      ["k1", "wrong"],
      ["nobody", "secret"],
    ] as const) {
      const client = await begin(name);
      expect(client.auths).toHaveLength(1);
      await prove(client, name, password);
      expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
      await client.closed();
    }
  });

  test("AUTH carries a method and data and nothing else; one that the client does not take is not sent, and the connection ends", async () => {
    addKey("k1", "secret");
    const client = await begin("k1", method, { maximumPacketSize: 120 });
    const { authenticationMethod, authenticationData, ...rest } = client.auths[0]?.properties ?? {};
    expect([authenticationMethod, authenticationData?.length, rest]).toEqual([method, expect.any(Number), {}]);
    const narrow = await begin("k1", method, { maximumPacketSize: 50 });
    await narrow.closed();
    expect([narrow.auths, narrow.connack?.reasonCode]).toEqual([[], ReasonCode.PacketTooLarge]);
  });

  test("who fails to prove itself again, or as somebody else, is disconnected: 0x87 [MQTT-4.12.1-2]", async () => {
    addKey("k1", "secret");
    addKey("k2", "other");
    for (const [name, password] of [
      ["k1", "wrong"],
      ["k2", "other"],
    ] as const) {
      const client = await begin("k1");
      await prove(client, "k1", "secret");
      await client.auth(ReasonCode.ReAuthenticate, { authenticationMethod: method, authenticationData: firstOf(name) });
      await expect.poll(() => client.auths.length).toBe(2);
      await prove(client, name, password);
      expect(await client.closed()).toBe(ReasonCode.NotAuthorized);
    }
  });

  test.each([
    ["another method in AUTH [MQTT-4.12.0-5]", ReasonCode.ContinueAuthentication, "PLAIN"],
    ["beginning anew before the end", ReasonCode.ReAuthenticate, method],
  ])("%s ends the connection: 0x82 in CONNACK", async (_what, reasonCode, authenticationMethod) => {
    addKey("k1", "secret");
    const client = await begin("k1");
    await client.auth(reasonCode, { authenticationMethod, authenticationData: Buffer.from("x") });
    await client.closed();
    expect([client.connack?.reasonCode, client.disconnect]).toEqual([ReasonCode.ProtocolError, undefined]);
  });

  test.each([
    ["anything but AUTH", [0xc0, 0], ReasonCode.ProtocolError],
    ["malformed bytes", [0xc1, 0], ReasonCode.MalformedPacket],
  ])("%s before CONNACK ends the connection, which is told why in CONNACK [MQTT-3.14.0-1]", async (_what, bytes, reasonCode) => {
    addKey("k1", "secret");
    const client = await begin("k1");
    client.socket.write(Buffer.from(bytes));
    await client.closed();
    expect([client.connack?.reasonCode, client.disconnect]).toEqual([reasonCode, undefined]);
  });

  test("a method that is not there is refused: 0x8C [MQTT-4.12.0-1]; AUTH without one ends the connection [MQTT-4.12.0-6]", async () => {
    expect((await begin("k1", "PLAIN")).connack?.reasonCode).toBe(ReasonCode.BadAuthenticationMethod);
    const client = await operator("b1");
    await client.auth(ReasonCode.ReAuthenticate, { authenticationMethod: method });
    expect(await client.closed()).toBe(ReasonCode.ProtocolError);
  });

  test("a revoked key ends the connections that it was proved for within two seconds", async () => {
    addKey("k1", "secret");
    const client = await begin("k1");
    await prove(client, "k1", "secret");
    fixture.harness.scramVerifiers.delete("k1");
    expect(await client.closed()).toBe(ReasonCode.NotAuthorized);
  });
});

test("an MQTT 3.1.1 client is a back end too", async () => {
  fixture.harness.keys.set(secretOf("old"), { tenantId: asTenantId(tenantId), principal: "key:old", role: "backend" });
  const { ca } = await fixture.harness.credential("dev-1");
  const client = openTls(fixture.harness.gateway.addresses.mqtts, ca, undefined, ProtocolLevel.V311);
  fixture.clients.push(client);
  await client.signOn({ clientId: "old", username: "x", password: Buffer.from(secretOf("old")) });
  expect(client.connack?.reasonCode).toBe(0);
  expect(await client.subscribe("$share/g/a/#")).toEqual([1]);
});
