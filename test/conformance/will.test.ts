import { pause } from "@mooring/kit";
import type { Qos, Will } from "@mooring/mqtt";
import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { packetOf } from "./bytes.ts";
import type { Client } from "./client.ts";
import { conforms } from "./conforms.ts";

function willTo(topic: string, more: Partial<Will> = {}): Will {
  return { topic, payload: Buffer.from("gone"), qos: 0 as Qos, retain: false, properties: null, ...more };
}

async function watcherOf(broker: Broker, filter: string, qos: Qos = 2): Promise<Client> {
  const watcher = await broker.connect();
  await watcher.subscribe({ filter, qos });
  return watcher;
}

conforms("the will is published once when the network fails [MQTT-3.1.2-8] [MQTT-3.1.2-10] [5.0 MQTT-3.1.2-7]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const clientId = broker.clientId();
  const client = await broker.connect({ clientId, will: willTo(topic) });
  await broker.expectNothing(watcher, await broker.connect());
  await client.drop();
  expect(await watcher.receive()).toMatchObject({ topic, text: "gone" });
  const again = await broker.connect({ clientId });
  await again.drop();
  await broker.expectNothing(watcher, await broker.connect());
});

conforms("the will is published when the broker ends the connection for a broken rule [MQTT-3.1.2-8]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const client = await broker.connect({ will: willTo(topic) });
  client.send(packetOf("36", '"a" 00 01 00 78'));
  await client.closed();
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
});

conforms("the will is published when another client takes the client id [MQTT-3.1.2-8]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const clientId = broker.clientId();
  const client = await broker.connect({ clientId, will: willTo(topic) });
  await broker.connect({ clientId });
  await client.closed();
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
});

conforms("after DISCONNECT the will is gone [MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT-3.1.2-8]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const client = await broker.connect({ will: willTo(topic) });
  await client.disconnect();
  await broker.expectNothing(watcher, await broker.connect());
});

conforms("a client without a will leaves none, also where it had one before [3.1.1 MQTT-3.1.2-12]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const kept = broker.kept(broker.clientId());
  const first = await broker.connect({ ...kept, will: willTo(topic) });
  await first.disconnect();
  const { client } = await broker.resume(kept);
  await client.drop();
  await broker.expectNothing(watcher, await broker.connect());
});

conforms("the will has the QoS that CONNECT gave it [MQTT-3.1.2-9]", "all", async (broker) => {
  for (const qos of [0, 1, 2] as const) {
    const topic = broker.topic(`${qos}`);
    const watcher = await watcherOf(broker, topic);
    const client = await broker.connect({ will: willTo(topic, { qos, payload: Buffer.from([0, 255]) }) });
    await client.drop();
    const message = await watcher.receive();
    expect(message).toMatchObject({ qos, retain: false });
    expect([...message.payload]).toEqual([0, 255]);
  }
});

conforms("a will without will retain is not retained [3.1.1 MQTT-3.1.2-16] [5.0 MQTT-3.1.2-14]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  await (await broker.connect({ will: willTo(topic) })).drop();
  await watcher.receive();
  await (await watcherOf(broker, topic)).expectNothing();
});

conforms("a will with will retain is retained [3.1.1 MQTT-3.1.2-17] [5.0 MQTT-3.1.2-15]", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  await (await broker.connect({ will: willTo(topic, { retain: true, qos: 1 }) })).drop();
  expect(await watcher.receive()).toMatchObject({ retain: false });
  expect(await (await watcherOf(broker, topic)).receive()).toMatchObject({ text: "gone", retain: true, qos: 1 });
});

conforms("an empty will with will retain removes what was retained", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  await watcher.publish(topic, "old", { qos: 1, retain: true });
  await watcher.receive();
  await (await broker.connect({ will: willTo(topic, { retain: true, payload: Buffer.alloc(0) }) })).drop();
  expect((await watcher.receive()).payload).toHaveLength(0);
  await (await watcherOf(broker, topic)).expectNothing();
});

conforms("DISCONNECT with 0x04 publishes the will [MQTT-3.1.2-8]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const client = await broker.connect({ will: willTo(topic) });
  await client.disconnect(0x04);
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
});

conforms("a will waits for its delay [MQTT-3.1.2-8]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const kept = broker.kept(broker.clientId());
  const client = await broker.connect({ ...kept, will: willTo(topic, { properties: { willDelayIntervalS: 4 } }) });
  await client.drop();
  const droppedAt = Date.now();
  await broker.expectNothing(watcher, await broker.connect());
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
  // Brokers count in whole seconds.
  expect(Date.now() - droppedAt).toBeGreaterThanOrEqual(3_000);
});

conforms(
  "a client that comes back before its will's delay keeps the will from being published [MQTT-3.1.3-9] [MQTT-3.1.2-8]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const watcher = await watcherOf(broker, topic);
    const kept = broker.kept(broker.clientId());
    const client = await broker.connect({ ...kept, will: willTo(topic, { properties: { willDelayIntervalS: 3 } }) });
    await client.drop();
    await broker.resume(kept);
    await pause(4_500);
    await broker.expectNothing(watcher, await broker.connect());
  },
);

conforms("a will whose session ends before its delay is published then [MQTT-3.1.2-8]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const kept = broker.kept(broker.clientId(), 1);
  const client = await broker.connect({ ...kept, will: willTo(topic, { properties: { willDelayIntervalS: 600 } }) });
  await client.drop();
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
});

conforms("a will is published at once when a clean start ends its session before the delay [MQTT-3.1.2-8]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const kept = broker.kept(broker.clientId());
  const client = await broker.connect({ ...kept, will: willTo(topic, { properties: { willDelayIntervalS: 600 } }) });
  await client.drop();
  await broker.resume({ ...kept, cleanStart: true });
  expect(await watcher.receive()).toMatchObject({ text: "gone" });
});

conforms("what is said about a will arrives with it, user properties in their order [MQTT-3.1.3-10]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await watcherOf(broker, topic);
  const userProperties: [string, string][] = [
    ["z", "1"],
    ["a", "2"],
    ["z", "3"],
  ];
  const said = { payloadFormatIndicator: 1, contentType: "text", responseTopic: "r/1", messageExpiryIntervalS: 500, userProperties };
  const client = await broker.connect({ will: willTo(topic, { properties: { ...said, correlationData: Buffer.from("c") } }) });
  await client.drop();
  const { properties } = await watcher.receive();
  expect(properties).toMatchObject({ ...said, messageExpiryIntervalS: expect.toBeOneOf([498, 499, 500]) });
  expect(properties?.willDelayIntervalS).toBeUndefined();
  expect(Buffer.from(properties?.correlationData ?? []).toString()).toBe("c");
});

conforms("a will to a topic with a wildcard closes the connection", "all", async (broker) => {
  const client = await broker.open();
  client.sendConnect({ clientId: broker.clientId(), will: willTo("a/#") });
  await client.closedFor(0x81, 0x82, 0x90);
});
