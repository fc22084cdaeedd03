import { pause } from "@mooring/kit";
import { expect } from "vitest";
import { conforms } from "./conforms.ts";

conforms(
  "a session that is kept is made, stored and resumed with its subscriptions [3.1.1 MQTT-3.1.2-4] [5.0 MQTT-3.1.2-5] [5.0 MQTT-3.1.2-6] [5.0 MQTT-3.1.2-23] [MQTT-3.1.3-2] [3.1.1 MQTT-4.1.0-1]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const first = await broker.connect(kept);
    await first.subscribe({ filter: topic, qos: 1 });
    await first.disconnect();
    const { client } = await broker.resume(kept);
    await client.publish(topic, "x", { qos: 1 });
    expect((await client.receive()).text).toBe("x");
    const other = await broker.connect(broker.kept(broker.clientId()));
    await broker.expectNothing(other, client);
  },
);

conforms(
  "Session Present tells whether there was a session [3.1.1 MQTT-3.2.2-2] [3.1.1 MQTT-3.2.2-3] [5.0 MQTT-3.2.2-3] [3.1.1 MQTT-3.1.4-3] [5.0 MQTT-3.1.4-4]",
  "oasis",
  async (broker) => {
    const kept = broker.kept(broker.clientId());
    for (const expected of [false, true, true]) {
      const { client, sessionPresent } = await broker.resume(kept);
      expect(sessionPresent).toBe(expected);
      await client.disconnect();
    }
  },
);

conforms(
  "a clean start discards the session, and says that there is none [MQTT-3.2.2-1] [MQTT-3.1.2-6] [MQTT-3.1.4-3]",
  "v311",
  async (broker) => {
    const topic = broker.topic();
    const clientId = broker.clientId();
    const first = await broker.connect({ clientId, cleanStart: false });
    await first.subscribe({ filter: topic, qos: 1 });
    await first.disconnect();
    await first.inbox.closed();
    const publisher = await broker.connect();
    await publisher.publish(topic, "missed", { qos: 1 });
    const clean = await broker.resume({ clientId, cleanStart: true });
    expect(clean.sessionPresent).toBe(false);
    await broker.expectNothing(clean.client, publisher);
    // Nor is a clean session remembered itself.
    await clean.client.subscribe({ filter: topic, qos: 1 });
    await clean.client.disconnect();
    const last = await broker.resume({ clientId, cleanStart: false });
    expect(last.sessionPresent).toBe(false);
    await publisher.publish(topic, "missed too", { qos: 1 });
    await broker.expectNothing(last.client, publisher);
  },
);

conforms(
  "a clean start discards the session, and says that there is none [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const first = await broker.connect(kept);
    await first.subscribe({ filter: topic, qos: 1 });
    await first.drop();
    const publisher = await broker.connect();
    await publisher.publish(topic, "missed", { qos: 1 });
    const clean = await broker.resume({ ...kept, cleanStart: true });
    expect(clean.sessionPresent).toBe(false);
    await publisher.publish(topic, "missed too", { qos: 1 });
    await broker.expectNothing(clean.client, publisher);
    // A clean start begins a session like any other.
    await clean.client.drop();
    expect((await broker.resume(kept)).sessionPresent).toBe(true);
  },
);

conforms(
  "messages of QoS 1 and 2 wait for a client that is away [3.1.1 MQTT-3.1.2-5] [5.0 MQTT-3.1.2-23] [MQTT-4.5.0-1]",
  "all",
  async (broker) => {
    const kept = broker.kept(broker.clientId());
    const first = await broker.connect(kept);
    await first.subscribe({ filter: broker.topic("+"), qos: 2 });
    await first.drop();
    const publisher = await broker.connect();
    for (const qos of [1, 2] as const) await publisher.publish(broker.topic(`${qos}`), `while away ${qos}`, { qos });
    const { client } = await broker.resume(kept);
    for (const qos of [1, 2]) expect(await client.receive()).toMatchObject({ text: `while away ${qos}`, qos, retain: false });
    await broker.expectNothing(client, publisher);
  },
);

conforms(
  "waiting messages come in their order, also when there are more than a window takes [MQTT-4.6.0-5] [MQTT-4.6.0-6]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const first = await broker.connect(kept);
    await first.subscribe({ filter: topic, qos: 2 });
    await first.drop();
    const publisher = await broker.connect();
    for (let count = 0; count < 40; count++) await publisher.publish(topic, `${count}`, { qos: count % 2 === 0 ? 1 : 2 });
    const { client } = await broker.resume(kept);
    const heard = [];
    for (let count = 0; count < 40; count++) heard.push(await client.receive());
    for (const qos of [1, 2]) {
      const order = heard.filter((message) => message.qos === qos).map(({ text }) => Number(text));
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(order).toHaveLength(20);
    }
  },
);

conforms(
  "a QoS 1 message without PUBACK comes again with DUP and its packet id [MQTT-4.4.0-1] [MQTT-3.3.1-1] [3.1.1 MQTT-4.3.2-1] [5.0 MQTT-4.3.2-3]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
    await first.subscribe({ filter: topic, qos: 1 });
    for (const text of ["a", "b", "c"]) await publisher.publish(topic, text, { qos: 1 });
    const [a, b, c] = [await first.next("publish"), await first.next("publish"), await first.next("publish")];
    first.puback(b.packetId);
    await first.ping();
    await first.drop();
    const { client } = await broker.resume(kept);
    expect(await client.receive()).toMatchObject({ text: "a", dup: true, packetId: a.packetId });
    expect(await client.receive()).toMatchObject({ text: "c", dup: true, packetId: c.packetId });
    await broker.expectNothing(client, publisher);
  },
);

conforms("what was acknowledged does not come again", "all", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
  await first.subscribe({ filter: topic, qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    await publisher.publish(topic, `${qos}`, { qos });
    await first.receive();
  }
  await first.ping();
  await first.drop();
  const { client } = await broker.resume(kept);
  await broker.expectNothing(client, publisher);
});

conforms("an UNSUBSCRIBE holds for the session", "all", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
  await first.subscribe({ filter: topic, qos: 1 });
  await first.unsubscribe(topic);
  await first.drop();
  await publisher.publish(topic, "x", { qos: 1 });
  const { client } = await broker.resume(kept);
  await broker.expectNothing(client, publisher);
});

conforms(
  "who takes over a connection has its session, with what was not acknowledged [3.1.1 MQTT-3.1.2-4] [5.0 MQTT-3.1.2-5]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
    await first.subscribe({ filter: topic, qos: 1 });
    await publisher.publish(topic, "x", { qos: 1 });
    const { packetId } = await first.next("publish");
    const { client } = await broker.resume(kept);
    expect(await client.receive()).toMatchObject({ text: "x", dup: true, packetId });
    await first.closedFor(0x8e);
    await publisher.publish(topic, "y", { qos: 1 });
    expect((await client.receive()).text).toBe("y");
  },
);

conforms("a session lives as long as its connection, however short its expiry [MQTT-4.1.0-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const clients = [await broker.connect(broker.kept(broker.clientId(), 1)), await broker.connect(broker.kept(broker.clientId(), 0))];
  for (const client of clients) await client.subscribe(topic);
  await pause(2_500);
  await clients[0]?.publish(topic, "x", { qos: 1 });
  for (const client of clients) expect((await client.receive()).text).toBe("x");
});

conforms("a session lives as long as its connection [MQTT-4.1.0-1] [MQTT-4.1.0-2]", "v311", async (broker) => {
  const topic = broker.topic();
  const clients = [await broker.connect({ cleanStart: false }), await broker.connect()];
  for (const client of clients) await client.subscribe({ filter: topic, qos: 2 });
  for (let count = 0; count < 30; count++) await clients[0]?.publish(topic, `${count}`, { qos: 2 });
  for (const client of clients) for (let count = 0; count < 30; count++) expect((await client.receive()).text).toBe(`${count}`);
});

conforms("a session ends when its expiry has passed after the connection [MQTT-4.1.0-2]", "v5", async (broker) => {
  const [none, short, long] = [0, 1, 600].map((expiryS) => broker.kept(broker.clientId(), expiryS));
  if (none === undefined || short === undefined || long === undefined) throw new Error("three sessions");
  for (const kept of [none, short, long]) await (await broker.connect(kept)).drop();
  expect((await broker.resume(none)).sessionPresent).toBe(false);
  await pause(3_200);
  expect((await broker.resume(short)).sessionPresent).toBe(false);
  expect((await broker.resume(long)).sessionPresent).toBe(true);
});

conforms("a session without an expiry ends with its connection [MQTT-4.1.0-2]", "v5", async (broker) => {
  const options = { clientId: broker.clientId(), cleanStart: false };
  await (await broker.connect(options)).drop();
  expect((await broker.resume(options)).sessionPresent).toBe(false);
});

conforms("DISCONNECT can change the expiry, to 0 and from one to another [MQTT-4.1.0-2] [MQTT-3.1.2-23]", "v5", async (broker) => {
  const [ended, prolonged] = [broker.kept(broker.clientId(), 600), broker.kept(broker.clientId(), 1)];
  await (await broker.connect(ended)).disconnect(0, { sessionExpiryIntervalS: 0 });
  expect((await broker.resume(ended)).sessionPresent).toBe(false);
  await (await broker.connect(prolonged)).disconnect(0, { sessionExpiryIntervalS: 600 });
  await pause(3_200);
  expect((await broker.resume(prolonged)).sessionPresent).toBe(true);
});

conforms("a DISCONNECT that gives an expiry to a session that had none is a protocol error", "v5", async (broker) => {
  const options = { clientId: broker.clientId(), cleanStart: false };
  const client = await broker.connect(options);
  client.sendDisconnect(0, { sessionExpiryIntervalS: 600 });
  await client.closedFor(0x82);
  expect((await broker.resume(options)).sessionPresent).toBe(false);
});

conforms("subscriptions keep their identifier and options in a session", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
  await first.subscribeWith({ subscriptionIds: [12] }, { filter: topic, qos: 1, noLocal: true, retainAsPublished: true });
  await first.drop();
  await publisher.publish(topic, "away", { qos: 1, retain: true });
  const { client } = await broker.resume(kept);
  const message = await client.receive();
  expect(message).toMatchObject({ text: "away", retain: true });
  expect(message.properties?.subscriptionIds).toEqual([12]);
  await client.publish(topic, "own", { qos: 1 });
  await broker.expectNothing(client, publisher);
});
