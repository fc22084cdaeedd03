import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { packetOf } from "./bytes.ts";
import type { Client } from "./client.ts";
import { conforms } from "./conforms.ts";
import type { Received } from "./inbox.ts";

async function members(broker: Broker, count: number, filter: string): Promise<Client[]> {
  const clients = [];
  for (let at = 0; at < count; at++) {
    const client = await broker.connect();
    expect((await client.subscribe({ filter, qos: 2 })).reasonCodes).toEqual([2]);
    clients.push(client);
  }
  return clients;
}

/** The messages every client has, once each of them has answered a ping. */
async function drain(clients: readonly Client[]): Promise<Received<"publish">[][]> {
  const all = [];
  for (const client of clients) {
    const mine = [];
    await client.ping();
    while (client.inbox.waiting.length > 0) {
      mine.push(await client.receive());
      await client.ping();
    }
    all.push(mine);
  }
  return all;
}

conforms("a message of a shared subscription goes to one of its members [MQTT-4.8.2-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const clients = await members(broker, 3, `$share/g/${topic}`);
  const publisher = await broker.connect();
  for (let count = 0; count < 30; count++) await publisher.publish(topic, `${count}`, { qos: 1 });
  const heard = (await drain(clients)).flat();
  expect(heard.map(({ text }) => Number(text)).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, count) => count));
});

conforms("each shared subscription and each plain one gets a message of its own [MQTT-4.8.2-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const clients = [
    ...(await members(broker, 2, `$share/g/${topic}`)),
    ...(await members(broker, 2, `$share/h/${topic}`)),
    ...(await members(broker, 1, topic)),
  ];
  const publisher = await broker.connect();
  await publisher.publish(topic, "x", { qos: 1 });
  const counts = (await drain(clients)).map(({ length }) => length);
  expect([(counts[0] ?? 0) + (counts[1] ?? 0), (counts[2] ?? 0) + (counts[3] ?? 0), counts[4]]).toEqual([1, 1, 1]);
});

conforms("a member that leaves is passed over", "v5", async (broker) => {
  const topic = broker.topic();
  const [stays, leaves, unsubscribes] = await members(broker, 3, `$share/g/${topic}`);
  if (stays === undefined || leaves === undefined || unsubscribes === undefined) throw new Error("three members");
  await leaves.disconnect();
  expect((await unsubscribes.unsubscribe(`$share/g/${topic}`)).reasonCodes).toEqual([0]);
  for (let count = 0; count < 6; count++) await stays.publish(topic, `${count}`, { qos: 1 });
  for (let count = 0; count < 6; count++) expect((await stays.receive()).text).toBe(`${count}`);
  await unsubscribes.expectNothing();
});

conforms(
  "a shared subscription without a name or with a wildcard in its name is refused [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
  "v5",
  async (broker) => {
    for (const filter of ["$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#/a", "$share/g+/a", "$share/g#/a", "$share/"]) {
      const client = await broker.connect();
      client.send(packetOf("82", `00 01 00 "${filter}" 00`));
      const answer = await client.inbox.next().catch(() => undefined);
      if (answer?.type === "suback") expect(answer.reasonCodes, filter).toEqual([expect.toBeOneOf([0x80, 0x8f, 0x87])]);
      else expect([0x81, 0x82, 0x8f, undefined], filter).toContain(answer?.type === "disconnect" ? answer.reasonCode : undefined);
    }
  },
);

conforms("No Local on a shared subscription closes the connection [MQTT-3.8.3-4]", "v5", async (broker) => {
  const client = await broker.connect();
  client.send(packetOf("82", '00 01 00 "$share/g/a" 04'));
  await client.closedFor(0x81, 0x82);
});

conforms("a member gets no more than the QoS it was granted [MQTT-4.8.2-3]", "v5", async (broker) => {
  const topic = broker.topic();
  const [low, publisher] = [await broker.connect(), await broker.connect()];
  await low.subscribe({ filter: `$share/g/${topic}`, qos: 1 });
  await publisher.publish(topic, "x", { qos: 2 });
  expect(await low.receive()).toMatchObject({ text: "x", qos: 1 });
});

conforms("a shared subscription is sent no retained messages when it is made", "v5", async (broker) => {
  const topic = broker.topic();
  const [publisher, client] = [await broker.connect(), await broker.connect()];
  await publisher.publish(topic, "kept", { qos: 1, retain: true });
  await client.subscribe(`$share/g/${topic}`);
  await broker.expectNothing(client, publisher);
});

conforms("a QoS 2 message that a member has begun to receive is completed with this member [MQTT-4.8.2-4]", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const first = await broker.connect(kept);
  await first.subscribe({ filter: `$share/g/${topic}`, qos: 2 });
  const publisher = await broker.connect();
  await publisher.publish(topic, "x", { qos: 2 });
  const { packetId } = await first.next("publish");
  const [other] = await members(broker, 1, `$share/g/${topic}`);
  await first.drop();
  if (other !== undefined) await broker.expectNothing(other, publisher);
  const { client } = await broker.resume(kept);
  expect(await client.receive()).toMatchObject({ text: "x", packetId, dup: true });
});

conforms("a QoS 2 message whose member's session ended is sent to no other [MQTT-4.8.2-5]", "v5", async (broker) => {
  const topic = broker.topic();
  const kept = broker.kept(broker.clientId());
  const first = await broker.connect(kept);
  await first.subscribe({ filter: `$share/g/${topic}`, qos: 2 });
  const publisher = await broker.connect();
  await publisher.publish(topic, "x", { qos: 2 });
  const { packetId } = await first.next("publish");
  first.pubrec(packetId);
  await first.next("pubrel");
  const [other] = await members(broker, 1, `$share/g/${topic}`);
  await first.drop();
  await (await broker.resume({ ...kept, cleanStart: true })).client.disconnect();
  if (other !== undefined) await broker.expectNothing(other, publisher);
});

conforms("a QoS 1 message that was sent to a member and not acknowledged goes to another when its session ends", "v5", async (broker) => {
  const topic = broker.topic();
  const [first] = await members(broker, 1, `$share/g/${topic}`);
  const publisher = await broker.connect();
  await publisher.publish(topic, "x", { qos: 1 });
  expect((await first?.next("publish"))?.text).toBe("x");
  const [other] = await members(broker, 1, `$share/g/${topic}`);
  await first?.drop();
  expect(await other?.receive()).toMatchObject({ text: "x", qos: 1, dup: false });
});

conforms("what waits for a member whose session ends goes to another, also while that one is away", "v5", async (broker) => {
  const topic = broker.topic();
  const [first, second] = [broker.kept(broker.clientId()), broker.kept(broker.clientId())];
  for (const kept of [first, second]) {
    const client = await broker.connect(kept);
    await client.subscribe({ filter: `$share/g/${topic}`, qos: 2 });
    await client.drop();
  }
  const publisher = await broker.connect();
  for (const qos of [1, 1, 2, 2] as const) await publisher.publish(topic, `${qos}`, { qos });
  await (await broker.resume({ ...first, cleanStart: true })).client.disconnect();
  const { client } = await broker.resume(second);
  const heard = [];
  for (let count = 0; count < 4; count++) heard.push((await client.receive()).text);
  expect(heard.sort()).toEqual(["1", "1", "2", "2"]);
});

conforms(
  "what was not sent to a member that unsubscribes goes to another, and what was sent stays [MQTT-3.10.4-3]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const filter = `$share/g/${topic}`;
    const first = await broker.connect({ properties: { receiveMaximum: 1 } });
    await first.subscribe({ filter, qos: 1 });
    const publisher = await broker.connect();
    for (const text of ["a", "b", "c"]) await publisher.publish(topic, text, { qos: 1 });
    const { packetId } = await first.next("publish");
    const [other] = await members(broker, 1, filter);
    await first.unsubscribe(filter);
    expect([(await other?.receive())?.text, (await other?.receive())?.text]).toEqual(["b", "c"]);
    first.puback(packetId);
    await broker.expectNothing(first, publisher);
  },
);

conforms("a message that a member refuses with a reason code is sent to no other [MQTT-4.8.2-6]", "v5", async (broker) => {
  const topic = broker.topic();
  const clients = await members(broker, 2, `$share/g/${topic}`);
  const publisher = await broker.connect();
  for (const qos of [1, 2] as const) {
    await publisher.publish(topic, "x", { qos });
    await Promise.all(clients.map((client) => client.ping()));
    const chosen = clients.find((client) => client.inbox.waiting.length > 0);
    const { packetId } = (await chosen?.next("publish")) ?? { packetId: 0 };
    if (qos === 1) chosen?.puback(packetId, 0x80);
    else chosen?.pubrec(packetId, 0x80);
    await chosen?.ping();
    for (const client of clients) await broker.expectNothing(client, publisher);
  }
});
