import { encodeConnect, encodeDisconnect, encodePublish, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "../fixture.test-support.ts";
import { openTcp } from "../mqtt-client.test-support.ts";

const fixture = useGateway();
const level = ProtocolLevel.V311;
const nobody = { username: null, password: null, will: null, properties: null };
const connect = encodeConnect({ protocolLevel: level, cleanStart: true, keepAliveS: 0, clientId: "hasty", ...nobody });

function publishes(count: number, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, "x");
  const packets = Array.from({ length: count }, (_, number) =>
    encodePublish({ topic: "a", payload, qos: 1, retain: false, dup: false, packetId: number + 1, properties: null }, level),
  );
  return Buffer.concat(packets);
}

describe("a client in a hurry", () => {
  test("is answered all it said in one breath, its goodbye included, and then the connection is closed", async () => {
    const client = openTcp(fixture.harness.gateway.addresses.mqttDev, level);
    fixture.clients.push(client);
    const goodbye = encodeDisconnect({ reasonCode: 0, properties: null }, level);
    client.socket.write(Buffer.concat([connect, publishes(50, 10), goodbye]));
    await client.closed();
    expect(client.pubacks.map(({ packetId }) => packetId)).toEqual(Array.from({ length: 50 }, (_, number) => number + 1));
  });

  test("may send more behind its CONNECT than a stranger is given room for: it waits in the kernel", async () => {
    const client = openTcp(fixture.harness.gateway.addresses.mqttDev, level);
    fixture.clients.push(client);
    client.socket.write(Buffer.concat([connect, publishes(300, 2_000)]));
    await expect.poll(() => client.pubacks.length).toBe(300);
    expect(client.isClosed).toBe(false);
  });
});

test("a client that stalled and reads on is told why its connection was closed: 0x97", async () => {
  await fixture.restart({ stalledMs: 500 });
  const { mqttDev } = fixture.harness.gateway.addresses;
  const [slow, loud] = [openTcp(mqttDev), openTcp(mqttDev)];
  fixture.clients.push(slow, loud);
  await slow.signOn({ clientId: "slow" });
  await loud.signOn({ clientId: "loud" });
  await slow.subscribe("a");
  slow.socket.pause();
  const payload = "x".repeat(100_000);
  const ended = async (): Promise<boolean> => {
    for (let i = 0; i < 20; i++) loud.publish("a", payload, 0);
    return /connection_ends_total\{reason="slowConsumer"\} [1-9]/.test(await fixture.harness.metrics.text());
  };
  await expect.poll(ended).toBe(true);
  slow.socket.resume();
  expect(await slow.closed()).toBe(ReasonCode.QuotaExceeded);
});
