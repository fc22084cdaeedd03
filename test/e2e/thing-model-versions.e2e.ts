import { randomBytes } from "node:crypto";
import type { JsonObject } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Product, type Target, type TestDevice } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { publish, request } from "./harness/mosquitto.ts";
import { MqttWire } from "./harness/mqtt-wire.ts";
import { report } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const thermostat = (maximum: number) => ({ sdfProperty: { Temperature: { type: "number", maximum, writable: false } } });

/** A model of its own, so that no other test has published versions of it. */
async function setUp(version: string, pin: string) {
  const name = `m${randomBytes(6).toString("hex")}`;
  const url = `/v1/thing-models/${name}/versions`;
  const publishModel = (number: string, maximum: number) =>
    platform.api(`${url}/${number}`, {
      method: "PUT",
      body: JSON.stringify(thermostat(maximum)),
      headers: { "content-type": "application/sdf+json" },
    });
  expect((await publishModel(version, 100)).status).toBe(201);
  const product = await platform.api("/v1/products", { method: "POST", body: { name, thingModel: { name, version: pin } } });
  expect(product.status).toBe(201);
  return { url, publishModel, device: await createDevice(platform, product.body as unknown as Product) };
}

async function answerTo(device: TestDevice, Temperature: number): Promise<{ readonly code: number }> {
  const topics = { to: device.topic("propertyPost"), from: device.topic("propertyPostReply") };
  return JSON.parse((await request(device, topics, report({ Temperature }))).stdout) as { readonly code: number };
}

describe("versions of a thing model", () => {
  test("a product that takes ^1 is held to a new version soon after it is published, and every message is answered meanwhile", async () => {
    const { url, publishModel, device } = await setUp("1.0.0", "^1");
    expect((await answerTo(device, 90)).code).toBe(200);
    const narrower = await publishModel("1.1.0", 50);
    expect([narrower.status, narrower.body]).toMatchObject([201, { changes: [{ kind: "narrower", isCompatible: true }] }]);
    const codes = new Set<number>();
    await until("the new version at the gateway", async () => {
      const { code } = await answerTo(device, 90);
      codes.add(code);
      return code === 460;
    });
    expect([...codes].every((code) => code === 200 || code === 460)).toBe(true);
    expect((await answerTo(device, 40)).code).toBe(200);
    const wider = await publishModel("1.2.0", 60);
    expect([wider.status, wider.body]).toMatchObject([409, { issues: [{ pointer: "/sdfProperty/Temperature/maximum" }] }]);
    expect((await platform.api(`${url}/1.1.0/diff?against=1.0.0`)).body).toMatchObject({ isCompatible: true });
    const tried = await platform.api(`${url}/^1/validate`, { method: "POST", body: { kind: "properties", payload: { Temperature: 90 } } });
    expect(tried.body).toMatchObject({ isValid: false, errors: [{ pointer: "/Temperature", got: "number 90" }] });
  });

  test("under load, a swap drops no message: each is acknowledged, and all that both versions allow are stored once", async () => {
    const { publishModel, device } = await setUp("1.0.0", "^1");
    const wire = await MqttWire.connect(device, "load");
    const startMs = Date.now() - 60_000;
    const perRound = 50;
    const roundMs = 60;
    let sent = 0;
    const round = async (): Promise<void> => {
      for (let at = 0; at < perRound; at++) {
        sent++;
        // Every other one is what the new version refuses.
        wire.publish(
          sent,
          device.topic("propertyPost"),
          report({ Temperature: { value: sent % 2 === 0 ? 40 : 90, time: startMs + sent } }),
        );
      }
      await until("the acknowledgements", () => wire.acknowledged.length === sent, 30_000);
      // A connection may say 1,000 messages a second, and is ended beyond that.
      await pause(roundMs);
    };
    await round();
    let isSwapped = false;
    const swap = publishModel("1.1.0", 50).then(async ({ status }) => {
      expect(status).toBe(201);
      await until("the new version at the gateway", async () => (await answerTo(device, 91)).code === 460, 30_000);
      isSwapped = true;
    });
    while (!isSwapped) await round();
    await swap;
    await round();
    wire.close();
    expect(wire.acknowledged).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
    const fitting = Array.from({ length: sent }, (_, index) => index + 1).filter((number) => number % 2 === 0);
    const stored = async (): Promise<readonly number[]> => {
      const found: number[] = [];
      for (let at = 0; at <= sent; at += 500) {
        const [from, to] = [startMs + at, startMs + at + 500].map((timeMs) => new Date(timeMs).toISOString());
        const points = await historyOf(device, "Temperature", `?from=${from}&to=${to}&pageSize=1000`);
        found.push(...points.filter(({ value }) => value === 40).map(({ time }) => Date.parse(time) - startMs));
      }
      return found.sort((one, other) => one - other);
    };
    await until("all that fits in the history", async () => (await stored()).length >= fitting.length, 30_000);
    expect(await stored()).toEqual(fitting);
  }, 120_000);

  test("a gateway's pack is held to the models of those it is about, and reaches their shadows; a part that does not fit stops no other", async () => {
    const { device: hub } = await setUp("1.0.0", "1.0.0");
    const { device: meter } = await setUp("1.0.0", "^1");
    const { device: stranger } = await setUp("1.0.0", "1.0.0");
    const collection = `/v1/products/${hub.productKey}/devices/${hub.deviceName}/sub-devices`;
    const meterName = { productKey: meter.productKey, deviceName: meter.deviceName };
    expect((await platform.api(collection, { method: "POST", body: meterName })).status).toBe(200);
    const part = ({ productKey, deviceName }: TestDevice, Temperature: number) => ({
      identity: { productKey, deviceName },
      properties: { Temperature },
    });
    const topics = { to: hub.topic("packPost"), from: hub.topic("packPostReply") };
    const say = async (params: JsonObject) => JSON.parse((await request(hub, topics, report(params))).stdout) as { readonly code: number };
    expect(await say({ properties: { Temperature: 11 }, subDevices: [part(meter, 22)] })).toMatchObject({ code: 200 });
    await until("the meter's shadow", async () => (await shadowOf(meter)).reported["Temperature"] === 22);
    await until("the hub's shadow", async () => (await shadowOf(hub)).reported["Temperature"] === 11);
    expect(await say({ properties: { Temperature: 12 }, subDevices: [part(meter, 999), part(stranger, 1)] })).toMatchObject({
      code: 460,
      data: { issues: [{ pointer: "/params/subDevices/0/properties/Temperature" }, { pointer: "/params/subDevices/1/identity" }] },
    });
    await until("what fitted", async () => (await shadowOf(hub)).reported["Temperature"] === 12);
    expect((await shadowOf(meter)).reported["Temperature"]).toBe(22);
    expect((await platform.api(`${collection}/${meter.productKey}/${meter.deviceName}`, { method: "DELETE" })).status).toBe(204);
    await until("the meter's leave", async () => (await say({ subDevices: [part(meter, 23)] })).code === 460);
    expect(await say({ subDevices: [part(meter, 24)] })).toMatchObject({
      code: 460,
      data: { issues: [{ pointer: "/params/subDevices/0/identity" }] },
    });
  });

  test("a batch is in history and shadow, a history only in the history", async () => {
    const { device } = await setUp("1.0.0", "1.0.0");
    const dayMs = 86_400_000;
    const at = (value: number, ago: number) => ({ value, time: Math.floor(Date.now() / dayMs) * dayMs - ago });
    const batch = { properties: { Temperature: [at(1, 2_000), at(2, 1_000)] } };
    expect((await publish(device, device.topic("batchPost"), report(batch))).code).toBe(0);
    await until("the last value in the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 2);
    const past = JSON.stringify({ id: "2", version: "1.0", params: [{ properties: [{ Temperature: at(7, 3_000) }] }] });
    expect((await publish(device, device.topic("historyPost"), past)).code).toBe(0);
    const [from, to] = [at(0, 10_000), at(0, 0)].map(({ time }) => new Date(time).toISOString());
    const points = await until("three points", async () => {
      const found = await historyOf(device, "Temperature", `?from=${from}&to=${to}`);
      return found.length === 3 ? found : undefined;
    });
    expect(points.map((point) => point.value)).toEqual([2, 1, 7]);
    expect((await publish(device, device.topic("propertyPost"), report({ Temperature: 3 }))).code).toBe(0);
    await until("what came after it in the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 3);
    expect(await shadowOf(device)).toMatchObject({ version: 3 });
  });
});
