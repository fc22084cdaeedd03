import { encodeConnect } from "@mooring/mqtt";
import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { packetOf } from "./bytes.ts";
import type { Client } from "./client.ts";
import { conforms, conformsUnlessTaken } from "./conforms.ts";
import { type MalformedPacket, malformedConnects, malformedPackets } from "./malformed-packets.ts";
import { versionSets } from "./versions.ts";

const bare = { cleanStart: true, keepAliveS: 0, username: null, password: null, will: null, properties: null };

/** The codes are our broker's own promise; of others only the closed connection is asked. */
function expectCode(broker: Broker, given: number | undefined, { code }: MalformedPacket, state: string): void {
  if (broker.target.name === "mooring") expect(given, state).toBe(code);
}

/** Closed without more than a DISCONNECT, which our broker sends in MQTT 5 always. */
async function expectEnded(broker: Broker, client: Client, packet: MalformedPacket, state: string): Promise<void> {
  const last = await client.closed();
  if (broker.isV5) expectCode(broker, last?.reasonCode, packet, state);
  else expect(last, state).toBeUndefined();
}

/** What the packet does in each state a connection can be in. */
const states: Readonly<Record<string, (broker: Broker, bytes: Buffer) => Promise<Client>>> = {
  async "while it signs on"(broker, bytes) {
    const client = await broker.open();
    const connect = encodeConnect({ ...bare, clientId: broker.clientId(), protocolLevel: broker.level });
    client.send(Buffer.concat([connect, bytes]));
    // Ours reads nothing before it has let the client in; another broker may close without having done so.
    await client.next("connack").catch((error: unknown) => {
      if (broker.target.name === "mooring" || !client.inbox.isClosed) throw error;
    });
    return client;
  },
  async open(broker, bytes) {
    const client = await broker.connect();
    client.send(bytes);
    return client;
  },
  async "with QoS 2 under way in both directions"(broker, bytes) {
    const client = await broker.connect();
    await client.subscribe({ filter: broker.topic("in"), qos: 2 });
    client.sendPublish(broker.topic("out"), "x", { qos: 2, packetId: 700 });
    await client.next("pubrec");
    await client.publish(broker.topic("in"), "y", { qos: 2 });
    await client.next("publish");
    client.send(bytes);
    return client;
  },
};

for (const packet of malformedPackets) {
  const bytes = packetOf(packet.first, packet.body);
  conformsUnlessTaken(packet, async (broker) => {
    const topic = broker.topic("neighbour");
    const neighbour = await broker.connect();
    await neighbour.subscribe({ filter: topic, qos: 2 });
    for (const [state, bring] of Object.entries(states)) await expectEnded(broker, await bring(broker, bytes), packet, state);
    await neighbour.publish(topic, "undisturbed", { qos: 2 });
    expect((await neighbour.receive()).text).toBe("undisturbed");
    await neighbour.expectNothing();
  });
}

for (const packet of malformedConnects) {
  const bytes = packetOf(packet.first, packet.body);
  conformsUnlessTaken(packet, async (broker) => {
    const neighbour = await broker.connect();
    const answer = await broker.answerTo(bytes);
    if (broker.isV5) {
      if (answer.length > 0) expect([...answer.subarray(0, 3)]).toEqual([0x20, answer.length - 2, 0]);
      if (answer.length > 0) expect(answer[3]).toBeGreaterThanOrEqual(0x80);
      expectCode(broker, answer[3] ?? 0, packet, "before CONNECT");
    } else {
      const returnCode = packet.code === 0x84 ? "20020001" : packet.code === 0x85 ? "20020002" : "";
      expect(answer.toString("hex")).toBe(returnCode);
    }
    await neighbour.expectNothing();
  });
}

conforms("whatever comes before CONNECT closes the connection without an answer", "oasis", async (broker) => {
  const neighbour = await broker.connect();
  const mine = malformedPackets.filter(({ versions }) => versionSets[versions].some((version) => version === broker.version));
  const answers = await Promise.all(mine.map(({ first, body }) => broker.answerTo(packetOf(first, body))));
  for (const answer of answers) expect(answer).toHaveLength(0);
  await neighbour.expectNothing();
});
