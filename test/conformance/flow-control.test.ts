import { until } from "@mooring/testkit";
import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import type { Client } from "./client.ts";
import { conforms } from "./conforms.ts";

/** A client that takes this many at once, and a second one that shows when all were sent. */
async function narrow(
  broker: Broker,
  receiveMaximum: number,
  filter: string,
): Promise<{ client: Client; witness: Client; publisher: Client }> {
  const client = await broker.connect({ properties: { receiveMaximum } });
  await client.subscribe({ filter, qos: 2 });
  const [witness, publisher] = [await broker.connect(), await broker.connect()];
  await witness.subscribe({ filter, qos: 2 });
  return { client, witness, publisher };
}

async function publishAll(publisher: Client, witness: Client, topic: string, texts: readonly string[], qos: 1 | 2): Promise<void> {
  for (const text of texts) {
    await publisher.publish(topic, text, { qos });
    expect((await witness.receive()).text).toBe(text);
  }
}

conforms(
  "no more than Receive Maximum messages are under way, and each PUBACK lets one more go [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const { client, witness, publisher } = await narrow(broker, 2, topic);
    await publishAll(publisher, witness, topic, ["1", "2", "3", "4", "5"], 1);
    const under = [await client.next("publish"), await client.next("publish")];
    await client.expectNothing();
    expect(under.map(({ text }) => text)).toEqual(["1", "2"]);
    for (const text of ["3", "4", "5"]) {
      client.puback(under.shift()?.packetId ?? 0);
      const next = await client.next("publish");
      expect(next.text).toBe(text);
      under.push(next);
      await client.expectNothing();
    }
  },
);

conforms(
  "of QoS 2 a PUBCOMP lets one more go, a PUBREC does not, and a PUBREC that refuses does [MQTT-3.3.4-9] [MQTT-4.9.0-2]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const { client, witness, publisher } = await narrow(broker, 1, topic);
    await publishAll(publisher, witness, topic, ["1", "2", "3"], 2);
    const first = await client.next("publish");
    client.pubrec(first.packetId);
    await client.next("pubrel");
    await client.expectNothing();
    client.pubcomp(first.packetId);
    const second = await client.next("publish");
    expect(second.text).toBe("2");
    client.pubrec(second.packetId, 0x80);
    expect((await client.next("publish")).text).toBe("3");
  },
);

conforms("a full window holds back no packet but PUBLISH [MQTT-3.3.4-10] [MQTT-4.9.0-3]", "v5", async (broker) => {
  const topic = broker.topic();
  const { client, witness, publisher } = await narrow(broker, 1, topic);
  await publishAll(publisher, witness, topic, ["1", "2"], 1);
  await client.next("publish");
  expect((await client.subscribe({ filter: broker.topic("other"), qos: 1 })).reasonCodes).toEqual([1]);
  expect((await client.unsubscribe(broker.topic("other"))).reasonCodes).toEqual([0]);
  expect(await client.publish(broker.topic("away"), "x", { qos: 1 })).toBeOneOf([0, 0x10]);
  expect(await client.publish(broker.topic("away"), "x", { qos: 2 })).toBe(0);
  await client.expectNothing();
});

conforms("the window of a session that resumes is the one of its new connection [MQTT-3.3.4-9] [MQTT-4.9.0-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const first = await broker.connect({ ...kept, properties: { ...kept.properties, receiveMaximum: 3 } });
  await first.subscribe({ filter: topic, qos: 1 });
  const publisher = await broker.connect();
  for (const text of ["1", "2", "3", "4"]) await publisher.publish(topic, text, { qos: 1 });
  for (const text of ["1", "2", "3"]) expect((await first.next("publish")).text).toBe(text);
  await first.drop();
  const { client } = await broker.resume({ ...kept, properties: { ...kept.properties, receiveMaximum: 1 } });
  for (const text of ["1", "2", "3", "4"]) {
    // It may take its time to come; once it is there, no other one is.
    await until("a message", () => client.inbox.waiting.length > 0);
    await client.ping();
    expect(client.inbox.waiting).toHaveLength(1);
    expect((await client.receive()).text).toBe(text);
  }
});

conforms("messages of QoS 0 do not count", "v5", async (broker) => {
  const topic = broker.topic();
  const { client, publisher } = await narrow(broker, 1, topic);
  for (let count = 0; count < 5; count++) publisher.sendPublish(topic, `${count}`);
  for (let count = 0; count < 5; count++) expect((await client.receive()).text).toBe(`${count}`);
});

conforms(
  "the broker says its Receive Maximum, takes as many, and closes the connection of a client that sends more",
  "v5",
  async (broker) => {
    const client = await broker.open();
    const connack = await client.connect({ clientId: broker.clientId() });
    const window = connack.properties?.receiveMaximum ?? 65_535;
    expect(window).toBe(broker.target.receiveMaximum);
    for (let count = 1; count <= window; count++) client.sendPublish(broker.topic(), "x", { qos: 2, packetId: count });
    for (let count = 1; count <= window; count++) expect((await client.next("pubrec")).packetId).toBe(count);
    client.sendPublish(broker.topic(), "x", { qos: 2, packetId: window + 1 });
    await client.closedFor(0x93);
  },
  "receiveMaximum",
);

conforms("a Receive Maximum of 0 closes the connection", "v5", async (broker) => {
  const client = await broker.open();
  client.sendConnect({ clientId: broker.clientId(), properties: { receiveMaximum: 0 } });
  await client.closedFor(0x81, 0x82);
});
