import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import type { Client } from "./client.ts";
import { conforms } from "./conforms.ts";

async function connectWithAliases(broker: Broker): Promise<{ readonly client: Client; readonly max: number }> {
  const client = await broker.open();
  const connack = await client.connect({ clientId: broker.clientId() });
  return { client, max: connack.properties?.topicAliasMaximum ?? 0 };
}

conforms("the broker takes every topic alias up to its maximum, and a new topic for an old one [MQTT-3.3.2-12]", "v5", async (broker) => {
  const { client, max } = await connectWithAliases(broker);
  await client.subscribe({ filter: broker.topic("#"), qos: 1 });
  for (let alias = 1; alias <= Math.min(max, 200); alias++) {
    await client.publish(broker.topic(`${alias}`), "named", { qos: 1, properties: { topicAlias: alias } });
    await client.publish("", "by alias", { qos: 1, properties: { topicAlias: alias } });
    for (const text of ["named", "by alias"]) expect(await client.receive()).toMatchObject({ topic: broker.topic(`${alias}`), text });
  }
  if (max === 0) return;
  for (const topicAlias of [max, 1]) {
    await client.publish(broker.topic("new"), "new", { qos: 1, properties: { topicAlias } });
    await client.publish("", "again", { qos: 1, properties: { topicAlias } });
    for (const text of ["new", "again"]) expect(await client.receive()).toMatchObject({ topic: broker.topic("new"), text });
  }
});

conforms("a topic alias of 0 closes the connection [MQTT-3.3.2-8]", "v5", async (broker) => {
  const { client } = await connectWithAliases(broker);
  client.sendPublish(broker.topic(), "x", { properties: { topicAlias: 0 } });
  await client.closedFor(0x94, 0x82, 0x81);
});

conforms("a topic alias above the broker's maximum closes the connection", "v5", async (broker) => {
  const { client, max } = await connectWithAliases(broker);
  client.sendPublish(broker.topic(), "x", { properties: { topicAlias: max + 1 } });
  await client.closedFor(0x94, 0x82);
});

conforms("a topic alias that was not explained closes the connection", "v5", async (broker) => {
  const { client, max } = await connectWithAliases(broker);
  if (max === 0) return;
  client.sendPublish("", "x", { properties: { topicAlias: 1 } });
  await client.closedFor(0x82, 0x94);
});

conforms("a topic alias is forgotten with its connection [MQTT-3.3.2-7]", "v5", async (broker) => {
  const kept = broker.kept(broker.clientId());
  const first = await broker.open();
  const connack = await first.connect(kept);
  if ((connack.properties?.topicAliasMaximum ?? 0) === 0) return;
  await first.publish(broker.topic(), "x", { qos: 1, properties: { topicAlias: 1 } });
  await first.drop();
  const { client } = await broker.resume(kept);
  client.sendPublish("", "x", { properties: { topicAlias: 1 } });
  await client.closedFor(0x82, 0x94);
});

conforms("aliases of one client mean nothing to another", "v5", async (broker) => {
  const [a, b] = [await connectWithAliases(broker), await connectWithAliases(broker)];
  if (a.max === 0) return;
  await a.client.subscribe({ filter: broker.topic("#"), qos: 1 });
  await a.client.publish(broker.topic("a"), "a", { qos: 1, properties: { topicAlias: 1 } });
  await b.client.publish(broker.topic("b"), "b", { qos: 1, properties: { topicAlias: 1 } });
  await a.client.publish("", "a", { qos: 1, properties: { topicAlias: 1 } });
  for (const text of ["a", "b", "a"]) expect(await a.client.receive()).toMatchObject({ topic: broker.topic(text), text });
});

// What a client that takes aliases is sent, it resolves and judges itself: none above its maximum, none unexplained.

conforms("the broker sends no topic alias above the client's maximum [MQTT-3.1.2-26] [MQTT-3.3.2-11]", "v5", async (broker) => {
  const client = await broker.connect({ properties: { topicAliasMaximum: 2 } });
  await client.subscribe({ filter: broker.topic("#"), qos: 1 });
  for (let count = 0; count < 12; count++) {
    const topic = broker.topic(`${count % 4}`);
    await client.publish(topic, `${count}`, { qos: 1 });
    expect(await client.receive()).toMatchObject({ topic, text: `${count}` });
  }
});

conforms("the broker sends no topic alias to a client that takes none [MQTT-3.1.2-27]", "v5", async (broker) => {
  for (const properties of [null, { topicAliasMaximum: 0 }]) {
    const client = await broker.connect({ properties });
    await client.subscribe(broker.topic());
    for (let count = 0; count < 4; count++) {
      await client.publish(broker.topic(), "x", { properties: { topicAlias: 1 } }).catch(() => undefined);
      expect((await client.receive()).properties?.topicAlias).toBeUndefined();
    }
  }
});
