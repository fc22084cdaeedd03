// Every limit is a setting, and what is said at it is a reason code.
import { encodeConnect, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "../fixture.test-support.ts";
import { productKey } from "../harness.test-support.ts";
import { type MqttClient, openTcp } from "../mqtt-client.test-support.ts";

const fixture = useGateway();
const custom = (rest: string): string => `/${productKey}/dev-1/user/${rest}`;
const kept = { sessionExpiryIntervalS: 60 };

function open(level: ProtocolLevel = ProtocolLevel.V5): MqttClient {
  const client = openTcp(fixture.harness.gateway.addresses.mqttDev, level);
  fixture.clients.push(client);
  return client;
}

describe("topics", () => {
  test("of a device: bytes; 0x90 for a topic, 0x8F for a filter", async () => {
    await fixture.restart({ deviceTopicBytesMax: 300 });
    const [fits, long] = [custom("a".repeat(300 - custom("").length)), custom("a".repeat(301 - custom("").length))];
    const device = await fixture.signOn();
    expect(await device.subscribe(fits, long)).toEqual([1, ReasonCode.TopicFilterInvalid]);
    expect(await device.acknowledged(device.publish(fits, "x"))).toBe(0);
    device.publish(long, "x");
    expect(await device.closed()).toBe(ReasonCode.TopicNameInvalid);
  });

  test("of a device: levels", async () => {
    await fixture.restart({ deviceTopicLevelsMax: 14 });
    const [fits, deep] = [custom(`${"a/".repeat(9)}a`), custom(`${"a/".repeat(10)}a`)];
    const device = await fixture.signOn();
    expect(await device.subscribe(fits, deep)).toEqual([1, ReasonCode.TopicFilterInvalid]);
    device.publish(deep, "x");
    expect(await device.closed()).toBe(ReasonCode.TopicNameInvalid);
  });

  test("of a client of the broker: bytes and levels", async () => {
    await fixture.restart({ topicBytesMax: 128, topicLevelsMax: 8 });
    for (const beyond of ["a".repeat(129), "a/".repeat(8)]) {
      const client = await open().signOn();
      expect(await client.subscribe("a".repeat(128), "a/".repeat(7), beyond)).toEqual([1, 1, ReasonCode.TopicFilterInvalid]);
      client.publish(beyond, "x");
      expect(await client.closed()).toBe(ReasonCode.TopicNameInvalid);
    }
  });
});

describe("CONNECT has so many bytes at most: 0x95", () => {
  const connect = (bytes: number, level: ProtocolLevel): Buffer => {
    const rest = { protocolLevel: level, cleanStart: true, keepAliveS: 0, clientId: "c", username: null, properties: null } as const;
    const of = (payload: number) =>
      encodeConnect({
        ...rest,
        password: null,
        will: { topic: "a", payload: Buffer.alloc(payload), qos: 0, retain: false, properties: null },
      });
    let payload = bytes;
    while (of(payload).length > bytes) payload--;
    return of(payload);
  };

  test.each([1_024, 40_000])("%i", async (connectBytesMax) => {
    await fixture.restart({ connectBytesMax });
    const fits = open();
    fits.socket.write(connect(connectBytesMax, ProtocolLevel.V5));
    await expect.poll(() => fits.connack?.reasonCode).toBe(0);
    const large = open();
    large.socket.write(connect(connectBytesMax + 1, ProtocolLevel.V5));
    await large.closed();
    expect(large.connack?.reasonCode).toBe(ReasonCode.PacketTooLarge);
    const old = open(ProtocolLevel.V311);
    old.socket.write(connect(connectBytesMax + 1, ProtocolLevel.V311));
    await old.closed();
    expect(old.connack).toBeUndefined();
  });
});

describe("subscriptions: 0x97 in SUBACK", () => {
  test("of a device", async () => {
    await fixture.restart({ subscriptionsMax: 2 });
    const device = await fixture.signOn();
    expect(await device.subscribe(custom("a"), custom("b"), custom("c"), custom("a"))).toEqual([1, 1, ReasonCode.QuotaExceeded, 1]);
  });

  test("of a client of the broker", async () => {
    await fixture.restart({ clientSubscriptionsMax: 2 });
    expect(await (await open().signOn()).subscribe("a", "b", "c")).toEqual([1, 1, ReasonCode.QuotaExceeded]);
    expect(await (await open(ProtocolLevel.V311).signOn({ clientId: "c2" })).subscribe("a", "b", "c")).toEqual([1, 1, 0x80]);
  });

  test("of a session that is kept, a client's or a device's", async () => {
    await fixture.restart({ keptSubscriptionsMax: 1 });
    expect(await (await open().signOn({ clientId: "c2" })).subscribe("a", "b")).toEqual([1, 1]);
    expect(await (await open().signOn({ properties: kept })).subscribe("a", "b")).toEqual([1, ReasonCode.QuotaExceeded]);
    const device = await fixture.open(await fixture.harness.credential("dev-1")).signOn({ properties: kept });
    expect(await device.subscribe(custom("a"), custom("b"))).toEqual([1, ReasonCode.QuotaExceeded]);
  });
});

describe("messages", () => {
  test("have so many bytes at most: 0x95", async () => {
    await fixture.restart({ packetBytesMax: 16_384 });
    const client = await open().signOn();
    expect(client.connack?.properties?.maximumPacketSize).toBe(16_384);
    client.publish("a", "x".repeat(16_384));
    expect(await client.closed()).toBe(ReasonCode.PacketTooLarge);
  });

  test("come at a limited rate, twice as many at once: 0x96; each kind of client has its own", async () => {
    await fixture.restart({ clientPublishRateMax: 3, publishRateMax: 5 });
    for (const [client, topic, most] of [
      [await open().signOn(), "a", 6],
      [await fixture.signOn(), custom("a"), 10],
    ] as const) {
      for (let i = 0; i < 40; i++) client.publish(topic, "x", 1);
      expect(await client.closed()).toBe(ReasonCode.MessageRateTooHigh);
      expect(client.pubacks.length).toBeLessThanOrEqual(most);
    }
  });

  test("are unacknowledged in a limited number, which CONNACK says: 0x93", async () => {
    await fixture.restart({ receiveMaximum: 2 });
    fixture.harness.events.isHeld = true;
    const device = await fixture.signOn();
    expect(device.connack?.properties?.receiveMaximum).toBe(2);
    for (let i = 0; i < 3; i++) device.publish(custom("a"), "x");
    expect(await device.closed()).toBe(ReasonCode.ReceiveMaximumExceeded);
    fixture.harness.events.isHeld = false;
  });

  test("are in flight to a client in a limited number, however many it allows", async () => {
    await fixture.restart({ inFlightMax: 2 });
    const device = await fixture.signOn();
    await device.subscribe(custom("a"));
    for (let i = 0; i < 5; i++) expect(await device.acknowledged(device.publish(custom("a"), `${i}`))).toBe(0);
    await device.message(({ payload }) => payload === "1");
    expect(await device.acknowledged(device.publish(custom("b"), "x"))).toBe(0);
    expect(device.messages.map(({ payload }) => payload)).toEqual(["0", "1"]);
  });

  test("have topic aliases in a limited number, which CONNACK says: 0x94", async () => {
    await fixture.restart({ topicAliasMaximum: 2 });
    const client = await open().signOn();
    expect(client.connack?.properties?.topicAliasMaximum).toBe(2);
    expect(await client.acknowledged(client.publish("a", "x", 1, { properties: { topicAlias: 2 } }))).toBe(0x10);
    client.publish("a", "x", 1, { properties: { topicAlias: 3 } });
    expect(await client.closed()).toBe(ReasonCode.TopicAliasInvalid);
  });

  test.each([{ retainedMax: 1 }, { retainedBytesMax: 500 }])("are retained in a limited number and size: 0x97 (%o)", async (limit) => {
    await fixture.restart(limit);
    const client = await open().signOn();
    const publish = (topic: string, payload: string) => client.acknowledged(client.publish(topic, payload, 1, { retain: true }));
    expect(await publish("a", "x")).toBe(ReasonCode.NoMatchingSubscribers);
    expect(await publish("b", "x".repeat(500))).toBe(ReasonCode.QuotaExceeded);
    expect(await publish("a", "y")).toBe(ReasonCode.NoMatchingSubscribers);
  });

  test.each([
    ["messages", { queuedMessagesMax: 3 }, 5, 1],
    ["bytes", { queuedBytesMax: 70_000 }, 3, 30_000],
  ] as const)("wait for a client that is away, so many %s; the oldest make room", async (_what, limit, count, bytes) => {
    await fixture.restart(limit);
    const away = await open().signOn({ clientId: "away", properties: kept });
    await away.subscribe("a");
    away.end();
    await expect.poll(() => fixture.harness.metrics.text()).toMatch(/mooring_gateway_connections 0\n/);
    const publisher = await open().signOn();
    for (let i = 0; i < count; i++) expect(await publisher.acknowledged(publisher.publish("a", `${i}`.padEnd(bytes, "x")))).toBe(0);
    await expect.poll(() => fixture.harness.metrics.text()).toMatch(/mooring_gateway_queue_dropped [1-9]/);
    const back = await open().signOn({ clientId: "away", cleanStart: false, properties: kept });
    await back.message(({ payload }) => payload.startsWith(`${count - 1}`));
    expect(back.messages[0]?.payload.startsWith("0")).toBe(false);
  });
});

describe("times are cut to what is allowed, and the client is told", () => {
  test("the keep-alive of MQTT 5 clients, at both ends", async () => {
    await fixture.restart({ keepAliveSMin: 20, keepAliveSMax: 30 });
    const told = async (keepAliveS: number): Promise<number | undefined> => {
      const client = await fixture.open(await fixture.harness.credential("dev-1")).signOn({ keepAliveS });
      return client.connack?.properties?.serverKeepAliveS;
    };
    expect([await told(5), await told(25), await told(60), await told(0)]).toEqual([20, undefined, 30, 30]);
  });

  test("how long a session is kept", async () => {
    await fixture.restart({ sessionExpirySMax: 10 });
    expect((await open().signOn({ properties: kept })).connack?.properties?.sessionExpiryIntervalS).toBe(10);
  });

  test("the delay of a will", async () => {
    await fixture.restart({ willDelaySMax: 1 });
    const will = { topic: "w", payload: Buffer.from("gone"), qos: 1 as const, retain: false, properties: { willDelayIntervalS: 3_600 } };
    const [mourner, client] = [await open().signOn({ clientId: "m" }), await open().signOn({ will, properties: kept })];
    await mourner.subscribe("w");
    client.end();
    await expect.poll(() => mourner.messages.map(({ payload }) => payload), { timeout: 10_000 }).toEqual(["gone"]);
  });
});
