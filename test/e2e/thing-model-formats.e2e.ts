import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target } from "./harness/devices.ts";
import { shadowOf } from "./harness/documents.ts";
import { request } from "./harness/mosquitto.ts";
import { report } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const tsl = {
  schema: "https://iotx-tsl.oss-ap-southeast-1.aliyuncs.com/schema.json",
  profile: { productKey: "a1lamp" },
  properties: [
    { identifier: "Switch", name: "开关", accessMode: "rw", required: true, dataType: { type: "bool", specs: { 0: "关", 1: "开" } } },
    {
      identifier: "Level",
      name: "Level",
      accessMode: "rw",
      required: false,
      dataType: { type: "float", specs: { min: "0", max: "100", step: "0.5" } },
    },
    { identifier: "Since", name: "Since", accessMode: "r", required: false, dataType: { type: "date", specs: {} } },
  ],
  events: [],
  services: [],
};
const path = "/v1/thing-models/lamp/versions/1.0.0";
const headers = { "content-type": "application/tsl+json" };

describe("a product whose model is an Alibaba TSL", () => {
  test("is published as TSL, takes what a device of that TSL reports, and refuses the rest with the field", async () => {
    const { api } = platform;
    const body = JSON.stringify(tsl);
    expect((await api(path, { method: "PUT", body, headers })).status).toBeLessThan(202);
    expect((await api(path, { method: "PUT", body, headers })).status).toBe(200);
    const product = await api("/v1/products", { method: "POST", body: { name: "Lamp", thingModel: { name: "lamp", version: "1.0.0" } } });
    expect(product.status).toBe(201);
    const device = await createDevice(platform, product.body as never);
    const desired = await api(`${device.path}/shadow`, { method: "PATCH", body: { desired: { Switch: 1, Level: 99.5 } } });
    expect(desired.status).toBe(200);
    const wrong = await api(`${device.path}/shadow`, { method: "PATCH", body: { desired: { Switch: true } } });
    expect(wrong).toMatchObject({ status: 400, body: { issues: [{ pointer: "/desired/Switch" }] } });
    const topics = { to: device.topic("propertyPost"), from: device.topic("propertyPostReply") };
    const right = { Switch: 1, Level: 0.5, Since: "1524448722000" };
    expect(JSON.parse((await request(device, topics, report(right))).stdout)).toMatchObject({ code: 200 });
    await until("the values in the shadow", async () => (await shadowOf(device)).reported["Since"] === right.Since);
    expect((await shadowOf(device)).reported).toEqual(right);
    for (const values of [{ Switch: true }, { Switch: 2 }, { Level: 101 }, { Since: 1524448722000 }, { Other: 1 }]) {
      const { stdout } = await request(device, topics, report(values));
      expect(JSON.parse(stdout)).toMatchObject({ code: 460, message: expect.stringContaining(Object.keys(values)[0] ?? "") });
    }
    expect((await shadowOf(device)).reported).toEqual(right);
  });

  test("comes back as TSL as it was, and in the other formats with what they lose", async () => {
    const { api } = platform;
    await api(path, { method: "PUT", body: JSON.stringify(tsl), headers });
    const back = await api(`${path}/export?format=tsl`);
    expect(back.headers.get("content-type")).toMatch(/^application\/tsl\+json/);
    expect(JSON.parse(back.text)).toEqual(tsl);
    const proto = await api(`${path}/export?format=proto`);
    expect(proto.text).toMatch(/optional double level = \d+ \[json_name = "Level"\];/);
    expect((await api(`${path}/export?format=proto`)).text).toBe(proto.text);
    const lost = await api(`${path}/export?format=proto&view=losses`);
    expect((lost.body as unknown as { losses: unknown[] }).losses.length).toBeGreaterThan(0);
    expect(await api(`${path}/export?format=xml`)).toMatchObject({ status: 400, body: { issues: [{ pointer: "/format" }] } });
    expect(
      await api(path, { method: "PUT", body: '{"properties":[{"identifier":"a","dataType":{"type":"long"}}]}', headers }),
    ).toMatchObject({
      status: 400,
      body: { issues: [{ pointer: "/properties/0/dataType/type" }] },
    });
  });
});
