import { connect } from "node:tls";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "./fixture.test-support.ts";
import { productKey, secretConnect } from "./harness.test-support.ts";
import { type MqttClient, openTcp, openTls } from "./mqtt-client.test-support.ts";

const fixture = useGateway();

describe("signing on", () => {
  test("a device with a certificate is told in full what is offered (MQTT 5 s3.2.2.3)", async () => {
    const client = fixture.open(await fixture.harness.credential("dev-1"));
    await client.signOn({ clientId: "", keepAliveS: 0, properties: { sessionExpiryIntervalS: 60 } });
    expect(client.connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    expect(client.connack?.properties).toMatchObject({
      receiveMaximum: 64,
      maximumPacketSize: 262_144,
      topicAliasMaximum: 16,
      serverKeepAliveS: 1_200,
      assignedClientId: expect.any(String),
    });
    await expect.poll(() => fixture.stored("online")).toMatchObject([{ protocol: "mqtt-5.0" }]);
  });

  test("no certificate and no secret: 0x87, and 5 in 3.1.1", async () => {
    const { ca } = await fixture.harness.credential("dev-1");
    for (const level of [ProtocolLevel.V5, ProtocolLevel.V311] as const) {
      const client = openTls(fixture.harness.gateway.addresses.mqtts, ca, undefined, level);
      fixture.clients.push(client);
      await client.signOn();
      expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
      await client.closed();
    }
  });

  test("an unknown certificate is not let in by a good secret", async () => {
    const credential = await fixture.harness.credential("dev-1");
    fixture.harness.devices.identities.clear();
    fixture.harness.devices.secrets.set("dev-1", "s");
    const client = await fixture.open(credential).signOn(secretConnect("dev-1", "s", 2));
    expect(client.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });

  test("when nobody can tell, nobody is let in: 0x88", async () => {
    const credential = await fixture.harness.credential("dev-1");
    fixture.harness.devices.isDown = true;
    expect((await fixture.open(credential).signOn()).connack?.reasonCode).toBe(ReasonCode.ServerUnavailable);
  });

  test("a username that names another device is refused, others say nothing", async () => {
    const credential = await fixture.harness.credential("dev-1");
    expect((await fixture.open(credential).signOn({ username: `dev-2&${productKey}` })).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
    expect(
      (await fixture.open(credential).signOn({ username: `dev-1&${productKey}`, clientId: "a|securemode=2|" })).connack?.reasonCode,
    ).toBe(0);
    expect((await fixture.open(credential).signOn({ username: "whoever", clientId: "b" })).connack?.reasonCode).toBe(0);
  });

  test("a device secret signs on where its signature and transport fit", async () => {
    const { ca } = await fixture.harness.credential("dev-1");
    fixture.harness.devices.secrets.set("dev-9", "secret");
    const try_ = async (client: MqttClient, packet: object): Promise<number | undefined> => {
      fixture.clients.push(client);
      return (await client.signOn(packet)).connack?.reasonCode;
    };
    const { mqtts, mqtt } = fixture.harness.gateway.addresses;
    expect(await try_(openTls(mqtts, ca), secretConnect("dev-9", "secret", 2))).toBe(0);
    expect(await try_(openTcp(mqtt), secretConnect("dev-9", "secret", 3))).toBe(0);
    expect(await try_(openTcp(mqtt), secretConnect("dev-9", "secret", 2))).toBe(ReasonCode.NotAuthorized);
    expect(await try_(openTcp(mqtt), secretConnect("dev-9", "wrong", 3))).toBe(ReasonCode.NotAuthorized);
    expect(
      await try_(openTcp(mqtt), { ...secretConnect("dev-9", "secret", 3), clientId: "other|securemode=3,signmethod=hmacsha256|" }),
    ).toBe(ReasonCode.NotAuthorized);
  });

  test("at the development listener over TLS anybody's certificate will do, and none will not", async () => {
    const credential = await fixture.harness.credential("dev-1");
    fixture.harness.devices.identities.clear();
    const { mqttDevTls } = fixture.harness.gateway.addresses;
    for (const [shown, reasonCode] of [
      [credential, 0],
      [undefined, ReasonCode.NotAuthorized],
    ] as const) {
      const client = openTls(mqttDevTls, credential.ca, shown);
      fixture.clients.push(client);
      expect((await client.signOn({ clientId: "anybody" })).connack?.reasonCode).toBe(reasonCode);
    }
  });

  test("enhanced authentication is not offered: 0x8C [MQTT-4.12.0-1]", async () => {
    const client = await fixture.open(await fixture.harness.credential("dev-1")).signOn({ properties: { authenticationMethod: "SCRAM" } });
    expect(client.connack?.reasonCode).toBe(ReasonCode.BadAuthenticationMethod);
  });

  test("a TLS session is not resumed unless the operator wants it", async () => {
    const credential = await fixture.harness.credential("dev-1");
    const [host, port] = (fixture.harness.gateway.addresses.mqtts ?? "").split(":");
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const open_ = (session?: Buffer) => {
        const socket = connect({
          host,
          port: Number(port),
          ca: credential.ca,
          maxVersion,
          cert: credential.certificatePem,
          key: credential.keyPem,
          ...(session && { session }),
        });
        socket.on("error", () => undefined);
        return socket;
      };
      const first = open_();
      let session: Buffer | undefined;
      first.on("session", (given) => {
        session = given;
      });
      await expect.poll(() => first.getProtocol() === maxVersion && first.authorized).toBe(true);
      session ??= first.getSession();
      const second = open_(session);
      await expect.poll(() => second.authorized).toBe(true);
      expect(second.isSessionReused()).toBe(false);
      first.destroy();
      second.destroy();
    }
  });
});
