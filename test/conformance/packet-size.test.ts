import { expect } from "vitest";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";
import { refusedFilter } from "./target-settings.ts";

// In these tests the client itself watches: any packet above its Maximum Packet Size fails the test.

conforms(
  "a message larger than the client takes is not sent, and what follows is [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect({ properties: { maximumPacketSize: 60, receiveMaximum: 2 } });
    const [witness, publisher] = [await broker.connect(), await broker.connect()];
    for (const subscriber of [client, witness]) await subscriber.subscribe({ filter: topic, qos: 2 });
    // More of them than the window takes: they must not fill it.
    for (const qos of [0, 1, 2, 1, 2] as const) {
      await publisher.publish(topic, "x".repeat(100), { qos });
      expect((await witness.receive()).payload).toHaveLength(100);
    }
    for (const qos of [1, 2] as const) {
      await publisher.publish(topic, "small", { qos });
      expect(await client.receive()).toMatchObject({ text: "small", qos });
    }
    await broker.expectNothing(client, publisher);
  },
);

conforms("a message of exactly the size the client takes is sent [MQTT-3.1.2-24]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect({ properties: { maximumPacketSize: 100 } });
  await client.subscribe({ filter: topic, qos: 1 });
  const rest = 2 + 2 + topic.length + 2 + 1;
  await client.publish(topic, "x".repeat(100 - rest), { qos: 1 });
  expect((await client.receive()).raw).toHaveLength(100);
});

conforms(
  "a message too large that waited for a client is passed over when its session resumes [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const first = await broker.connect(kept);
    await first.subscribe({ filter: topic, qos: 1 });
    await first.drop();
    const publisher = await broker.connect();
    for (const text of ["x".repeat(200), "small"]) await publisher.publish(topic, text, { qos: 1 });
    const { client } = await broker.resume({ ...kept, properties: { ...kept.properties, maximumPacketSize: 100 } });
    expect((await client.receive()).text).toBe("small");
  },
);

conforms(
  "no explanation makes a packet larger than the client takes [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]",
  "v5",
  async (broker) => {
    const client = await broker.open();
    const connack = await client.connect({ clientId: broker.clientId() });
    // As small as this broker's CONNACK can be without explanations; the other answers are smaller still.
    const small = await broker.connect({ properties: { maximumPacketSize: Math.max(connack.raw.length, 8) } });
    const topic = broker.topic("t");
    await small.publish(topic, "x", { qos: 1 });
    await small.publish(topic, "x", { qos: 2 });
    small.pubrel(500);
    await small.next("pubcomp");
    small.pubrec(501);
    await small.next("pubrel");
    await small.subscribe(refusedFilter, topic);
    await small.unsubscribe(refusedFilter, broker.topic("nothing"));
    await small.publish("$SYS/conformance", "x", { qos: 1 });
    await small.expectNothing();
  },
);

conforms(
  "a DISCONNECT is no larger than the client takes [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.14.2-1] [MQTT-3.14.2-2]",
  "v5",
  async (broker) => {
    const probe = await broker.open();
    const connack = await probe.connect({ clientId: broker.clientId() });
    for (const bytes of [packetOf("36", '"a" 00 01 00 78'), packetOf("10", '"MQTT" 05 02 00 00 00 "c"'), packetOf("82", "00 01 00")]) {
      const client = await broker.connect({ properties: { maximumPacketSize: connack.raw.length } });
      client.send(bytes);
      const last = await client.closed();
      // That the code is one of DISCONNECT and that no Session Expiry Interval is there, the decoder has checked.
      if (last !== undefined) expect(last.type).toBe("disconnect");
    }
  },
);

conforms(
  "without Request Problem Information only PUBLISH, CONNACK and DISCONNECT explain themselves [MQTT-3.1.2-29]",
  "v5",
  async (broker) => {
    const client = await broker.connect({ properties: { requestProblemInformation: false } });
    await client.subscribe({ filter: broker.topic("#"), qos: 1 }, refusedFilter);
    await client.unsubscribe(broker.topic("nothing"));
    await client.publish("$SYS/conformance", "x", { qos: 1 });
    client.pubrel(500);
    await client.next("pubcomp");
    const userProperties: [string, string][] = [["k", "v"]];
    await client.publish(broker.topic("a"), "x", { qos: 1, properties: { userProperties } });
    expect((await client.receive()).properties?.userProperties).toEqual(userProperties);
    // The client watches every packet for explanations.
    await client.expectNothing();
  },
);

conforms("without Request Response Information there is no Response Information [MQTT-3.1.2-28]", "v5", async (broker) => {
  for (const properties of [null, { requestResponseInformation: false }]) {
    const client = await broker.open();
    const connack = await client.connect({ clientId: broker.clientId(), properties });
    expect(connack.properties?.responseInformation).toBeUndefined();
  }
});

conforms("a Maximum Packet Size of 0 closes the connection", "v5", async (broker) => {
  const client = await broker.open();
  client.sendConnect({ clientId: broker.clientId(), properties: { maximumPacketSize: 0 } });
  await client.closedFor(0x81, 0x82);
});

conforms("a packet larger than the broker takes closes the connection", "v5", async (broker) => {
  const client = await broker.open();
  const connack = await client.connect({ clientId: broker.clientId() });
  const max = connack.properties?.maximumPacketSize;
  if (max === undefined) return;
  client.sendPublish(broker.topic(), Buffer.alloc(max));
  await client.closedFor(0x95);
});
