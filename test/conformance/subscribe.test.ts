import type { Qos } from "@mooring/mqtt";
import { expect } from "vitest";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

conforms(
  "a SUBSCRIBE is answered with a SUBACK of its packet id and the QoS granted [MQTT-3.8.4-1] [MQTT-3.8.4-2] [3.1.1 MQTT-2.3.1-7] [5.0 MQTT-2.2.1-6] [5.0 MQTT-3.8.4-7]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    const none = broker.isV5 ? "00" : "";
    for (const [id, qos] of [
      ["00 07", 0],
      ["ff ff", 1],
      ["12 34", 2],
    ] as const) {
      client.send(packetOf("82", `${id} ${none} "${broker.topic("a")}" 0${qos}`));
      const suback = await client.next("suback");
      expect(suback.raw.subarray(2, 4).toString("hex")).toBe(id.replace(" ", ""));
      expect(suback.reasonCodes).toEqual([qos]);
    }
  },
);

conforms(
  "a SUBACK has a code for each filter, in their order [3.1.1 MQTT-3.8.4-5] [5.0 MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-3.9.3-2]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    const requests = [2, 0, 1, 2, 0].map((qos, at) => ({ filter: broker.topic(`${at}`), qos: qos as Qos }));
    expect((await client.subscribe(...requests)).reasonCodes).toEqual([2, 0, 1, 2, 0]);
  },
);

conforms(
  "a filter that is refused has its own code, and the others are granted [3.1.1 MQTT-3.8.4-5] [5.0 MQTT-3.8.4-6] [5.0 MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2]",
  "oasis",
  async (broker) => {
    const { refusing } = broker.target;
    if (refusing === undefined) return;
    const client = await broker.open(refusing);
    await client.connect({ clientId: broker.clientId() });
    const suback = await client.subscribe({ filter: broker.topic("a"), qos: 1 }, { filter: refusing.filter, qos: 2 }, broker.topic("b"));
    expect(suback.reasonCodes).toEqual([1, broker.isV5 ? 0x87 : 0x80, 0]);
    await client.publish(refusing.filter, "not for us", { qos: 1 });
    await client.publish(broker.topic("b"), "for us", { qos: 1 });
    expect((await client.receive()).text).toBe("for us");
  },
  "refusing",
);

conforms("many filters in one SUBSCRIBE are handled one after the other [3.1.1 MQTT-3.8.4-4] [5.0 MQTT-3.8.4-5]", "all", async (broker) => {
  const client = await broker.connect();
  const topic = broker.topic("a");
  // The last one for a filter counts.
  const suback = await client.subscribe({ filter: topic, qos: 2 }, { filter: broker.topic("b"), qos: 1 }, { filter: topic, qos: 0 });
  expect(suback.reasonCodes).toEqual([2, 1, 0]);
  await client.publish(topic, "a", { qos: 2 });
  await client.publish(broker.topic("b"), "b", { qos: 2 });
  expect(await client.receive()).toMatchObject({ text: "a", qos: 0 });
  expect(await client.receive()).toMatchObject({ text: "b", qos: 1 });
  await client.expectNothing();
});

conforms("a subscription to a filter that is there replaces it: one message, with the new QoS [MQTT-3.8.4-3]", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  for (const qos of [0, 2, 1] as const) {
    await client.subscribe({ filter: topic, qos });
    await client.publish(topic, "x", { qos: 2 });
    expect(await client.receive()).toMatchObject({ qos });
    await client.expectNothing();
  }
});

conforms("no message is lost while a subscription is replaced [MQTT-3.8.4-3] [5.0 MQTT-3.8.4-4]", "all", async (broker) => {
  const topic = broker.topic();
  const [publisher, subscriber] = [await broker.connect(), await broker.connect()];
  await subscriber.subscribe({ filter: topic, qos: 1 });
  const sending = (async () => {
    for (let count = 0; count < 100; count++) await publisher.publish(topic, `${count}`, { qos: 1 });
  })();
  const replacing = (async () => {
    for (let count = 0; count < 20; count++) await subscriber.subscribe({ filter: topic, qos: 1 });
  })();
  for (let count = 0; count < 100; count++) {
    const message = await subscriber.take("publish");
    expect(message.text).toBe(`${count}`);
    subscriber.puback(message.packetId);
  }
  await Promise.all([sending, replacing]);
});

conforms(
  "a message is delivered with the smaller of its QoS and the one granted [3.1.1 MQTT-3.8.4-6] [5.0 MQTT-3.8.4-8]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const client = await broker.connect();
    for (const granted of [0, 1, 2] as const) {
      await client.subscribe({ filter: topic, qos: granted });
      for (const qos of [0, 1, 2] as const) {
        await client.publish(topic, "x", { qos });
        expect(await client.receive()).toMatchObject({ qos: Math.min(granted, qos) });
      }
    }
  },
);

conforms(
  "of overlapping subscriptions the highest QoS counts, in one message or one for each [3.1.1 MQTT-3.3.5-1] [5.0 MQTT-3.3.4-2]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    await client.subscribe(
      { filter: broker.topic("a/#"), qos: 2 },
      { filter: broker.topic("a/+"), qos: 1 },
      { filter: broker.topic("a/b"), qos: 0 },
    );
    await client.publish(broker.topic("a/b"), "x", { qos: 2 });
    await client.ping();
    const levels = [];
    do levels.push((await client.receive()).qos);
    while (client.inbox.waiting.length > 0);
    expect(Math.max(...levels)).toBe(2);
    expect(levels.length === 1 || [...levels].sort().join() === "0,1,2").toBe(true);
  },
);

conforms("a SUBSCRIBE without a filter closes the connection [3.1.1 MQTT-3.8.3-3] [5.0 MQTT-3.8.3-2]", "oasis", async (broker) => {
  const client = await broker.connect();
  client.send(packetOf("82", broker.isV5 ? "00 01 00" : "00 01"));
  await client.closedFor(0x81, 0x82);
});

conforms("reserved bits or QoS 3 in a SUBSCRIBE close the connection [3.1.1 MQTT-3.8.3-4] [5.0 MQTT-3.8.3-5]", "oasis", async (broker) => {
  for (const options of broker.isV5 ? ["40", "80", "c1", "03", "30"] : ["03", "04", "10", "80"]) {
    const client = await broker.connect();
    client.send(packetOf("82", `00 01 ${broker.isV5 ? "00" : ""} "${broker.topic()}" ${options}`));
    await client.closedFor(0x81, 0x82);
  }
});

conforms("filters with wildcards are granted [3.1.1 MQTT-3.8.3-2]", "all", async (broker) => {
  const client = await broker.connect();
  expect((await client.subscribe(broker.topic("#"), broker.topic("+/x"))).reasonCodes).toEqual([0, 0]);
});

conforms("with No Local a client does not hear itself, and hears others [MQTT-3.8.3-3]", "v5", async (broker) => {
  const topic = broker.topic();
  const [client, other] = [await broker.connect(), await broker.connect()];
  await client.subscribe({ filter: topic, qos: 1, noLocal: true });
  await other.subscribe({ filter: topic, qos: 1, noLocal: true });
  await client.publish(topic, "mine", { qos: 1 });
  expect((await other.receive()).text).toBe("mine");
  await other.publish(topic, "other's", { qos: 1 });
  expect((await client.receive()).text).toBe("other's");
  await broker.expectNothing(client, client);
});

conforms(
  "a message has the identifiers of all subscriptions it matches [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5]",
  "v5",
  async (broker) => {
    const client = await broker.connect();
    await client.subscribeWith({ subscriptionIds: [1] }, broker.topic("a/#"));
    await client.subscribeWith({ subscriptionIds: [268_435_455] }, broker.topic("a/b"));
    await client.subscribe(broker.topic("+/b"));
    await client.publish(broker.topic("a/b"), "x");
    await client.ping();
    const ids: number[][] = [];
    do ids.push((await client.receive()).properties?.subscriptionIds ?? []);
    while (client.inbox.waiting.length > 0);
    // In one message, or in one for each subscription, the one without an identifier included.
    if (ids.length > 1) expect(ids).toHaveLength(3);
    expect(ids.flat().sort((a, b) => a - b)).toEqual([1, 268_435_455]);
  },
);

conforms("a replaced subscription has the new identifier, or none [MQTT-3.8.4-3] [MQTT-3.3.4-3]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  for (const subscriptionIds of [[1], [2], undefined]) {
    await client.subscribeWith({ subscriptionIds }, topic);
    await client.publish(topic, "x", { qos: 1 });
    expect((await client.receive()).properties?.subscriptionIds).toEqual(subscriptionIds);
  }
});

conforms("a SUBSCRIBE with the identifier 0 or two identifiers closes the connection", "v5", async (broker) => {
  for (const properties of ["02 0b 00", "04 0b 01 0b 02"]) {
    const client = await broker.connect();
    client.send(packetOf("82", `00 01 ${properties} "a" 00`));
    await client.closedFor(0x81, 0x82);
  }
});
