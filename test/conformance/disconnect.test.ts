import { expect } from "vitest";
import { packetOf } from "./bytes.ts";
import { conforms } from "./conforms.ts";

conforms("a client that sends DISCONNECT is closed, and nothing it sends after is read", "all", async (broker) => {
  const topic = broker.topic();
  const watcher = await broker.connect();
  await watcher.subscribe(topic);
  const client = await broker.connect();
  client.send(Buffer.concat([Buffer.from("e000", "hex"), packetOf("30", `"${topic}" ${broker.isV5 ? "00" : ""} 78`)]));
  expect(await client.inbox.closed()).toEqual([]);
  await broker.expectNothing(watcher, await broker.connect());
});

conforms(
  "the DISCONNECT of a broker is its last packet, and it closes the connection [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1] [MQTT-3.14.2-2]",
  "v5",
  async (broker) => {
    const topic = broker.topic();
    const clientId = broker.clientId();
    const client = await broker.connect({ ...broker.kept(clientId) });
    await client.subscribe({ filter: topic, qos: 1 });
    const publisher = await broker.connect();
    for (let count = 0; count < 20; count++) publisher.sendPublish(topic, "x", { qos: 1 });
    const taken = await broker.connect(broker.kept(clientId));
    const heard = await client.inbox.closed();
    const at = heard.findIndex(({ type }) => type === "disconnect");
    if (at >= 0) expect(heard.slice(at)).toMatchObject([{ type: "disconnect", reasonCode: 0x8e }]);
    await taken.ping();
  },
);

conforms("a DISCONNECT with a reason that only a broker may give is a protocol error", "v5", async (broker) => {
  const client = await broker.connect();
  client.sendDisconnect(0x8e);
  await client.closedFor(0x81, 0x82);
});
