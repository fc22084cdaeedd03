import { encodeConnect, encodePublish, encodeSubscribe } from "@mooring/mqtt";
import { expect } from "vitest";
import { connectOf, packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

const lettersAndDigits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const bare = { cleanStart: true, keepAliveS: 0, username: null, password: null, will: null, properties: null };

conforms("a first packet that is no CONNECT closes the connection without an answer [MQTT-3.1.0-1]", "all", async (broker) => {
  expect(await broker.answerTo(packetOf("c0", ""))).toHaveLength(0);
});

conforms("a second CONNECT closes the connection, and no second CONNACK comes [MQTT-3.1.0-2] [5.0 MQTT-3.2.0-2]", "all", async (broker) => {
  const client = await broker.connect();
  client.sendConnect({ clientId: client.clientId });
  const last = await client.closed();
  if (last !== undefined) expect(last).toMatchObject({ type: "disconnect", reasonCode: 0x82 });
});

conforms("a CONNECT of a foreign protocol is not served [MQTT-3.1.2-1] [3.1.1 MQTT-3.2.2-6]", "oasis", async (broker) => {
  const properties = broker.isV5 ? "00" : "";
  const answer = await broker.answerTo(packetOf("10", `"MQTQ" 0${broker.level} 02 00 00 ${properties} "c"`));
  expect(["", "20020001", "2003008400"]).toContain(answer.toString("hex"));
});

conforms("an unknown protocol level is answered with return code 1 and the connection closed [MQTT-3.1.2-2]", "v311", async (broker) => {
  expect((await broker.answerTo(packetOf("10", '"MQTT" 09 02 00 00 "c"'))).toString("hex")).toBe("20020001");
});

conforms(
  "an unknown protocol version closes the connection, after CONNACK 0x84 or return code 1 or nothing [MQTT-3.1.2-2]",
  "v5",
  async (broker) => {
    const answer = await broker.answerTo(packetOf("10", '"MQTT" 09 02 00 00 00 "c"'));
    expect(["", "20020001", "2003008400"]).toContain(answer.toString("hex"));
  },
);

conforms("the reserved CONNECT flag closes the connection [MQTT-3.1.2-3]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "03", '"c"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a CONNECT that breaks its form closes the connection without a CONNACK [MQTT-3.1.4-1] [MQTT-3.2.2-6]", "v311", async (broker) => {
  const broken = [connectOf(4, "03", '"c"'), connectOf(4, "02", ""), connectOf(4, "02", '"c" 00'), connectOf(4, "1e", '"c" "t" "m"')];
  for (const bytes of broken) expect(await broker.answerTo(bytes)).toHaveLength(0);
});

conforms("a CONNECT that breaks its form closes the connection [MQTT-3.1.4-1]", "v5", async (broker) => {
  const broken = [connectOf(5, "03", '"c"'), connectOf(5, "02", ""), connectOf(5, "02", '"c" 00'), connectOf(5, "1e", '"c" 00 "t" "m"')];
  for (const bytes of broken) expect(["", "2003008100", "2003008200"]).toContain((await broker.answerTo(bytes)).toString("hex"));
});

conforms("a will QoS without a will closes the connection [3.1.1 MQTT-3.1.2-13] [MQTT-3.1.2-11]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "0a", '"c"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a will retain flag without a will closes the connection [3.1.1 MQTT-3.1.2-15] [5.0 MQTT-3.1.2-13]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "22", '"c"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a will with QoS 3 closes the connection [3.1.1 MQTT-3.1.2-14] [5.0 MQTT-3.1.2-12]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "1e", `"c" ${broker.isV5 ? "00" : ""} "t" "m"`));
  await client.closedFor(0x81, 0x82);
});

conforms("a will flag without will topic and message closes the connection [MQTT-3.1.2-9]", "all", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "06", '"c"'));
  await client.closedFor(0x81, 0x82);
});

conforms("will topic and message without the will flag close the connection [3.1.1 MQTT-3.1.2-11]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "02", '"c" "t" "m"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a user name without its flag closes the connection [3.1.1 MQTT-3.1.2-18] [5.0 MQTT-3.1.2-16]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "02", '"c" "u"'));
  await client.closedFor(0x81, 0x82);
});

conforms(
  "a user name flag without a user name closes the connection [3.1.1 MQTT-3.1.2-19] [5.0 MQTT-3.1.2-17]",
  "oasis",
  async (broker) => {
    const client = await broker.open();
    client.send(connectOf(broker.level, "82", '"c"'));
    await client.closedFor(0x81, 0x82);
  },
);

conforms("a password without its flag closes the connection [3.1.1 MQTT-3.1.2-20] [5.0 MQTT-3.1.2-18]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "82", '"c" "u" "p"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a password flag without a password closes the connection [3.1.1 MQTT-3.1.2-21] [5.0 MQTT-3.1.2-19]", "oasis", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "c2", '"c" "u"'));
  await client.closedFor(0x81, 0x82);
});

conforms("a password without a user name closes the connection before MQTT 5 [MQTT-3.1.2-22]", "v311", async (broker) => {
  expect(await broker.answerTo(connectOf(4, "42", '"c" "p"'))).toHaveLength(0);
});

conforms("the fields of the payload are read in the order of the specification [MQTT-3.1.3-1]", "all", async (broker) => {
  const [topic, clientId] = [broker.topic(), broker.clientId()];
  const watcher = await broker.connect();
  await watcher.subscribe(topic);
  const will = { topic, payload: Buffer.from("gone"), qos: 0, retain: false, properties: null } as const;
  const client = await broker.connect({ clientId, will });
  await client.drop();
  expect(await watcher.receive()).toMatchObject({ topic, text: "gone" });
});

conforms("a CONNECT without a client id field closes the connection [MQTT-3.1.3-3]", "all", async (broker) => {
  const client = await broker.open();
  client.send(connectOf(broker.level, "02", ""));
  await client.closedFor(0x81, 0x82, 0x85);
});

conforms("client ids of 1 to 23 letters and digits are let in [MQTT-3.1.3-5]", "all", async (broker) => {
  for (const clientId of [
    broker.clientId().slice(-1),
    lettersAndDigits.slice(0, 23),
    lettersAndDigits.slice(23, 46),
    lettersAndDigits.slice(-23),
  ]) {
    const client = await broker.connect({ clientId });
    await client.disconnect();
  }
});

conforms("an empty client id gets one of its own [MQTT-3.1.3-6]", "oasis", async (broker) => {
  const [first, second] = [await broker.connect({ clientId: "" }), await broker.connect({ clientId: "" })];
  await first.expectNothing();
  await second.expectNothing();
});

conforms("an assigned client id comes in CONNACK, is new, and names the session [MQTT-3.1.3-7] [MQTT-3.2.2-16]", "v5", async (broker) => {
  const properties = { sessionExpiryIntervalS: 600 };
  const [first, second] = [await broker.open(), await broker.open()];
  const mine = (await first.connect({ clientId: "", properties })).properties?.assignedClientId;
  const other = (await second.connect({ clientId: "", properties })).properties?.assignedClientId;
  expect(mine).toMatch(/./);
  expect(other).toMatch(/./);
  expect(mine).not.toBe(other);
  await first.drop();
  const again = await broker.resume({ clientId: mine ?? "", cleanStart: false, properties });
  expect(again.sessionPresent).toBe(true);
});

conforms("a client id that the client chose is not assigned anew [MQTT-3.1.3-7]", "v5", async (broker) => {
  const client = await broker.open();
  const connack = await client.connect({ clientId: broker.clientId() });
  expect(connack.properties?.assignedClientId).toBeUndefined();
});

conforms(
  "an empty client id that wants to be remembered is refused with return code 2 [MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.1.3-9] [MQTT-3.2.2-4] [MQTT-3.2.2-5]",
  "v311",
  async (broker) => {
    expect((await broker.answerTo(connectOf(4, "00", '""'))).toString("hex")).toBe("20020002");
  },
);

conforms("an empty client id is refused with return code 2 in MQTT 3.1", "v31", async (broker) => {
  expect((await broker.answerTo(connectOf(3, "02", '""'))).toString("hex")).toBe("20020002");
});

conforms("a client id that is refused closes the connection, after CONNACK 0x85 if any [MQTT-3.1.3-8]", "v5", async (broker) => {
  const client = await broker.open();
  client.sendConnect({ clientId: "x".repeat(65_535) });
  const connack = await client.inbox.next().catch(() => undefined);
  if (connack?.type === "connack" && connack.reasonCode === 0) return;
  if (connack !== undefined) {
    expect(connack).toMatchObject({ type: "connack", reasonCode: expect.toBeOneOf([0x85, 0x95]), sessionPresent: false });
  }
  await client.closed();
});

conforms("a second client of the same id ends the first [3.1.1 MQTT-3.1.4-2] [5.0 MQTT-3.1.4-3]", "all", async (broker) => {
  const clientId = broker.clientId();
  const first = await broker.connect({ clientId });
  const second = await broker.connect({ clientId });
  await first.closedFor(0x8e);
  await second.expectNothing();
});

conforms(
  "CONNACK is the first packet, says success and nothing else in its flags [MQTT-3.2.0-1] [3.1.1 MQTT-3.1.4-4] [5.0 MQTT-3.1.4-5] [5.0 MQTT-3.2.2-1]",
  "oasis",
  async (broker) => {
    const client = await broker.open();
    const subscription = { filter: broker.topic(), qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const connect = encodeConnect({ ...bare, clientId: broker.clientId(), protocolLevel: broker.level });
    const subscribe = encodeSubscribe({ packetId: 1, subscriptions: [subscription], properties: null }, broker.level);
    // Both in one segment: a client need not wait for CONNACK.
    client.send(Buffer.concat([connect, subscribe]));
    const connack = await client.next("connack");
    expect([...connack.raw.subarray(2, 4)]).toEqual([0, 0]);
    await client.next("suback");
  },
);

conforms("nothing after a refused CONNECT is read [MQTT-3.1.4-5]", "v311", async (broker) => {
  const topic = broker.topic();
  const watcher = await broker.connect();
  await watcher.subscribe(topic);
  const message = { topic, payload: Buffer.from("x"), qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
  await broker.answerTo(Buffer.concat([connectOf(4, "00", '""'), encodePublish(message, 4)]));
  await broker.expectNothing(watcher, await broker.connect());
});

conforms("nothing after a refused CONNECT is read [MQTT-3.1.4-6]", "v5", async (broker) => {
  const topic = broker.topic();
  const watcher = await broker.connect();
  await watcher.subscribe(topic);
  const connect = { ...bare, clientId: broker.clientId(), properties: { authenticationMethod: "no-such" }, protocolLevel: 5 } as const;
  const message = { topic, payload: Buffer.from("x"), qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
  await broker.answerTo(Buffer.concat([encodeConnect(connect), encodePublish(message, 5)]));
  await broker.expectNothing(watcher, await broker.connect());
});

conforms(
  "a CONNECT that is refused by name is answered with a listed code, no session, and a closed connection [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1]",
  "v5",
  async (broker) => {
    const client = await broker.open();
    client.sendConnect({ clientId: broker.clientId(), properties: { authenticationMethod: "no-such" } });
    // The decoder takes none but the reason codes of CONNACK.
    const last = await client.closed();
    if (last !== undefined)
      expect(last).toMatchObject({ type: "connack", sessionPresent: false, reasonCode: expect.toBeOneOf([0x8c, 0x87]) });
  },
);

conforms("no DISCONNECT comes to a client that was not let in [MQTT-3.14.0-1]", "v5", async (broker) => {
  for (const bytes of [connectOf(5, "03", '"c"'), packetOf("c0", ""), packetOf("10", '"MQTT" 05 02 00 00 03 21 00 00 "c"')]) {
    const answer = await broker.answerTo(bytes);
    if (answer.length > 0) expect(answer[0]).toBe(0x20);
  }
});

conforms("CONNACK takes nothing away: every QoS, retained messages, wildcards, identifiers, shared subscriptions", "v5", async (broker) => {
  const client = await broker.open();
  const { properties } = await client.connect({ clientId: broker.clientId() });
  expect(properties?.maximumQos ?? 2).toBe(2);
  expect(properties?.retainAvailable ?? true).toBe(true);
  expect(properties?.wildcardSubscriptionAvailable ?? true).toBe(true);
  expect(properties?.subscriptionIdentifiersAvailable ?? true).toBe(true);
  expect(properties?.sharedSubscriptionAvailable ?? true).toBe(true);
});
