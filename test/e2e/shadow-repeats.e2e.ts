// A change of a shadow sent again because its answer was lost: every door makes it once, under the id that whoever sends it gives it.
import { randomUUID } from "node:crypto";
import { until } from "@mooring/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { curl } from "./harness/curl.ts";
import { createDevice, type Target } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { listen, publish } from "./harness/mosquitto.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
let shadow: ReturnType<typeof connectPublic<"shadow">>;
beforeAll(async () => {
  platform = await sharedPlatform();
  shadow = connectPublic(platform, "shadow");
});
afterAll(() => shadow?.stop());

const reported = (Temperature: number): string => JSON.stringify({ state: { reported: { Temperature } } });

test.each([
  ["native", "/sys/{pk}/{dn}/shadow/update"],
  ["AWS", "$aws/things/{dn}/shadow/update"],
])("over MQTT 5 (%s topics) under the user property message-id", async (_, pattern) => {
  const device = await createDevice(platform);
  const topic = pattern.replace("{pk}", device.productKey).replace("{dn}", device.deviceName);
  const listener = await listen(device, `${topic}/+`);
  const send = (value: number, id: string) =>
    publish(device, topic, reported(value), { version: "5", userProperties: [["message-id", id]] });
  for (const [value, id] of [
    [20.5, "one"],
    [21.5, "two"],
    [20.5, "one"],
  ] as const)
    expect((await send(value, id)).code).toBe(0);
  const answers = await until("three answers", () => {
    const accepted = listener.heard.filter((heard) => heard.topic.endsWith("/accepted"));
    return accepted.length === 3 ? accepted : undefined;
  });
  expect(answers.map(({ payload }) => (JSON.parse(payload) as { version: number }).version)).toEqual([1, 2, 1]);
  expect(await shadowOf(device)).toMatchObject({ version: 2, reported: { Temperature: 21.5 } });
  await until("the history", async () => (await historyOf(device, "Temperature")).length === 2);
});

test("over HTTPS and REST under the header Idempotency-Key", async () => {
  const device = await createDevice(platform);
  const say = (value: number, id: string) => curl(device, "/shadow/update", ["-H", `Idempotency-Key: ${id}`, "--data", reported(value)]);
  const first = await say(20.5, "one");
  expect((await say(21.5, "two")).status).toBe(200);
  expect([first.status, (await say(20.5, "one")).body]).toEqual([200, first.body]);
  const wish = (id: string) =>
    platform.api(`${device.path}/shadow`, {
      method: "PATCH",
      body: { desired: { TargetTemperature: 19 } },
      headers: { "idempotency-key": id },
    });
  const made = await wish("one");
  expect([made.body, (await wish("one")).body]).toEqual([expect.objectContaining({ version: 3 }), made.body]);
  expect(await shadowOf(device)).toMatchObject({ version: 3, reported: { Temperature: 21.5 }, desired: { TargetTemperature: 19 } });
});

test("over gRPC under a message_id", async () => {
  const { productKey, deviceName } = await createDevice(platform);
  const address = { productKey, deviceName };
  const change = { ...address, desired: { TargetTemperature: 19 }, messageId: randomUUID() };
  const first = await shadow.update(nobody, change);
  const deletion = { ...address, messageId: randomUUID() };
  expect((await shadow.delete(nobody, deletion)).version).toBe(2);
  expect(await shadow.update(nobody, change)).toEqual(first);
  expect((await shadow.delete(nobody, deletion)).version).toBe(2);
});
