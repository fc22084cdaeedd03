// What a client is told of its session while the end of the one before is being written down.
import { type ConnectPacket, encodeDisconnect, type Properties, ProtocolLevel } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "../fixture.test-support.ts";
import { type MqttClient, openTcp } from "../mqtt-client.test-support.ts";

const fixture = useGateway();
const kept: Properties = { sessionExpiryIntervalS: 60 };

function atDevelopmentDoor(): MqttClient {
  const client = openTcp(fixture.harness.gateway.addresses.mqttDev);
  fixture.clients.push(client);
  return client;
}

const kinds = {
  "a client of the broker": async () => atDevelopmentDoor(),
  "a device": async () => fixture.open(await fixture.harness.credential("dev-1")),
};

/** Somebody else, who is answered behind all that came before. */
async function passBy(): Promise<void> {
  expect((await atDevelopmentDoor().signOn({ clientId: "other" })).connack?.reasonCode).toBe(0);
}

async function hasKept(sessions: number): Promise<void> {
  await expect.poll(() => fixture.harness.metrics.text()).toContain(`mooring_gateway_sessions_kept ${sessions}\n`);
}

/** Sends a CONNECT, and returns what it will have come to. */
function ask(client: MqttClient, packet: Partial<ConnectPacket>): Promise<MqttClient> {
  return client.signOn({ clientId: "c1", properties: kept, ...packet });
}

describe.each(Object.entries(kinds))(
  "%s hears that it has no session when that is on disk, and not before [MQTT-3.2.2-2]",
  (_kind, open) => {
    test("behind a clean start that is being written down [MQTT-3.1.2-4]", async () => {
      (await ask(await open(), {})).end();
      await hasKept(1);
      fixture.harness.sessions.hold();
      const [first, second] = [await open(), await open()];
      const answers = [ask(first, { cleanStart: true })];
      await hasKept(0);
      answers.push(ask(second, { cleanStart: false }));
      await passBy();
      expect([first.connack, second.connack]).toEqual([undefined, undefined]);
      fixture.harness.sessions.release();
      await Promise.all(answers);
      expect(second.connack?.reasonCode).toBe(0);
      // The second one may have taken its session over before it heard of it.
      expect(first.connack?.sessionPresent ?? false).toBe(false);
    });

    test("behind a DISCONNECT that ends its session", async () => {
      const before = await ask(await open(), {});
      fixture.harness.sessions.hold();
      before.socket.write(encodeDisconnect({ reasonCode: 0, properties: { sessionExpiryIntervalS: 0 } }, ProtocolLevel.V5));
      await hasKept(0);
      const after = await open();
      const answer = ask(after, { cleanStart: false });
      await passBy();
      expect(after.connack).toBeUndefined();
      fixture.harness.sessions.release();
      expect((await answer).connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
    });

    test("in place of one that lasts as long as its connection", async () => {
      (await ask(await open(), {})).end();
      await hasKept(1);
      const before = await ask(await open(), { cleanStart: false, properties: null });
      expect(before.connack?.sessionPresent).toBe(true);
      fixture.harness.sessions.hold();
      const after = await open();
      const answer = ask(after, { cleanStart: false });
      await passBy();
      expect(after.connack).toBeUndefined();
      fixture.harness.sessions.release();
      expect((await answer).connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
    });
  },
);
