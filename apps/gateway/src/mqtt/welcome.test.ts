// What CONNECT can be refused for, and what it leaves untouched then.
import { type ConnectPacket, type Properties, ProtocolLevel, ReasonCode, type Will } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { sys, useGateway } from "../fixture.test-support.ts";
import { productKey } from "../harness.test-support.ts";
import { type MqttClient, openTcp } from "../mqtt-client.test-support.ts";

const fixture = useGateway();

function connect(clientId: string, packet: Partial<ConnectPacket> = {}): Promise<MqttClient> {
  const client = openTcp(fixture.harness.gateway.addresses.mqttDev);
  fixture.clients.push(client);
  return client.signOn({ clientId, ...packet });
}

const kept: Properties = { sessionExpiryIntervalS: 60 };
const will = (topic: string): Will => ({ topic, payload: Buffer.from("gone"), qos: 0, retain: false, properties: null });

describe("a refused CONNECT leaves the session and its connection as they are", () => {
  test("refused for its will, with a clean start", async () => {
    const client = await connect("c1", { properties: kept });
    await client.subscribe("a");
    const refused = await connect("c1", { will: will("$SYS/x") });
    expect(refused.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
    await client.acknowledged(client.publish("a", "still here"));
    await client.message(({ payload }) => payload === "still here");
    client.end();
    expect((await connect("c1", { cleanStart: false, properties: kept })).connack?.sessionPresent).toBe(true);
  });

  test("refused at the limit of sessions", async () => {
    await fixture.restart({ sessionsMax: 1 });
    const client = await connect("c1", { properties: kept });
    const passing = await connect("c2");
    expect((await connect("c2", { properties: kept })).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    expect(await passing.subscribe("a")).toEqual([1]);
    expect(await client.subscribe("a")).toEqual([1]);
  });
});

describe("limits of a tenant", () => {
  test.each([
    ["as it was", false],
    ["with a clean start", true],
  ])("a client takes its connection over at the limit of connections, %s", async (_how, cleanStart) => {
    await fixture.restart({ connectionsPerTenantMax: 2 });
    const before = await connect("c1", { properties: kept });
    const other = await connect("c2");
    expect((await connect("c3")).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    const after = await connect("c1", { cleanStart, properties: kept });
    expect(after.connack).toMatchObject({ reasonCode: 0, sessionPresent: !cleanStart });
    expect(await before.closed()).toBe(ReasonCode.SessionTakenOver);
    expect((await connect("c3")).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    other.end();
    await expect.poll(async () => (await connect("c3")).connack?.reasonCode).toBe(0);
  });

  test("and its connection at the limit of its address", async () => {
    await fixture.restart({ connectionsPerAddressMax: 1 });
    await connect("c1");
    expect((await connect("c2")).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    expect((await connect("c1")).connack?.reasonCode).toBe(0);
  });

  test("no way leads past the limit of sessions that are kept, and one may be begun anew in its own place", async () => {
    await fixture.restart({ sessionsMax: 1 });
    await connect("c1", { properties: kept });
    await connect("c2");
    for (const cleanStart of [false, true]) {
      expect((await connect("c2", { cleanStart, properties: kept })).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    }
    expect((await connect("c1", { properties: kept })).connack?.reasonCode).toBe(0);
  });
});

describe("a will's topic is within the limits of topics: 0x90", () => {
  const limits = { topicBytesMax: 100, topicLevelsMax: 5 };

  test.each([
    ["bytes", "a".repeat(101)],
    ["levels", "a/b/c/d/e/f"],
  ])("a client of the broker, %s", async (_what, topic) => {
    await fixture.restart(limits);
    expect((await connect("c1", { will: will(topic) })).connack?.reasonCode).toBe(ReasonCode.TopicNameInvalid);
    expect((await connect("c1", { will: will("a/b/c/d/e") })).connack?.reasonCode).toBe(0);
  });

  test("a device; before MQTT 5 it is let in without its will", async () => {
    const credential = await fixture.harness.credential("dev-1");
    const long = `/${productKey}/dev-1/user/${"a".repeat(256)}`;
    expect((await fixture.open(credential).signOn({ will: will(long) })).connack?.reasonCode).toBe(ReasonCode.TopicNameInvalid);
    const old = await fixture.open(credential, ProtocolLevel.V311).signOn({ will: will(long) });
    expect(old.connack?.reasonCode).toBe(0);
    expect(await old.subscribe(`${sys("dev-1")}/#`)).toEqual([1]);
    await expect.poll(() => fixture.harness.metrics.text()).toMatch(/ignored_wills_total 1\n/);
  });
});

describe("CONNACK", () => {
  test("leaves out Response Information that would make it larger than the client takes [MQTT-3.1.2-24]", async () => {
    const wanted: Properties = { requestResponseInformation: true };
    const clientId = "c".repeat(100);
    expect((await connect(clientId, { properties: wanted })).connack?.properties?.responseInformation).toBe(`response/${clientId}`);
    const narrow = await connect(clientId, { properties: { ...wanted, maximumPacketSize: 60 } });
    expect(narrow.connack).toMatchObject({ reasonCode: 0 });
    expect(narrow.connack?.properties?.responseInformation).toBeUndefined();
  });

  test("is not said at all when it does not fit, and the session is not touched", async () => {
    const client = await connect("c1", { properties: kept });
    const tiny = await connect("c1", { properties: { maximumPacketSize: 8 } });
    expect(tiny.connack).toMatchObject({ reasonCode: ReasonCode.PacketTooLarge });
    const tiniest = await connect("c1", { properties: { maximumPacketSize: 3 } });
    expect([tiniest.isClosed, tiniest.connack]).toEqual([true, undefined]);
    expect(await client.subscribe("a")).toEqual([1]);
  });

  test("names a response topic that is one, whatever the client id has", async () => {
    const { connack } = await connect("a#/+%", { properties: { requestResponseInformation: true } });
    expect(connack?.properties?.responseInformation).toBe("response/a%23/%2B%25");
    const deep = await connect("/".repeat(128), { properties: { requestResponseInformation: true } });
    expect(deep.connack?.properties?.responseInformation).toBeUndefined();
  });

  test("says why in words, unless the client does not want to know [MQTT-3.1.2-29]", async () => {
    const told = await connect("c1", { will: will("$SYS/x") });
    expect(told.connack?.properties?.reasonString).toBe("the credential is not good for this");
    const untold = await connect("c1", { will: will("$SYS/x"), properties: { requestProblemInformation: false } });
    expect(untold.connack).toMatchObject({ reasonCode: ReasonCode.NotAuthorized });
    expect(untold.connack?.properties?.reasonString).toBeUndefined();
  });
});

test("a client of the broker is told in words why it may not publish", async () => {
  const client = await connect("c1");
  const packetId = client.publish("$SYS/x", "x");
  expect(await client.acknowledged(packetId)).toBe(ReasonCode.NotAuthorized);
  expect(client.pubacks[0]?.reason).toBe("the client may not publish to this topic");
});
