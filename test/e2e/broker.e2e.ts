import { readFileSync } from "node:fs";
import { until } from "@mooring/testkit";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createDevice } from "./harness/devices.ts";
import { publish } from "./harness/mosquitto.ts";
import { type Platform, startPlatform } from "./harness/platform.ts";
import { mode } from "./harness/shared-platform.ts";

/** What is killed at the same time, right after an acknowledgement; an undefined part is everything. */
const victims: Readonly<Record<typeof mode, readonly (readonly (string | undefined)[])[]>> = {
  "all-in-one": [["platform"], [undefined]],
  split: [["gateway"], ["sessions"], ["postgres", "sessions"], ["redis", "gateway"]],
};

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(mode);
});
afterAll(() => platform?.stop());

/** A back end: mqtt.js with the owner's API key. It does not come again by itself unless told. */
function connect(clientId: string, options: IClientOptions = {}): MqttClient {
  const { host, port } = platform.mqtts;
  const client = mqtt.connect({
    ...{ protocol: "mqtts", host, port, ca: readFileSync(platform.caFile), checkServerIdentity: () => undefined },
    ...{ clientId, username: "back end", password: platform.apiKey, protocolVersion: 5, reconnectPeriod: 0, ...options },
  });
  client.on("error", () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}

/** A session that lasts an hour. */
const kept: IClientOptions = { clean: false, properties: { sessionExpiryInterval: 3_600 } };

function connected(client: MqttClient): Promise<{ readonly sessionPresent: boolean }> {
  return new Promise((resolve, reject) => {
    client.once("connect", resolve);
    client.once("close", () => reject(new Error("the connection was closed")));
  });
}

/** As back ends do: a platform of which a part has just come back may not let anybody in yet. */
function connectPatiently(
  clientId: string,
  options: IClientOptions,
): Promise<{ client: MqttClient; sessionPresent: boolean; heard: string[] }> {
  return until("the back end to be let in", async () => {
    const client = connect(clientId, options);
    const heard: string[] = [];
    client.on("message", (_topic, payload) => void heard.push(payload.toString()));
    try {
      return { client, heard, ...(await connected(client)) };
    } catch {
      client.end(true);
      return undefined;
    }
  });
}

/** Publishes with QoS 1 and 2 in turn, 20 under way, and kills when so many are acknowledged. Resolves with what was acknowledged. */
async function publishUntilKilled(round: string, killAfter: number, kill: () => Promise<unknown>): Promise<readonly string[]> {
  const { client } = await connectPatiently(`publisher-${round}`, {});
  const acknowledged: string[] = [];
  const killed = Promise.withResolvers<void>();
  let sent = 0;
  const next = (): void => {
    const text = `${round}.${++sent}`;
    client.publish(`kept/${round}`, text, { qos: sent % 2 === 0 ? 1 : 2 }, (error) => {
      if (error) return;
      acknowledged.push(text);
      if (acknowledged.length === killAfter) kill().then(() => killed.resolve(), killed.reject);
      else if (acknowledged.length < killAfter) next();
    });
  };
  for (let i = 0; i < 20; i++) next();
  await killed.promise;
  client.end(true);
  return acknowledged;
}

describe("a session that is kept, what waits for it and retained messages survive kill -9 right after an acknowledgement", () => {
  test.each(victims[mode].map((parts, round) => ({ parts, round, name: parts.map((part) => part ?? "everything").join(" and ") })))(
    "of $name",
    async ({ parts, round }) => {
      const name = `round-${round}`;
      const first = await connectPatiently(`keeper-${round}`, kept);
      expect(first.sessionPresent).toBe(false);
      await first.client.subscribeAsync(`kept/${name}`, { qos: 2 });
      await first.client.publishAsync(`retained/${name}`, "stays", { qos: 1, retain: true });
      await first.client.endAsync();
      const acknowledged = await publishUntilKilled(name, 30 + 13 * round, () => Promise.all(parts.map((part) => platform.kill9(part))));
      for (const part of parts) await platform.restart(part);

      const second = await connectPatiently(`keeper-${round}`, kept);
      expect(second.sessionPresent).toBe(true);
      await until("all that was acknowledged", () => acknowledged.every((text) => second.heard.includes(text)));
      // Even numbers went with QoS 1 and may come twice; odd ones with QoS 2.
      const once = second.heard.filter((text) => Number(text.split(".")[1]) % 2 === 1);
      expect(once).toEqual([...new Set(once)]);
      await second.client.subscribeAsync(`retained/${name}`, { qos: 1 });
      await until("the retained message", () => second.heard.includes("stays"));
      await second.client.endAsync();
    },
  );
});

test("a back end hears what a device reports, and a device what a back end says in its custom topics", async () => {
  const device = await createDevice(platform);
  const { client, heard } = await connectPatiently("listener", {});
  await client.subscribeAsync(device.topic("propertyPost"), { qos: 1 });
  const report = JSON.stringify({ id: "1", params: { FirmwareVersion: "1.2.3" } });
  expect((await publish(device, device.topic("propertyPost"), report)).code).toBe(0);
  await until("the report", () => heard.includes(report));
  await client.endAsync();
});
