import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

async function expectClosed(broker: Broker, bytes: Buffer, ...codes: number[]): Promise<void> {
  const client = await broker.connect();
  client.send(bytes);
  await client.closedFor(...codes);
}

const none = (broker: Broker): string => (broker.isV5 ? "00" : "");

conforms(
  "wrong flags in a fixed header close the connection [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2] [5.0 MQTT-2.1.3-1]",
  "oasis",
  async (broker) => {
    for (const first of ["41", "58", "7f", "c1"]) await expectClosed(broker, packetOf(first, first === "c1" ? "" : "00 01"), 0x81, 0x82);
  },
);

conforms("a PUBREL without its flags closes the connection [MQTT-3.6.1-1]", "oasis", async (broker) => {
  for (const first of ["60", "61", "66"]) await expectClosed(broker, packetOf(first, "00 01"), 0x81, 0x82);
});

conforms("a SUBSCRIBE without its flags closes the connection [MQTT-3.8.1-1]", "oasis", async (broker) => {
  for (const first of ["80", "83"]) await expectClosed(broker, packetOf(first, `00 01 ${none(broker)} "a" 00`), 0x81, 0x82);
});

conforms("an UNSUBSCRIBE without its flags closes the connection [MQTT-3.10.1-1]", "oasis", async (broker) => {
  for (const first of ["a0", "a6"]) await expectClosed(broker, packetOf(first, `00 01 ${none(broker)} "a"`), 0x81, 0x82);
});

conforms(
  "a DISCONNECT with flags closes the connection as a broken packet, so that the will is published [MQTT-3.14.1-1]",
  "oasis",
  async (broker) => {
    const topic = broker.topic();
    const watcher = await broker.connect();
    await watcher.subscribe(topic);
    const client = await broker.connect({ will: { topic, payload: Buffer.from("gone"), qos: 0, retain: false, properties: null } });
    client.send("e1 00");
    await client.closedFor(0x81, 0x82);
    expect(await watcher.receive()).toMatchObject({ text: "gone" });
  },
);

conforms("an AUTH with flags closes the connection [MQTT-3.15.1-1]", "v5", async (broker) => {
  await expectClosed(broker, packetOf("f1", '18 04 15 "m"'), 0x81, 0x82);
});

conforms("a packet id of 0 closes the connection [3.1.1 MQTT-2.3.1-1]", "all", async (broker) => {
  await expectClosed(broker, packetOf("32", `"a" 00 00 ${none(broker)} 78`), 0x81, 0x82);
  await expectClosed(broker, packetOf("82", `00 00 ${none(broker)} "a" 00`), 0x81, 0x82);
  await expectClosed(broker, packetOf("a2", `00 00 ${none(broker)} "a"`), 0x81, 0x82);
});

conforms("a PUBLISH with both QoS bits closes the connection [MQTT-3.3.1-4]", "all", async (broker) => {
  await expectClosed(broker, packetOf("36", `"a" 00 01 ${none(broker)} 78`), 0x81, 0x82, 0x9b);
});

conforms("a broken rule closes the connection that broke it [MQTT-4.8.0-1]", "v311", async (broker) => {
  for (const bytes of [packetOf("20", "00 00"), packetOf("82", "00 01"), packetOf("f0", ""), packetOf("d0", "")])
    await expectClosed(broker, bytes);
});

conforms("a malformed packet or protocol error closes the connection, with its code if any [MQTT-4.13.1-1]", "v5", async (broker) => {
  await expectClosed(broker, packetOf("20", "00 00 00"), 0x81, 0x82);
  await expectClosed(broker, packetOf("82", "00 01 00"), 0x81, 0x82);
  await expectClosed(broker, packetOf("30", '"a" 08 03 "x" 03 "x"'), 0x81, 0x82);
  await expectClosed(broker, packetOf("30", '"a" 02 01 02'), 0x81, 0x82);
});

conforms("a packet without properties says so with a length of 0 [MQTT-2.2.2-1]", "v5", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  const suback = await client.subscribe(topic);
  if (suback.properties === null) expect(suback.raw.toString("hex")).toBe("900400010000");
  await client.publish(topic, "x");
  const message = await client.receive();
  // Topic, one byte of Property Length, payload.
  expect(message.raw.length).toBe(2 + 2 + topic.length + 1 + 1);
});

conforms("packets may come in any pieces, and many in one [3.1.1 MQTT-7.1.1-1] [5.0 MQTT-4.2.0-1]", "all", async (broker) => {
  const topic = broker.topic();
  const client = await broker.connect();
  await client.subscribe(topic);
  const parts = Array.from({ length: 20 }, (_, count) => packetOf("30", `"${topic}" ${none(broker)} ${(0x61 + count).toString(16)}`));
  const bytes = Buffer.concat(parts);
  for (let at = 0; at < 40; at++) {
    client.send(bytes.subarray(at, at + 1));
    await new Promise(setImmediate);
  }
  client.send(bytes.subarray(40));
  for (const expected of "abcdefghijklmnopqrst") expect((await client.receive()).text).toBe(expected);
});
