import { pause } from "@mooring/kit";
import { expect } from "vitest";
import { conforms } from "./conforms.ts";

/** The specification gives no limit to how late a broker may be: mosquitto looks every five seconds, ours every one. */
const lateMsMax = (target: string): number => (target === "mooring" ? 3_000 : 6_000);

conforms(
  "a client that says nothing for one and a half keep-alives is closed as if the network had failed [3.1.1 MQTT-3.1.2-24] [5.0 MQTT-3.1.2-22] [5.0 MQTT-3.2.2-22]",
  "all",
  async (broker) => {
    const topic = broker.topic();
    const watcher = await broker.connect();
    await watcher.subscribe(topic);
    const client = await broker.open();
    const will = { topic, payload: Buffer.from("gone"), qos: 0, retain: false, properties: null } as const;
    const connack = await client.connect({ clientId: broker.clientId(), keepAliveS: 1, will });
    // Without a Server Keep Alive, the client's own holds.
    expect(connack.properties?.serverKeepAliveS ?? 1).toBe(1);
    const startedAt = Date.now();
    const [last] = await client.inbox.closed(10_000);
    if (last !== undefined) expect(last).toMatchObject({ type: "disconnect", reasonCode: 0x8d });
    const elapsedMs = Date.now() - startedAt;
    expect(elapsedMs).toBeGreaterThanOrEqual(1_000);
    expect(elapsedMs).toBeLessThan(1_500 + lateMsMax(broker.target.name));
    expect(await watcher.receive()).toMatchObject({ topic, text: "gone" });
  },
);

conforms("a client is not closed before one and a half keep-alives [3.1.1 MQTT-3.1.2-24] [5.0 MQTT-3.1.2-22]", "all", async (broker) => {
  const client = await broker.connect({ keepAliveS: 5 });
  await pause(6_000);
  await client.ping();
});

conforms("any packet keeps the connection, as does a keep-alive of 0 [3.1.1 MQTT-3.1.2-24] [5.0 MQTT-3.1.2-22]", "all", async (broker) => {
  const [pings, publishes, silent] = [
    await broker.connect({ keepAliveS: 2 }),
    await broker.connect({ keepAliveS: 2 }),
    await broker.connect(),
  ];
  for (let count = 0; count < 4; count++) {
    await pause(1_000);
    await pings.ping();
    publishes.sendPublish(broker.topic(), "x");
  }
  await Promise.all([pings, publishes, silent].map((client) => client.expectNothing()));
});

conforms(
  "a keep-alive beyond the server's is answered with the server's",
  "v5",
  async (broker) => {
    const client = await broker.open();
    const max = broker.target.keepAliveSMax ?? 0;
    const connack = await client.connect({ clientId: broker.clientId(), keepAliveS: max + 100 });
    expect(connack.properties?.serverKeepAliveS).toBe(max);
  },
  "keepAliveSMax",
);

conforms("a PINGREQ is answered with a PINGRESP [MQTT-3.12.4-1]", "all", async (broker) => {
  const client = await broker.connect();
  client.send("c0 00 c0 00");
  expect((await client.next("pingresp")).raw.toString("hex")).toBe("d000");
  await client.next("pingresp");
  await client.expectNothing();
});
