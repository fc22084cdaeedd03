import { expect } from "vitest";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

conforms(
  "an UNSUBSCRIBE is answered with an UNSUBACK of its packet id, also where there was no subscription [MQTT-3.10.4-4] [MQTT-3.10.4-5] [3.1.1 MQTT-2.3.1-7] [5.0 MQTT-2.2.1-6]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    const none = broker.isV5 ? "00" : "";
    for (const id of ["00 05", "fe dc"]) {
      client.send(packetOf("a2", `${id} ${none} "${broker.topic()}"`));
      const unsuback = await client.next("unsuback");
      expect(unsuback.raw.subarray(2, 4).toString("hex")).toBe(id.replace(" ", ""));
    }
  },
);

conforms("a filter that is given up brings no more messages, and others do [MQTT-3.10.4-2] [MQTT-3.10.4-1]", "all", async (broker) => {
  const client = await broker.connect();
  await client.subscribe(broker.topic("a"), broker.topic("b"), broker.topic("c"));
  await client.unsubscribe(broker.topic("a"));
  for (const rest of ["a", "b", "c"]) await client.publish(broker.topic(rest), rest, { qos: 1 });
  expect((await client.receive()).text).toBe("b");
  expect((await client.receive()).text).toBe("c");
  await client.expectNothing();
});

conforms("filters are compared character by character, wildcards too [MQTT-3.10.4-1]", "all", async (broker) => {
  const client = await broker.connect();
  await client.subscribe(broker.topic("a/+"));
  await client.unsubscribe(broker.topic("a/b"), broker.topic("#"), broker.topic("A/+"), broker.topic("a/+/"), broker.topic("a/#"));
  await client.publish(broker.topic("a/b"), "still", { qos: 1 });
  expect((await client.receive()).text).toBe("still");
  await client.unsubscribe(broker.topic("a/+"));
  await client.publish(broker.topic("a/b"), "no more", { qos: 1 });
  await client.expectNothing();
});

conforms("a message whose delivery has begun is completed after the UNSUBSCRIBE [MQTT-3.10.4-3]", "all", async (broker) => {
  const topic = broker.topic();
  const [publisher, client] = [await broker.connect(), await broker.connect()];
  await client.subscribe({ filter: topic, qos: 2 });
  await publisher.publish(topic, "x", { qos: 2 });
  const { packetId } = await client.next("publish");
  await client.unsubscribe(topic);
  client.pubrec(packetId);
  expect((await client.next("pubrel")).packetId).toBe(packetId);
  client.pubcomp(packetId);
  await broker.expectNothing(client, publisher);
});

conforms(
  "a message whose delivery has begun comes again after the UNSUBSCRIBE, when the session resumes [MQTT-3.10.4-3]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const [publisher, first] = [await broker.connect(), await broker.connect(kept)];
    await first.subscribe({ filter: topic, qos: 1 });
    await publisher.publish(topic, "x", { qos: 1 });
    await first.next("publish");
    await first.unsubscribe(topic);
    await first.drop();
    const { client } = await broker.resume(kept);
    expect(await client.receive()).toMatchObject({ text: "x", dup: true });
  },
);

conforms(
  "many filters in one UNSUBSCRIBE are handled one after the other and answered once [MQTT-3.10.4-6] [5.0 MQTT-3.11.3-1] [5.0 MQTT-3.11.3-2]",
  "all",
  async (broker) => {
    const client = await broker.connect();
    await client.subscribe(broker.topic("a"), broker.topic("b"));
    const unsuback = await client.unsubscribe(broker.topic("a"), broker.topic("nothing"), broker.topic("b"), broker.topic("b"));
    expect(unsuback.reasonCodes).toEqual(broker.isV5 ? [0, 0x11, 0, 0x11] : []);
    for (const rest of ["a", "b"]) await client.publish(broker.topic(rest), "x", { qos: 1 });
    await client.expectNothing();
  },
);

conforms("an UNSUBSCRIBE without a filter closes the connection [MQTT-3.10.3-2]", "oasis", async (broker) => {
  const client = await broker.connect();
  client.send(packetOf("a2", broker.isV5 ? "00 01 00" : "00 01"));
  await client.closedFor(0x81, 0x82);
});
