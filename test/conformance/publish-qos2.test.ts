import { pause } from "@mooring/kit";
import { expect } from "vitest";
import { conforms } from "./conforms.ts";

conforms(
  "a QoS 2 message is answered with PUBREC and PUBCOMP of its packet id [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-8] [5.0 MQTT-4.3.3-11] [3.1.1 MQTT-2.3.1-6] [5.0 MQTT-2.2.1-5]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    client.sendPublish(broker.topic(), "x", { qos: 2, packetId: 77 });
    expect((await client.next("pubrec")).packetId).toBe(77);
    client.pubrel(77);
    expect((await client.next("pubcomp")).packetId).toBe(77);
  },
);

conforms(
  "until its PUBREL a QoS 2 message that comes again is answered and not delivered again [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-10]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const [publisher, subscriber] = [await broker.connect(), await broker.connect()];
    await subscriber.subscribe({ filter: topic, qos: 2 });
    for (const dup of [false, true]) {
      publisher.sendPublish(topic, "once", { qos: 2, packetId: 5, dup });
      expect((await publisher.next("pubrec")).packetId).toBe(5);
    }
    publisher.pubrel(5);
    await publisher.next("pubcomp");
    expect((await subscriber.receive()).text).toBe("once");
    await broker.expectNothing(subscriber, publisher);
  },
);

conforms(
  "until its PUBREL a QoS 2 message is answered and not delivered again however often it comes [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-10]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const [publisher, subscriber] = [await broker.connect(), await broker.connect()];
    await subscriber.subscribe({ filter: topic, qos: 2 });
    for (const dup of [false, true, true]) {
      publisher.sendPublish(topic, "once", { qos: 2, packetId: 5, dup });
      expect((await publisher.next("pubrec")).packetId).toBe(5);
    }
    publisher.pubrel(5);
    await publisher.next("pubcomp");
    expect((await subscriber.receive()).text).toBe("once");
    await broker.expectNothing(subscriber, publisher);
  },
);

conforms("after its PUBCOMP a packet id stands for another message [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-12]", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe(topic);
  for (const text of ["first", "second"]) await client.publish(topic, text, { qos: 2, packetId: 6, dup: text === "second" });
  expect((await client.receive()).text).toBe("first");
  expect((await client.receive()).text).toBe("second");
});

conforms("a PUBREL that comes again is answered again", "all", async (broker) => {
  const client = await broker.connect();
  await client.publish(broker.topic(), "x", { qos: 2, packetId: 8 });
  client.pubrel(8);
  expect(await client.next("pubcomp")).toMatchObject({ packetId: 8 });
});

conforms(
  "a QoS 2 message goes out with an unused packet id, without DUP, and PUBREL follows PUBREC [MQTT-4.3.3-1] [5.0 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-4] [3.1.1 MQTT-2.3.1-4] [5.0 MQTT-2.2.1-4]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    await client.subscribe({ filter: topic, qos: 2 });
    for (const text of ["a", "b", "c"]) await client.publish(topic, text, { qos: 2 });
    const messages = [await client.next("publish"), await client.next("publish"), await client.next("publish")];
    for (const message of messages) expect(message).toMatchObject({ qos: 2, dup: false });
    const ids = messages.map(({ packetId }) => packetId);
    expect(new Set([...ids, 0]).size).toBe(4);
    for (const id of ids) {
      client.pubrec(id);
      expect((await client.next("pubrel")).packetId).toBe(id);
      client.pubcomp(id);
    }
    await client.expectNothing();
  },
);

conforms(
  "a packet id is used again only when its exchange is over [3.1.1 MQTT-2.3.1-4] [5.0 MQTT-2.2.1-4] [5.0 MQTT-4.3.3-5]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const [publisher, subscriber] = [await broker.connect(), await broker.connect()];
    await subscriber.subscribe({ filter: topic, qos: 2 });
    await publisher.publish(topic, "held", { qos: 2 });
    const held = await subscriber.next("publish");
    subscriber.pubrec(held.packetId);
    await subscriber.next("pubrel");
    for (let count = 0; count < 20; count++) {
      await publisher.publish(topic, "x", { qos: 2 });
      expect((await subscriber.receive()).packetId).not.toBe(held.packetId);
    }
    subscriber.pubcomp(held.packetId);
  },
);

conforms(
  "a QoS 2 message without PUBREC comes again when the session resumes, with DUP and its packet id [5.0 MQTT-4.3.3-3] [MQTT-4.4.0-1] [MQTT-3.3.1-1] [3.1.1 MQTT-4.3.3-1]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
    await first.subscribe({ filter: topic, qos: 2 });
    await publisher.publish(topic, "x", { qos: 2 });
    const message = await first.next("publish");
    await first.drop();
    const { client } = await broker.resume(kept);
    const again = await client.receive();
    expect(again).toMatchObject({ text: "x", qos: 2, dup: true, packetId: message.packetId });
    await broker.expectNothing(client, publisher);
  },
);

conforms(
  "after PUBREC only the PUBREL comes again when the session resumes [3.1.1 MQTT-4.3.3-1] [5.0 MQTT-4.3.3-5] [5.0 MQTT-4.3.3-6] [MQTT-4.4.0-1]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
    await first.subscribe({ filter: topic, qos: 2 });
    await publisher.publish(topic, "x", { qos: 2 });
    const { packetId } = await first.next("publish");
    first.pubrec(packetId);
    await first.next("pubrel");
    await first.drop();
    const { client } = await broker.resume(kept);
    expect((await client.next("pubrel")).packetId).toBe(packetId);
    client.pubcomp(packetId);
    await broker.expectNothing(client, publisher);
  },
);

conforms(
  "a PUBLISH repeated by a publisher that came back is delivered once [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-10] [3.1.1 MQTT-3.1.2-4] [5.0 MQTT-3.1.2-5]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [subscriber, first] = [await broker.connect(), await broker.connect(kept)];
    await subscriber.subscribe({ filter: topic, qos: 2 });
    first.sendPublish(topic, "once", { qos: 2, packetId: 3 });
    await first.next("pubrec");
    await first.drop();
    const { client } = await broker.resume(kept);
    client.sendPublish(topic, "once", { qos: 2, packetId: 3, dup: true });
    expect((await client.next("pubrec")).packetId).toBe(3);
    client.pubrel(3);
    expect((await client.next("pubcomp")).packetId).toBe(3);
    expect((await subscriber.receive()).text).toBe("once");
    await broker.expectNothing(subscriber, client);
  },
);

conforms("nothing is sent again while the connection lasts [MQTT-4.4.0-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const [publisher, subscriber] = [await broker.connect(), await broker.connect()];
  await subscriber.subscribe({ filter: topic, qos: 2 });
  await publisher.publish(topic, "1", { qos: 1 });
  await publisher.publish(topic, "2", { qos: 2 });
  const [one, two] = [await subscriber.next("publish"), await subscriber.next("publish")];
  subscriber.pubrec(two.packetId);
  await subscriber.next("pubrel");
  await pause(3_000);
  await subscriber.expectNothing();
  subscriber.puback(one.packetId);
  subscriber.pubcomp(two.packetId);
});

conforms("a message that was refused with a reason code is not sent again [MQTT-4.4.0-2]", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
  await first.subscribe({ filter: topic, qos: 2 });
  await publisher.publish(topic, "1", { qos: 1 });
  await publisher.publish(topic, "2", { qos: 2 });
  first.puback((await first.next("publish")).packetId, 0x80);
  first.pubrec((await first.next("publish")).packetId, 0x97);
  await first.ping();
  await first.drop();
  const { client } = await broker.resume(kept);
  await broker.expectNothing(client, publisher);
});

conforms("a message whose delivery has begun is completed although it has expired [MQTT-4.3.3-7]", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
  await first.subscribe({ filter: topic, qos: 2 });
  await publisher.publish(topic, "x", { qos: 2, properties: { messageExpiryIntervalS: 1 } });
  const { packetId } = await first.next("publish");
  await first.drop();
  await pause(2_200);
  const { client } = await broker.resume(kept);
  expect(await client.receive()).toMatchObject({ text: "x", packetId, dup: true });
});

conforms("a received message that has expired is still acknowledged to the end [MQTT-4.3.3-13]", "v5", async (broker) => {
  const client = await broker.connect();
  client.sendPublish(broker.topic(), "x", { qos: 2, packetId: 4, properties: { messageExpiryIntervalS: 1 } });
  await client.next("pubrec");
  await pause(1_500);
  client.pubrel(4);
  expect(await client.next("pubcomp")).toMatchObject({ packetId: 4, reasonCode: 0 });
});

conforms("a QoS 2 message refused in PUBREC leaves its packet id free for another one [MQTT-4.3.3-9]", "v5", async (broker) => {
  const client = await broker.connect();
  // What a broker may refuse: a topic that it keeps for itself.
  client.sendPublish("$SYS/conformance", "x", { qos: 2, packetId: 2 });
  const pubrec = await client.next("pubrec");
  if (pubrec.reasonCode >= 0x80) expect(await client.publish(broker.topic(), "x", { qos: 2, packetId: 2 })).toBe(0);
});
