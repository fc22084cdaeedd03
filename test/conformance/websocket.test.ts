import { encodeConnect, encodePingreq, encodePublish } from "@mooring/mqtt";
import { expect } from "vitest";
import { conforms } from "./conforms.ts";

const bare = { cleanStart: true, keepAliveS: 0, username: null, password: null, will: null, properties: null };

conforms(
  "the subprotocol is mqtt [MQTT-6.0.0-4]",
  "oasis",
  async (broker) => {
    const { wire, client } = await broker.openWebSocket();
    expect(wire.protocol).toBe("mqtt");
    await client.connect({ clientId: broker.clientId() });
    await client.ping();
  },
  "webSocketUrl",
);

conforms(
  "a text frame closes the connection [MQTT-6.0.0-1]",
  "oasis",
  async (broker) => {
    const { wire, client } = await broker.openWebSocket();
    await client.connect({ clientId: broker.clientId() });
    wire.sendText("\u0000");
    await client.inbox.closed();
  },
  "webSocketUrl",
);

conforms(
  "packets may be cut across frames, and a frame may hold many [MQTT-6.0.0-2]",
  "oasis",
  async (broker) => {
    const topic = broker.topic();
    const { client } = await broker.openWebSocket();
    const connect = encodeConnect({ ...bare, clientId: broker.clientId(), protocolLevel: broker.level });
    for (let at = 0; at < connect.length; at += 5) client.send(connect.subarray(at, at + 5));
    await client.next("connack");
    await client.subscribe({ filter: topic, qos: 1 });
    const message = { topic, payload: Buffer.from("x"), qos: 1, retain: false, dup: false, properties: null } as const;
    const packets = [1, 2, 3].map((packetId) => encodePublish({ ...message, packetId: 100 + packetId }, broker.level));
    const stream = Buffer.concat([...packets, encodePingreq()]);
    client.send(stream.subarray(0, 3));
    client.send(stream.subarray(3, stream.length - 1));
    client.send(stream.subarray(stream.length - 1));
    await client.take("pingresp");
    for (const packetId of [101, 102, 103]) expect((await client.take("puback")).packetId).toBe(packetId);
    for (let count = 0; count < 3; count++) await client.receive();
  },
  "webSocketUrl",
);

conforms(
  "what holds over TCP holds over WebSocket: QoS 2, retained, will, session",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const kept = broker.kept(broker.clientId());
    const { client } = await broker.openWebSocket();
    await client.connect({
      ...kept,
      will: { topic: broker.topic("will"), payload: Buffer.from("gone"), qos: 1, retain: false, properties: null },
    });
    await client.subscribe({ filter: topic, qos: 2 });
    const tcp = await broker.connect();
    await tcp.subscribe(broker.topic("will"));
    await tcp.publish(topic, "x", { qos: 2, retain: true });
    expect(await client.receive()).toMatchObject({ text: "x", qos: 2 });
    await client.publish(broker.topic("will"), "alive", { qos: 2 });
    expect((await tcp.receive()).text).toBe("alive");
    await client.drop();
    expect((await tcp.receive()).text).toBe("gone");
    await tcp.publish(topic, "away", { qos: 1 });
    const again = await broker.openWebSocket();
    await again.client.connect(kept);
    expect(await again.client.receive()).toMatchObject({ text: "away", qos: 1 });
  },
  "webSocketUrl",
);

conforms(
  "a large message arrives whole",
  "oasis",
  async (broker) => {
    const topic = broker.topic();
    const { client } = await broker.openWebSocket();
    await client.connect({ clientId: broker.clientId() });
    await client.subscribe({ filter: topic, qos: 1 });
    const payload = Buffer.alloc(150_000, "websocket");
    await client.publish(topic, payload, { qos: 1 });
    expect(payload.equals((await client.receive()).payload)).toBe(true);
  },
  "webSocketUrl",
);
