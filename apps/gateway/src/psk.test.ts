import { randomBytes } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { findClient, run } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { post, report, useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";
import { MqttClient } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const publisher = await findClient("mosquitto_pub");
const secret = randomBytes(32).toString("hex");
const body = JSON.stringify(report({ Temperature: 21 }));

function give(...names: string[]): void {
  for (const name of names) fixture.harness.devices.secrets.set(name, secret);
}

const port = (): string => fixture.harness.gateway.addresses.mqttPsk?.split(":")[1] ?? "";

function open(identity: string, key: string, more: ConnectionOptions = {}): TLSSocket {
  const psk = Buffer.from(key, "hex");
  return connect({
    host: "127.0.0.1",
    port: Number(port()),
    ciphers: "PSK",
    maxVersion: "TLSv1.2",
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity }),
    ...more,
  } as ConnectionOptions);
}

function client(identity: string, key = secret): MqttClient {
  const made = new MqttClient(open(identity, key), ProtocolLevel.V5);
  fixture.clients.push(made);
  return made;
}

/** The alert or error that ended the handshake; "" when it did not end. */
async function endOf(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("secureConnect", () => resolve(""));
    socket.once("error", (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("closed"));
  });
}

describe("devices with a pre-shared key", () => {
  for (const version of ["mqttv311", "mqttv5"]) {
    test.skipIf(publisher === undefined)(`mosquitto_pub --psk, ${version}: the report is stored when it returns`, async () => {
      if (publisher === undefined) return;
      give("dev-1");
      const psk = ["--psk", secret, "--psk-identity", `dev-1&${productKey}`];
      const message = ["-i", "m", "-q", "1", "-t", post("dev-1"), "-m", body];
      const { code, stderr } = await run(publisher, ["-V", version, "-h", "127.0.0.1", "-p", port(), ...psk, ...message]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(fixture.stored("properties")).toMatchObject([{ properties: { Temperature: { value: 21 } } }]);
    });
  }

  test("the device is the one whose key the handshake used, whatever CONNECT says", async () => {
    give("dev-1", "dev-2");
    const right = await client(`dev-1&${productKey}`).signOn({ username: `dev-1&${productKey}` });
    expect(right.connack?.reasonCode).toBe(0);
    expect((await client(`dev-1&${productKey}`).signOn({ username: `dev-2&${productKey}` })).connack?.reasonCode).toBe(
      ReasonCode.NotAuthorized,
    );
    const plain = await client(`dev-1&${productKey}`).signOn({ clientId: "c2" });
    expect(plain.connack?.reasonCode).toBe(0);
    expect(await plain.acknowledged(plain.publish(post("dev-2"), body))).toBe(ReasonCode.NotAuthorized);
    expect(await plain.acknowledged(plain.publish(post("dev-1"), body))).toBe(0);
    await expect.poll(() => fixture.harness.devices.failures).toMatchObject([{ reason: "identity-mismatch", deviceName: "dev-1" }]);
  });

  test("a wrong key and an unknown identity end alike, and neither is a device", async () => {
    give("dev-1");
    const wrong = await endOf(open(`dev-1&${productKey}`, "00".repeat(32)));
    const unknown = await endOf(open(`nobody&${productKey}`, secret));
    expect(wrong).not.toBe("");
    expect(unknown).toBe(wrong);
    await expect
      .poll(() => fixture.harness.devices.failures)
      .toMatchObject([{ deviceName: "dev-1", reason: "wrong-key", protocol: "mqtt-psk", address: "127.0.0.1" }]);
  });

  test.each<readonly [string, ConnectionOptions]>([
    ["a client with TLS 1.3 alone", { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" }],
    ["a client that wants a certificate", { ciphers: "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256" }],
    ["a client without encryption", { ciphers: "PSK-NULL-SHA256:@SECLEVEL=0" }],
  ])("%s is refused", async (_what, more) => {
    give("dev-1");
    expect(await endOf(open(`dev-1&${productKey}`, secret, more))).not.toBe("");
  });

  test("a device with a certificate gets in nowhere here, and one with a key nowhere else", async () => {
    give("dev-1");
    const credential = await fixture.harness.credential("dev-1");
    const options = { host: "127.0.0.1", port: Number(port()), ca: credential.ca, cert: credential.certificatePem, key: credential.keyPem };
    expect(await endOf(connect(options))).not.toBe("");
    const mqtts = Number(fixture.harness.gateway.addresses.mqtts?.split(":")[1]);
    expect(await endOf(open(`dev-1&${productKey}`, secret, { port: mqtts }))).not.toBe("");
  });

  test("when keys cannot be looked up, nobody is let in, and a secret taken away meanwhile lets nobody in either", async () => {
    give("dev-1");
    fixture.harness.devices.isDown = true;
    expect(await endOf(open(`dev-1&${productKey}`, secret))).not.toBe("");
    fixture.harness.devices.isDown = false;
    const late = client(`dev-1&${productKey}`);
    await expect.poll(() => (late.socket as TLSSocket).getCipher()?.name).toMatch(/PSK/);
    fixture.harness.devices.secrets.clear();
    expect((await late.signOn()).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  test("a secret taken away ends the connection that its key let in within 2 s", async () => {
    give("dev-1");
    const connected = await client(`dev-1&${productKey}`).signOn();
    fixture.harness.devices.secrets.clear();
    fixture.harness.devices.revoke(deviceNamed("dev-1"));
    const fromMs = performance.now();
    await expect.poll(() => connected.isClosed).toBe(true);
    expect(performance.now() - fromMs).toBeLessThan(2_000);
  });

  test("a message of many TLS records goes through whole", async () => {
    give("dev-1");
    const connected = await client(`dev-1&${productKey}`).signOn();
    const label = "x".repeat(50_000);
    expect(await connected.acknowledged(connected.publish(post("dev-1"), report({ Label: label })))).toBe(0);
    expect(fixture.stored("properties")).toMatchObject([{ properties: { Label: { value: label } } }]);
  });

  test("bytes that are no such handshake end the connection", async () => {
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      randomBytes(40_000),
      Buffer.of(22, 3, 1, 0, 4, 16, 0, 0, 0),
      Buffer.alloc(5),
    ]) {
      const socket = connectTcp(Number(port()), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      let isClosed = false;
      socket.on("close", () => {
        isClosed = true;
      });
      socket.write(bytes);
      await expect.poll(() => isClosed).toBe(true);
    }
  });
});
