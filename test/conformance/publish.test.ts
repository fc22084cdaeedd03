import { pause } from "@mooring/kit";
import { expect } from "vitest";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

conforms(
  "a QoS 0 message is delivered with QoS 0, without DUP and without a packet id [MQTT-4.3.1-1] [MQTT-3.3.1-2] [3.1.1 MQTT-2.3.1-5] [5.0 MQTT-2.2.1-2]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe({ filter: topic, qos: 2 });
    await client.publish(topic, "payload");
    const message = await client.receive();
    expect(message).toMatchObject({ topic, text: "payload", qos: 0, dup: false });
    expect(message.raw[0]).toBe(0x30);
    expect(message.raw.length).toBe(2 + 2 + topic.length + (broker.isV5 ? 1 : 0) + "payload".length);
  },
);

conforms(
  "a PUBLISH is answered as its QoS says: not, with PUBACK, with PUBREC [MQTT-3.3.4-1] [3.1.1 MQTT-4.3.2-2] [5.0 MQTT-4.3.2-4] [3.1.1 MQTT-2.3.1-6] [5.0 MQTT-2.2.1-5]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    client.sendPublish(broker.topic(), "x");
    await client.expectNothing();
    client.sendPublish(broker.topic(), "x", { qos: 1, packetId: 4711 });
    expect(await client.next("puback")).toMatchObject({ packetId: 4711, reasonCode: expect.toBeOneOf([0, 0x10]) });
    client.sendPublish(broker.topic(), "x", { qos: 2, packetId: 65_535 });
    expect(await client.next("pubrec")).toMatchObject({ packetId: 65_535, reasonCode: expect.toBeOneOf([0, 0x10]) });
    await client.expectNothing();
  },
);

conforms(
  "a QoS 1 message is delivered with a packet id that is not in use, without DUP [MQTT-4.3.2-1] [5.0 MQTT-4.3.2-2] [3.1.1 MQTT-2.3.1-4] [5.0 MQTT-2.2.1-4]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe({ filter: topic, qos: 1 });
    for (let count = 0; count < 5; count++) await client.publish(topic, `${count}`, { qos: 1 });
    const messages = [];
    for (let count = 0; count < 5; count++) messages.push(await client.next("publish"));
    for (const message of messages) expect(message).toMatchObject({ qos: 1, dup: false });
    expect(new Set(messages.map(({ packetId }) => packetId)).size).toBe(5);
    expect(messages.map(({ packetId }) => packetId)).not.toContain(0);
  },
);

conforms("the packet ids of a session's first messages are 1, 2 and 3", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe({ filter: topic, qos: 1 });
  for (const expected of [1, 2, 3]) {
    await client.publish(topic, "x", { qos: 1 });
    expect((await client.receive()).packetId).toBe(expected);
  }
});

conforms(
  "after its PUBACK a packet id stands for another message, whatever DUP says [3.1.1 MQTT-4.3.2-2] [5.0 MQTT-4.3.2-5]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe(topic);
    await client.publish(topic, "first", { qos: 1, packetId: 9 });
    await client.publish(topic, "second", { qos: 1, packetId: 9, dup: true });
    expect((await client.receive()).text).toBe("first");
    expect((await client.receive()).text).toBe("second");
  },
);

conforms("the DUP of a message that comes in does not go out [MQTT-3.3.1-3]", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe({ filter: topic, qos: 2 });
  await client.publish(topic, "1", { qos: 1, dup: true });
  expect(await client.receive()).toMatchObject({ qos: 1, dup: false });
  await client.publish(topic, "2", { qos: 2, dup: true });
  expect(await client.receive()).toMatchObject({ qos: 2, dup: false });
});

conforms(
  "a PUBLISH to a topic with a wildcard closes the connection [MQTT-3.3.2-2] [3.1.1 MQTT-4.7.1-1] [5.0 MQTT-4.7.0-1]",
  "all",
  async (broker) => {
    for (const topic of ["a/+", "a/#", "#", "+", "a/b+/c", "a#"]) {
      const client = await broker.connect();
      client.sendPublish(topic, "x");
      await client.closedFor(0x81, 0x82, 0x90);
    }
  },
);

conforms("a message comes with the topic it was published to, which its filter matches [MQTT-3.3.2-3]", "all", async (broker) => {
  const client = await broker.connect();
  await client.subscribe(broker.topic("+/b/#"));
  for (const rest of ["a/b", "x/b/c", "a//b", "/b", "a/b/c/d"]) await client.publish(broker.topic(rest), "x", { qos: 1 });
  for (const rest of ["a/b", "x/b/c", "/b", "a/b/c/d"]) expect((await client.receive()).topic).toBe(broker.topic(rest));
  await client.expectNothing();
});

conforms(
  "a message goes to every client that subscribed to it, the publisher too, and to no other [MQTT-4.5.0-1]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const clients = await Promise.all(Array.from({ length: 5 }, () => broker.connect()));
    for (const [index, client] of clients.entries()) await client.subscribe(index < 4 ? topic : `${topic}x`);
    const [publisher, , , , stranger] = clients;
    if (publisher === undefined || stranger === undefined) throw new Error("no clients");
    await publisher.publish(topic, "all", { qos: 2 });
    for (const client of clients.slice(0, 4)) expect((await client.receive()).text).toBe("all");
    await broker.expectNothing(stranger, publisher);
  },
);

conforms("a topic the broker keeps for itself is acknowledged or closes the connection [MQTT-3.3.5-2]", "v3", async (broker) => {
  const client = await broker.connect();
  client.sendPublish("$SYS/conformance", "x", { qos: 1 });
  const [packet] = await Promise.race([client.inbox.closed(), client.inbox.next().then((next) => [next])]);
  if (packet !== undefined) expect(packet.type).toBe("puback");
});

conforms(
  "messages of one publisher to one topic arrive in the order they were sent, at each QoS [MQTT-4.6.0-5] [MQTT-4.6.0-6]",
  "all",
  async (broker) => {
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2] as const) {
      const topic = broker.topic(`${qos}`);
      const subscriber = await broker.connect();
      await subscriber.subscribe({ filter: topic, qos });
      const sending = async (): Promise<void> => {
        for (let count = 0; count < 60; count++) await publisher.publish(topic, `${count}`, { qos });
      };
      const sent = sending();
      for (let count = 0; count < 60; count++) expect((await subscriber.receive()).text).toBe(`${count}`);
      await sent;
    }
  },
);

conforms("acknowledgements come in the order of what they acknowledge [3.1.1 MQTT-4.6.0-6]", "all", async (broker) => {
  const client = await broker.connect();
  const ids = [5, 3, 9, 1, 8];
  for (const packetId of ids) client.sendPublish(broker.topic(), "x", { qos: 1, packetId });
  for (const packetId of ids) expect((await client.next("puback")).packetId).toBe(packetId);
  for (const packetId of ids) client.sendPublish(broker.topic(), "x", { qos: 2, packetId });
  for (const packetId of ids) expect((await client.next("pubrec")).packetId).toBe(packetId);
  for (const packetId of ids) client.pubrel(packetId);
  for (const packetId of ids) expect((await client.next("pubcomp")).packetId).toBe(packetId);
});

conforms("an empty payload and one of 200 kB arrive as they were sent", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe({ filter: topic, qos: 1 });
  const large = Buffer.alloc(200_000, "0123456789abcdef");
  await client.publish(topic, "", { qos: 1 });
  await client.publish(topic, large, { qos: 1 });
  expect((await client.receive()).payload).toHaveLength(0);
  expect(large.equals((await client.receive()).payload)).toBe(true);
});

conforms(
  "the answers to a PUBLISH carry only codes listed for them [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1] [MQTT-3.6.2-1]",
  "v5",
  async (broker) => {
    // The decoder refuses any other code; what is shown is that all four packets come.
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe({ filter: topic, qos: 2 });
    expect(await client.publish(topic, "x", { qos: 1 })).toBe(0);
    expect(await client.publish(topic, "x", { qos: 2 })).toBe(0);
    expect((await client.receive()).qos).toBe(1);
    expect((await client.receive()).qos).toBe(2);
    // A packet id that is not known is no reason to end the connection.
    client.pubrel(999);
    expect(await client.next("pubcomp")).toMatchObject({ packetId: 999, reasonCode: expect.toBeOneOf([0, 0x92]) });
    expect(await client.publish(broker.topic("nobody"), "x", { qos: 1 })).toBeOneOf([0, 0x10]);
  },
);

conforms(
  "what is said about a message arrives unaltered and in order [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe({ filter: topic, qos: 2 });
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain; é",
      responseTopic: broker.topic("answer"),
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: [
        ["z", "1"],
        ["a", "2"],
        ["z", "1"],
        ["", ""],
        ["é", "\u{1f600}"],
      ] as [string, string][],
    };
    for (const qos of [0, 1, 2] as const) {
      await client.publish(topic, "x", { qos, properties });
      const got = (await client.receive()).properties;
      expect(got).toMatchObject({
        payloadFormatIndicator: 1,
        contentType: properties.contentType,
        responseTopic: properties.responseTopic,
      });
      expect([...(got?.correlationData ?? [])]).toEqual([0, 1, 255]);
      expect(got?.userProperties).toEqual(properties.userProperties);
    }
  },
);

conforms("a payload format of 0 and none at all arrive as they were sent [MQTT-3.3.2-4]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe(topic);
  await client.publish(topic, "x", { properties: { payloadFormatIndicator: 0 } });
  expect((await client.receive()).properties?.payloadFormatIndicator ?? 0).toBe(0);
  await client.publish(topic, "x");
  expect((await client.receive()).properties?.payloadFormatIndicator).toBeUndefined();
});

conforms("a response topic with a wildcard closes the connection [MQTT-3.3.2-14]", "v5", async (broker) => {
  for (const responseTopic of ["a/#", "+"]) {
    const client = await broker.connect();
    client.sendPublish(broker.topic(), "x", { properties: { responseTopic } });
    await client.closedFor(0x81, 0x82, 0x90);
  }
});

conforms("a request finds its answer by response topic and correlation data", "v5", async (broker) => {
  const [asking, answering] = [await broker.connect(), await broker.connect()];
  await answering.subscribe({ filter: broker.topic("ask"), qos: 1 });
  await asking.subscribe({ filter: broker.topic("answer/+"), qos: 1 });
  const properties = { responseTopic: broker.topic("answer/1"), correlationData: Buffer.from("c-1") };
  await asking.publish(broker.topic("ask"), "?", { qos: 1, properties });
  const question = await answering.receive();
  const { responseTopic = "", correlationData } = question.properties ?? {};
  await answering.publish(responseTopic, "!", { qos: 1, properties: { correlationData } });
  const answer = await asking.receive();
  expect(answer).toMatchObject({ topic: broker.topic("answer/1"), text: "!" });
  expect(Buffer.from(answer.properties?.correlationData ?? []).toString()).toBe("c-1");
});

conforms(
  "a message is not delivered once its expiry has passed, and otherwise with what is left of it [MQTT-3.3.2-5] [MQTT-3.3.2-6]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const away = await broker.connect(kept);
    await away.subscribe({ filter: topic, qos: 2 });
    await away.drop();
    const publisher = await broker.connect();
    for (const qos of [1, 2] as const) {
      await publisher.publish(topic, `short ${qos}`, { qos, properties: { messageExpiryIntervalS: 1 } });
      await publisher.publish(topic, `long ${qos}`, { qos, properties: { messageExpiryIntervalS: 100 } });
    }
    await pause(2_200);
    const { client } = await broker.resume(kept);
    for (const qos of [1, 2]) {
      const message = await client.receive();
      expect(message.text).toBe(`long ${qos}`);
      expect(message.properties?.messageExpiryIntervalS).toBeGreaterThanOrEqual(90);
      expect(message.properties?.messageExpiryIntervalS).toBeLessThanOrEqual(98);
    }
    await client.expectNothing();
  },
);

conforms("a message that waited for nothing keeps its expiry [MQTT-3.3.2-6]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe(topic);
  await client.publish(topic, "x", { properties: { messageExpiryIntervalS: 100 } });
  expect((await client.receive()).properties?.messageExpiryIntervalS).toBeOneOf([99, 100]);
});

conforms("a subscription identifier from a client closes the connection", "v5", async (broker) => {
  const client = await broker.connect();
  client.send(packetOf("30", '"a" 02 0b 01 78'));
  await client.closedFor(0x81, 0x82);
});
