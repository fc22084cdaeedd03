import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { runShadowCase, type ShadowDoor, shadowCases, until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { curl } from "./harness/curl.ts";
import { createDevice, type Product, type Target, type TestDevice } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { subscribe } from "./harness/grpc.ts";
import { report, temperatureOf } from "./harness/reports.ts";
import { ShadowClient } from "./harness/shadow-client.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";

let platform: Target;
let product: Product;
beforeAll(async () => {
  platform = await sharedPlatform();
  // Without a thing model: the cases are about documents, not about what a device may say.
  const { status, body, text } = await platform.api("/v1/products", { method: "POST", body: { name: "Free form" } });
  if (status !== 201) throw new Error(`the product was refused: ${text}`);
  product = body as unknown as Product;
});

async function mqttDoor(device: TestDevice, dialect: "native" | "aws"): Promise<ShadowDoor> {
  const client = await ShadowClient.open(device);
  const { productKey, deviceName } = device;
  await client.subscribe(
    dialect === "native" ? `/sys/${productKey}/${deviceName}/shadow/#` : `$aws/things/${productKey}.${deviceName}/shadow/#`,
  );
  return client.door(device, dialect);
}

/** The same topics as paths; a body of any size goes through a file. */
function httpsDoor(device: TestDevice): ShadowDoor {
  const own = `/sys/${device.productKey}/${device.deviceName}`;
  return {
    device,
    dialect: "native",
    async ask({ topic, payload }) {
      const file = join(tempFolder("payload"), "body.json");
      writeFileSync(file, payload);
      const { status, body } = await curl(device, topic.slice(own.length), ["--data-binary", `@${file}`]);
      return { isAccepted: status === 200, body: JSON.parse(body) as JsonObject };
    },
  };
}

describe.each<[string, (device: TestDevice) => Promise<ShadowDoor> | ShadowDoor]>([
  ["the native topics", (device) => mqttDoor(device, "native")],
  ["AWS's topics", (device) => mqttDoor(device, "aws")],
  ["HTTPS", httpsDoor],
])("a shadow by way of %s", (_name, open) => {
  test.each(shadowCases.map((one) => [one.title, one] as const))("%s", async (_title, one) => {
    const device = await createDevice(platform, product);
    expect(await runShadowCase(one, await open(device))).toEqual([]);
  });
});

describe("one shadow, whatever the dialect", () => {
  test("what is reported by any of its topics is in the log among what is posted, once and in order, and in the history", async () => {
    const device = await createDevice(platform);
    const { productKey, deviceName } = device;
    const subscriber = subscribe(platform, { subscription: randomUUID(), from: "earliest", productKey, kinds: ["properties"] });
    const client = await ShadowClient.open(device);
    const reported = (Temperature: number, more = {}): string => JSON.stringify({ state: { reported: { Temperature } }, ...more });
    await client.publish(`/sys/${productKey}/${deviceName}/shadow/update`, reported(1));
    await client.publish(device.topic("propertyPost"), report({ Temperature: 2 }));
    await client.publish(`$aws/things/${productKey}.${deviceName}/shadow/update`, reported(3));
    await client.publish(`/shadow/update/${productKey}/${deviceName}`, reported(4, { method: "update" }));
    expect((await curl(device, "/shadow/update", ["--data-binary", reported(5)])).status).toBe(200);
    await client.publish(device.topic("propertyPost"), report({ Temperature: 6, Mode: "heat" }));
    await subscriber.record(5);
    expect(subscriber.records.map(temperatureOf)).toEqual([1, 2, 3, 4, 5, 6]);
    const sources = subscriber.records.map(({ body }) => (JSON.parse(body) as { source?: string }).source);
    expect(sources).toEqual(["shadow", undefined, "shadow", "shadow", "shadow", undefined]);
    await until("the history to have them", async () => (await historyOf(device, "Temperature")).length === 6);
    expect((await historyOf(device, "Temperature")).map(({ value }) => value)).toEqual([6, 5, 4, 3, 2, 1]);
    const all = await platform.api(`${device.path}/history?property=Mode&property=Temperature&pageSize=3`);
    expect((all.body as unknown as { points: object[] }).points).toMatchObject([
      { property: "Temperature", value: 6 },
      { property: "Mode", value: "heat" },
      { property: "Temperature", value: 5 },
    ]);
    await until("the shadow to have all", async () => (await shadowOf(device)).version === 6);
    expect((await shadowOf(device)).reported).toEqual({ Temperature: 6, Mode: "heat" });
    await subscriber.stop();
  });

  test("what an Alibaba device reports, AWS's topics and REST show; what is desired reaches it as control", async () => {
    const device = await createDevice(platform, product);
    const { productKey, deviceName } = device;
    const client = await ShadowClient.open(device);
    await client.subscribe(`/shadow/get/${productKey}/${deviceName}`);
    const say = async (body: object): Promise<void> => client.publish(`/shadow/update/${productKey}/${deviceName}`, JSON.stringify(body));
    await say({ method: "update", state: { reported: { color: "green", list: [1, 2] } }, version: 5 });
    expect(client.heard.map(({ body }) => body)).toEqual([
      { method: "reply", payload: { status: "success", version: 5 }, timestamp: expect.any(Number) },
    ]);
    expect(await shadowOf(device)).toMatchObject({ version: 5, reported: { color: "green", list: [1, 2] } });

    const aws = await ShadowClient.open(device);
    await aws.subscribe(`$aws/things/${productKey}.${deviceName}/shadow/get/+`);
    await aws.publish(`$aws/things/${productKey}.${deviceName}/shadow/get`, "");
    const [document] = aws.heard;
    const { timestamp } = document?.body ?? {};
    expect(document?.body).toEqual({
      state: { reported: { color: "green", list: [1, 2] } },
      metadata: { reported: { color: { timestamp }, list: [{ timestamp }, { timestamp }] } },
      version: 5,
      timestamp,
    });
  });
});
