import { pause } from "@mooring/kit";
import { expect } from "vitest";
import { conforms } from "./conforms.ts";

conforms(
  "a retained message goes to whoever subscribes later, with RETAIN and its QoS [MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-6] [3.1.1 MQTT-3.3.1-8] [5.0 MQTT-3.3.1-9]",
  "all",
  async (broker) => {
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2] as const) await publisher.publish(broker.topic(`a/${qos}`), `kept ${qos}`, { qos, retain: true });
    const later = await broker.connect();
    await later.subscribe({ filter: broker.topic("a/+"), qos: 2 });
    const messages = [await later.receive(), await later.receive(), await later.receive()].sort((a, b) => a.qos - b.qos);
    for (const qos of [0, 1, 2])
      expect(messages[qos]).toMatchObject({ topic: broker.topic(`a/${qos}`), text: `kept ${qos}`, qos, retain: true });
    await later.expectNothing();
  },
);

conforms(
  "a message is delivered to those who are subscribed without RETAIN [3.1.1 MQTT-3.3.1-9] [5.0 MQTT-3.3.1-12]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe(topic);
    await client.publish(topic, "x", { qos: 1, retain: true });
    expect(await client.receive()).toMatchObject({ text: "x", retain: false });
  },
);

conforms(
  "only the last retained message of a topic is kept, also one of QoS 0 [MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-7]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.publish(topic, "old", { qos: 2, retain: true });
    await client.publish(topic, "older", { qos: 1, retain: true });
    await client.publish(topic, "new", { retain: true });
    await client.ping();
    await client.subscribe({ filter: topic, qos: 2 });
    expect(await client.receive()).toMatchObject({ text: "new", qos: 0, retain: true });
    await client.expectNothing();
  },
);

conforms(
  "an empty retained message is delivered, removes the one that was kept, and is not kept [3.1.1 MQTT-3.3.1-10] [3.1.1 MQTT-3.3.1-11] [5.0 MQTT-3.3.1-6] [5.0 MQTT-3.3.1-7]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const [client, later] = [await broker.connect(), await broker.connect()];
    await client.publish(topic, "x", { qos: 1, retain: true });
    await client.subscribe(topic);
    expect((await client.receive()).text).toBe("x");
    await client.publish(topic, "", { qos: 1, retain: true });
    expect(await client.receive()).toMatchObject({ text: "", retain: false });
    await later.subscribe(topic);
    await later.expectNothing();
  },
);

conforms("a message without RETAIN leaves the retained one alone [3.1.1 MQTT-3.3.1-12] [5.0 MQTT-3.3.1-8]", "all", async (broker) => {
  const topic = broker.topic();
  const [client, later] = [await broker.connect(), await broker.connect()];
  await client.publish(topic, "kept", { qos: 1, retain: true });
  for (const qos of [0, 1, 2] as const) await client.publish(topic, "live", { qos });
  await client.publish(topic, "", { qos: 1 });
  await later.subscribe(topic);
  expect((await later.receive()).text).toBe("kept");
  await later.expectNothing();
});

conforms("a retained message outlives the session that published it [3.1.1 MQTT-3.1.2-7]", "all", async (broker) => {
  const topic = broker.topic();
  const clientId = broker.clientId();
  const first = await broker.connect({ clientId });
  await first.publish(topic, "kept", { qos: 1, retain: true });
  await first.disconnect();
  const { client } = await broker.resume({ clientId, cleanStart: true });
  await client.subscribe(topic);
  expect((await client.receive()).text).toBe("kept");
});

conforms(
  "a retained message is delivered with the smaller of its QoS and the one granted [3.1.1 MQTT-3.8.4-6] [5.0 MQTT-3.8.4-8]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.publish(topic, "x", { qos: 2, retain: true });
    for (const qos of [0, 1, 2] as const) {
      const later = await broker.connect();
      await later.subscribe({ filter: topic, qos });
      expect(await later.receive()).toMatchObject({ qos, retain: true });
    }
  },
);

conforms(
  "who subscribes again is sent the retained messages again [MQTT-3.8.4-3] [5.0 MQTT-3.8.4-4] [5.0 MQTT-3.3.1-9]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.publish(topic, "kept", { qos: 1, retain: true });
    for (const qos of [0, 1, 0] as const) {
      await client.subscribe({ filter: topic, qos });
      expect(await client.receive()).toMatchObject({ text: "kept", qos, retain: true });
    }
    await client.expectNothing();
  },
);

conforms("each filter of one SUBSCRIBE brings its retained messages", "all", async (broker) => {
  const client = await broker.connect();
  await client.publish(broker.topic("a"), "a", { qos: 1, retain: true });
  await client.publish(broker.topic("b"), "b", { qos: 1, retain: true });
  await client.subscribe(broker.topic("a"), broker.topic("nothing"), broker.topic("b"));
  expect([(await client.receive()).text, (await client.receive()).text].sort()).toEqual(["a", "b"]);
  await client.expectNothing();
});

conforms("with Retain Handling 1 retained messages come with a new subscription only [MQTT-3.3.1-10]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.publish(topic, "kept", { qos: 1, retain: true });
  await client.subscribe({ filter: topic, retainHandling: 1 });
  expect((await client.receive()).text).toBe("kept");
  await client.subscribe({ filter: topic, retainHandling: 1, qos: 1 });
  await client.expectNothing();
  await client.unsubscribe(topic);
  await client.subscribe({ filter: topic, retainHandling: 1 });
  expect((await client.receive()).text).toBe("kept");
});

conforms("with Retain Handling 2 no retained messages come, and others do [MQTT-3.3.1-11]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.publish(topic, "kept", { qos: 1, retain: true });
  for (let count = 0; count < 2; count++) {
    await client.subscribe({ filter: topic, retainHandling: 2 });
    await client.expectNothing();
  }
  await client.publish(topic, "live", { qos: 1, retain: true });
  expect((await client.receive()).text).toBe("live");
});

conforms("with Retain As Published the RETAIN flag arrives as it was sent [MQTT-3.3.1-13]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe({ filter: topic, retainAsPublished: true });
  for (const retain of [true, false]) {
    await client.publish(topic, "x", { qos: 1, retain });
    expect(await client.receive()).toMatchObject({ retain });
  }
});

conforms("a retained message that is sent later has RETAIN, whatever Retain As Published says [MQTT-3.3.1-9]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.publish(topic, "x", { qos: 1, retain: true });
  for (const retainAsPublished of [true, false]) {
    await client.subscribe({ filter: topic, retainAsPublished });
    expect(await client.receive()).toMatchObject({ text: "x", retain: true });
  }
});

conforms(
  "a retained message keeps its properties, and its expiry runs [MQTT-3.3.2-6] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    const userProperties: [string, string][] = [
      ["b", "1"],
      ["a", "2"],
    ];
    await client.publish(topic, "x", {
      qos: 1,
      retain: true,
      properties: { userProperties, contentType: "text", messageExpiryIntervalS: 100 },
    });
    await pause(1_100);
    await client.subscribe(topic);
    const { properties } = await client.receive();
    expect(properties).toMatchObject({ userProperties, contentType: "text" });
    expect(properties?.messageExpiryIntervalS).toBeLessThanOrEqual(99);
    expect(properties?.messageExpiryIntervalS).toBeGreaterThan(90);
  },
);

conforms("a retained message whose expiry has passed is gone [MQTT-3.3.2-5]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.publish(topic, "x", { qos: 1, retain: true, properties: { messageExpiryIntervalS: 1 } });
  await pause(2_200);
  await client.subscribe(topic);
  await client.expectNothing();
});

conforms("a retained message brings the subscription's identifier [MQTT-3.3.4-3]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.publish(topic, "x", { qos: 1, retain: true });
  await client.subscribeWith({ subscriptionIds: [77] }, topic);
  expect((await client.receive()).properties?.subscriptionIds).toEqual([77]);
});

conforms("a message from a client of another version arrives with what this version can say", "all", async (broker) => {
  const topic = broker.topic();
  const [old, current] = [await broker.open(broker.target.tcp, 4), await broker.open(broker.target.tcp, 5)];
  await old.connect({ clientId: broker.clientId() });
  await current.connect({ clientId: broker.clientId() });
  await old.publish(topic, "old", { qos: 1, retain: true });
  await current.publish(`${topic}/5`, "new", { qos: 1, retain: true, properties: { contentType: "text" } });
  const client = await broker.connect();
  await client.subscribe({ filter: `${topic}/#`, qos: 1 });
  const messages = [await client.receive(), await client.receive()];
  expect(messages.map(({ text }) => text).sort()).toEqual(["new", "old"]);
});
