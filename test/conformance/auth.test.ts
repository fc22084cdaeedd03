import { expect } from "vitest";
import { conforms } from "./conforms.ts";

conforms(
  "an authentication method that the broker does not have is refused with 0x8C or 0x87 and a closed connection [MQTT-4.12.0-1]",
  "v5",
  async (broker) => {
    const client = await broker.open();
    const properties = { authenticationMethod: "no-such-method", authenticationData: Buffer.from("x") };
    client.sendConnect({ clientId: broker.clientId(), properties });
    await client.closedFor(0x8c, 0x87);
  },
);

conforms("a client that names no method is sent no AUTH and no method [MQTT-4.12.0-6]", "v5", async (broker) => {
  const client = await broker.open();
  const connack = await client.connect({ clientId: broker.clientId() });
  expect(connack.properties?.authenticationMethod).toBeUndefined();
  await client.expectNothing();
});

conforms("an AUTH from a client that named no method closes the connection", "v5", async (broker) => {
  for (const reasonCode of [0x18, 0x19]) {
    const client = await broker.connect();
    client.sendAuth(reasonCode, { authenticationMethod: "m" });
    await client.closedFor(0x82, 0x8c, 0x87);
  }
});

conforms("authentication data without a method closes the connection", "v5", async (broker) => {
  const client = await broker.open();
  client.sendConnect({ clientId: broker.clientId(), properties: { authenticationData: Buffer.from("x") } });
  await client.closedFor(0x81, 0x82);
});
