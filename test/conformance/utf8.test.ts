import { encodePublish, encodeSubscribe, encodeUnsubscribe } from "@mooring/mqtt";
import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { bytesOf, connectOf, packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

/** What no string may hold, each with its two-byte length: overlong, cut, surrogates, beyond Unicode. */
const illFormed = ["00 02 c0 af", "00 02 e2 82", "00 03 ed a0 80", "00 03 ed bf bf", "00 04 f4 90 80 80", "00 01 ff"];
const withNull = "00 03 61 00 62";

async function expectClosed(broker: Broker, bytes: Buffer): Promise<void> {
  const client = await broker.connect();
  client.send(bytes);
  await client.closedFor(0x81, 0x82, 0x8f, 0x90);
}

const none = (broker: Broker): string => (broker.isV5 ? "00" : "");

conforms(
  "a PUBLISH to an ill-formed topic closes the connection [3.1.1 MQTT-1.5.3-1] [5.0 MQTT-1.5.4-1] [MQTT-3.3.2-1]",
  "all",
  async (broker) => {
    for (const topic of illFormed) await expectClosed(broker, packetOf("30", `${topic} ${none(broker)} 78`));
  },
);

conforms(
  "a SUBSCRIBE to an ill-formed filter closes the connection [3.1.1 MQTT-1.5.3-1] [5.0 MQTT-1.5.4-1] [MQTT-3.8.3-1]",
  "all",
  async (broker) => {
    for (const filter of illFormed) await expectClosed(broker, packetOf("82", `00 01 ${none(broker)} ${filter} 00`));
  },
);

conforms(
  "an UNSUBSCRIBE from an ill-formed filter closes the connection [3.1.1 MQTT-1.5.3-1] [5.0 MQTT-1.5.4-1] [MQTT-3.10.3-1]",
  "all",
  async (broker) => {
    for (const filter of illFormed) await expectClosed(broker, packetOf("a2", `00 01 ${none(broker)} ${filter}`));
  },
);

conforms(
  "an ill-formed client id closes the connection [3.1.1 MQTT-1.5.3-1] [5.0 MQTT-1.5.4-1] [MQTT-3.1.3-4]",
  "oasis",
  async (broker) => {
    for (const clientId of illFormed)
      expect((await broker.answerTo(connectOf(broker.level, "02", clientId)))[3] ?? 0x81).toBeOneOf([0x81, 0x82, 0x85]);
  },
);

conforms("an ill-formed will topic closes the connection [3.1.1 MQTT-3.1.3-10] [5.0 MQTT-3.1.3-11]", "oasis", async (broker) => {
  for (const topic of illFormed) {
    const answer = await broker.answerTo(connectOf(broker.level, "06", `"c" ${none(broker)} ${topic} "m"`));
    expect(answer[3] ?? 0x81).toBeOneOf([0x81, 0x82, 0x90]);
  }
});

conforms("an ill-formed user name closes the connection [3.1.1 MQTT-3.1.3-11] [5.0 MQTT-3.1.3-12]", "oasis", async (broker) => {
  for (const username of illFormed)
    expect((await broker.answerTo(connectOf(broker.level, "82", `"c" ${username}`)))[3] ?? 0x81).toBeOneOf([0x81, 0x82]);
});

conforms(
  "U+0000 in a topic, a filter or a client id closes the connection [3.1.1 MQTT-1.5.3-2] [5.0 MQTT-1.5.4-2] [MQTT-4.7.3-2]",
  "oasis",
  async (broker) => {
    await expectClosed(broker, packetOf("30", `${withNull} ${none(broker)} 78`));
    await expectClosed(broker, packetOf("82", `00 01 ${none(broker)} ${withNull} 00`));
    await expectClosed(broker, packetOf("a2", `00 01 ${none(broker)} ${withNull}`));
    expect((await broker.answerTo(connectOf(broker.level, "02", withNull)))[3] ?? 0x81).toBeOneOf([0x81, 0x82, 0x85]);
  },
);

conforms("U+FEFF is kept wherever it stands [3.1.1 MQTT-1.5.3-3] [5.0 MQTT-1.5.4-3]", "all", async (broker) => {
  const [plain, marked] = [broker.topic("a"), `\uFEFF${broker.topic("a")}`];
  const client = await broker.connect();
  await client.subscribe(marked);
  await client.publish(plain, "plain", { qos: 1 });
  await client.publish(marked, "marked", { qos: 1 });
  const message = await client.receive();
  expect(message.text).toBe("marked");
  expect(message.topic.charCodeAt(0)).toBe(0xfeff);
});

conforms("topics of every part of Unicode arrive unchanged, and nothing is normalized [MQTT-4.7.3-4]", "all", async (broker) => {
  // Composed and decomposed, a character beyond the first plane, one for private use, upper and lower case.
  const topics = ["\u00e9", "e\u0301", "\u{1f600}", "\u{10fffd}", "A", "a", "ﬁ", "a/"].map((rest) => broker.topic(rest));
  const client = await broker.connect();
  for (const topic of topics) {
    await client.subscribe(topic);
    for (const other of topics) await client.publish(other, "x", { qos: 1 });
    expect((await client.receive()).topic).toBe(topic);
    await client.unsubscribe(topic);
  }
  await client.expectNothing();
});

conforms(
  "a Remaining Length or Property Length with more bytes than it needs closes the connection [MQTT-1.5.5-1]",
  "v5",
  async (broker) => {
    await expectClosed(broker, bytesOf('30 85 00 "a" 00 78'));
    await expectClosed(broker, packetOf("30", '"a" 80 00 78'));
  },
);

conforms("an ill-formed name or value of a user property closes the connection [MQTT-1.5.7-1]", "v5", async (broker) => {
  for (const text of [...illFormed, withNull]) {
    const size = bytesOf(text).length + 4;
    await expectClosed(broker, packetOf("30", `"a" 0${size} 26 ${text} "v" 78`));
    await expectClosed(broker, packetOf("30", `"a" 0${size} 26 "k" ${text} 78`));
  }
});

conforms("an ill-formed response topic closes the connection [MQTT-3.3.2-13]", "v5", async (broker) => {
  for (const text of illFormed) await expectClosed(broker, packetOf("30", `"a" 0${bytesOf(text).length + 1} 08 ${text} 78`));
});

conforms("an ill-formed content type closes the connection [MQTT-3.3.2-19]", "v5", async (broker) => {
  for (const text of illFormed) await expectClosed(broker, packetOf("30", `"a" 0${bytesOf(text).length + 1} 03 ${text} 78`));
});

conforms("an empty topic or filter closes the connection [MQTT-4.7.3-1]", "oasis", async (broker) => {
  const message = { topic: "", payload: Buffer.from("x"), qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
  const request = { filter: "", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  await expectClosed(broker, encodePublish(message, broker.level));
  await expectClosed(broker, encodeSubscribe({ packetId: 1, subscriptions: [request], properties: null }, broker.level));
  await expectClosed(broker, encodeUnsubscribe({ packetId: 1, filters: [""], properties: null }, broker.level));
});
