import { createHmac } from "node:crypto";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";
import { type MqttClient, openTcp, openTls } from "./mqtt-client.test-support.ts";

const fixture = useGateway();

async function secure(level: ProtocolLevel = ProtocolLevel.V5): Promise<MqttClient> {
  const { ca } = await fixture.harness.credential("dev-1");
  const client = openTls(fixture.harness.gateway.addresses.mqtts, ca, undefined, level);
  fixture.clients.push(client);
  return client;
}

function plain(): MqttClient {
  const client = openTcp(fixture.harness.gateway.addresses.mqtt);
  fixture.clients.push(client);
  return client;
}

function registration(name: string, authType: string, key = fixture.harness.devices.productSecret) {
  const password = createHmac("sha256", key).update(`deviceName${name}productKey${productKey}random77`).digest("hex");
  return {
    clientId: `${name}.${productKey}|random=77,authType=${authType},securemode=2,signmethod=hmacsha256|`,
    username: `${name}&${productKey}`,
    password: Buffer.from(password),
  };
}

describe("registration over MQTT (wire formats §2.3)", () => {
  for (const level of [ProtocolLevel.V31, ProtocolLevel.V311, ProtocolLevel.V5] as const) {
    test(`CONNACK 0, the answer without a subscription, and the end, byte for byte: level ${level}`, async () => {
      const known = await (await secure(level)).signOn(registration("dev-1", "register"));
      expect(known.connack?.reasonCode).toBe(0);
      await expect.poll(() => known.isClosed).toBe(true);
      const payload = `{"productKey":"${productKey}","deviceName":"dev-1","deviceSecret":"5ec2e7"}`;
      expect(known.messages).toMatchObject([{ topic: "/ext/register", payload }]);
      const open = await (await secure(level)).signOn(registration("dev-2", "regnwl"));
      await expect.poll(() => open.isClosed).toBe(true);
      const token = `{"clientId":"c0ffee","productKey":"${productKey}","deviceName":"dev-2","deviceToken":"t0ken"}`;
      expect(open.messages).toMatchObject([{ topic: "/ext/regnwl", payload: token }]);
      expect(fixture.stored("online")).toEqual([]);
    });
  }

  test("a wrong signature is refused as any sign-on is", async () => {
    const client = await (await secure()).signOn(registration("dev-1", "register", "wrong"));
    expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
    expect(client.messages).toEqual([]);
  });

  test("without TLS nobody registers, though the signature is right", async () => {
    for (const authType of ["register", "regnwl"]) {
      const client = await plain().signOn(registration("dev-1", authType));
      expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
      expect(client.messages).toEqual([]);
    }
    await expect.poll(() => fixture.harness.devices.failures).toMatchObject([{ reason: "plain-transport", count: 2 }]);
  });
});

describe("tokens", () => {
  test("the token that registration gave signs on over TLS, under its client id", async () => {
    fixture.harness.devices.tokens.set("dev-2", "c0ffee:t0ken");
    const connect = { clientId: "c0ffee|securemode=-2,authType=connwl|", username: `dev-2&${productKey}`, password: Buffer.from("t0ken") };
    expect((await (await secure()).signOn(connect)).connack?.reasonCode).toBe(0);
    expect((await (await secure()).signOn({ ...connect, clientId: "other|securemode=-2|" })).connack?.reasonCode).toBe(
      ReasonCode.NotAuthorized,
    );
    expect((await plain().signOn(connect)).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.AAAA";
  test("a JSON Web Token signs on over TLS, and the user name must not name another device", async () => {
    fixture.harness.devices.identities.set(jwt, { device: deviceNamed("dev-1"), credentialId: "key:1" });
    const password = Buffer.from(jwt);
    expect((await (await secure()).signOn({ clientId: "x", password })).connack?.reasonCode).toBe(0);
    expect((await (await secure()).signOn({ password, username: `dev-1&${productKey}` })).connack?.reasonCode).toBe(0);
    expect((await (await secure()).signOn({ password, username: `dev-2&${productKey}` })).connack?.reasonCode).toBe(
      ReasonCode.NotAuthorized,
    );
    expect((await plain().signOn({ password })).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  test("a connection ends with the token that let it in", async () => {
    const validUntilMs = Date.now() + 1_500;
    fixture.harness.devices.identities.set(jwt, { device: deviceNamed("dev-1"), credentialId: "key:1", validUntilMs });
    const client = await (await secure()).signOn({ clientId: "x", password: Buffer.from(jwt) });
    expect(client.connack?.reasonCode).toBe(0);
    await expect.poll(() => client.isClosed).toBe(true);
    expect(Date.now()).toBeGreaterThanOrEqual(validUntilMs);
    expect(client.disconnect?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });
});

describe("who fails again and again", () => {
  test("hears 0x9F (3 before MQTT 5) without being looked at, and the operator is told; others go on", async () => {
    const wrong = { clientId: "x|securemode=2,signmethod=hmacsha256|", username: `dev-1&${productKey}`, password: Buffer.from("00") };
    for (let i = 0; i < 6; i++) expect((await (await secure()).signOn(wrong)).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
    expect((await (await secure()).signOn(wrong)).connack?.reasonCode).toBe(ReasonCode.ConnectionRateExceeded);
    const old = await (await secure(ProtocolLevel.V311)).signOn(wrong);
    expect(old.connack?.reasonCode).toBe(ReasonCode.ServerUnavailable);
    await fixture.signOn("dev-1");
    const { failures } = fixture.harness.devices;
    await expect.poll(() => failures.some(({ reason, deviceName }) => reason === "held-off" && deviceName === "dev-1")).toBe(true);
  });

  test("a token without a user name is held off as the device it names; others behind the address go on", async () => {
    const tokenOf = (sub: string): Buffer =>
      Buffer.from(`eyJhbGciOiJFZERTQSJ9.${Buffer.from(JSON.stringify({ sub })).toString("base64url")}.AAAA`);
    const [bad, good] = [tokenOf(`dev-1&${productKey}`), tokenOf(`dev-2&${productKey}`)];
    fixture.harness.devices.identities.set(good.toString(), { device: deviceNamed("dev-2"), credentialId: "key:1" });
    for (let i = 0; i < 6; i++) await (await secure()).signOn({ clientId: "x", password: bad });
    expect((await (await secure()).signOn({ clientId: "x", password: bad })).connack?.reasonCode).toBe(ReasonCode.ConnectionRateExceeded);
    expect((await (await secure()).signOn({ clientId: "y", password: good })).connack?.reasonCode).toBe(0);
    const { failures } = fixture.harness.devices;
    await expect.poll(() => failures.some(({ reason, deviceName }) => reason === "held-off" && deviceName === "dev-1")).toBe(true);
  });

  test("who was held off signs on at once after the device was changed", async () => {
    const { devices } = fixture.harness;
    const secret = "5ec2e7";
    const signature = createHmac("sha256", secret).update(`clientIdxdeviceNamedev-1productKey${productKey}`).digest("hex");
    const connect = {
      clientId: "x|securemode=2,signmethod=hmacsha256|",
      username: `dev-1&${productKey}`,
      password: Buffer.from(signature),
    };
    for (let i = 0; i < 8; i++) await (await secure()).signOn(connect);
    expect((await (await secure()).signOn(connect)).connack?.reasonCode).toBe(ReasonCode.ConnectionRateExceeded);
    devices.secrets.set("dev-1", secret);
    devices.changes.push({ offset: devices.changes.length + 1, productKey, deviceId: deviceNamed("dev-1").deviceId, deviceName: "dev-1" });
    const startMs = performance.now();
    await expect.poll(async () => (await (await secure()).signOn(connect)).connack?.reasonCode).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(900);
  });

  test("what offers nothing in a device's name is told to its operator", async () => {
    await (await secure()).signOn({ username: `dev-7&${productKey}` });
    await expect
      .poll(() => fixture.harness.devices.failures)
      .toMatchObject([{ deviceName: "dev-7", reason: "no-credential", protocol: "mqtt-5.0", address: "127.0.0.1" }]);
  });
});
