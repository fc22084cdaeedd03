import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, createProduct, type Target, type TestDevice } from "./harness/devices.ts";
import { desire, shadowOf } from "./harness/documents.ts";
import { listen, publish, request } from "./harness/mosquitto.ts";
import { report } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

/** Of a product that has the open delta sent to who comes back. */
const createPushed = async (): Promise<TestDevice> => createDevice(platform, await createProduct(platform, { pushDelta: true }));

describe("desired state", () => {
  test("ten changes while the device is offline are one delta on reconnect, with the last values", async () => {
    const device = await createPushed();
    for (let i = 0; i < 9; i += 1) await desire(device, { TargetTemperature: 10 + i });
    const last = await desire(device, { TargetTemperature: 22.5, Mode: "heat" });
    expect(last).toMatchObject({ version: 10, delta: { TargetTemperature: 22.5, Mode: "heat" } });
    const listener = await listen(device, device.topic("shadowDelta"));
    const delta = JSON.parse((await listener.message()).payload) as { state: object; version: number };
    expect(delta).toMatchObject({ state: { TargetTemperature: 22.5, Mode: "heat" }, version: 10 });
    // A change made now arrives after whatever was still to come of the old ones.
    await desire(device, { TargetTemperature: 23 });
    expect(JSON.parse((await listener.message(1)).payload)).toMatchObject({ state: { TargetTemperature: 23, Mode: "heat" } });
    expect(listener.heard).toHaveLength(2);
    await listener.stop();
  });

  test("what the device reports as desired is no delta any more, and a reconnect then brings none", async () => {
    const device = await createPushed();
    await desire(device, { TargetTemperature: 22.5 });
    await publish(device, device.topic("propertyPost"), report({ TargetTemperature: 22.5 }));
    await until("the delta to be empty", async () => Object.keys((await shadowOf(device)).delta).length === 0);
    const listener = await listen(device, device.topic("shadowDelta"));
    await desire(device, { Mode: "cool" });
    expect(JSON.parse((await listener.message()).payload)).toMatchObject({ state: { Mode: "cool" } });
    expect(listener.heard).toHaveLength(1);
    await listener.stop();
  });

  test("a product that did not ask for it has no delta pushed on reconnect: the device asks with get", async () => {
    const device = await createDevice(platform);
    await desire(device, { TargetTemperature: 22.5 });
    const listener = await listen(device, device.topic("shadowDelta"));
    const get = { to: device.topic("shadowGet"), from: device.topic("shadowGetAccepted") };
    expect(JSON.parse((await request(device, get, "{}")).stdout)).toMatchObject({ state: { delta: { TargetTemperature: 22.5 } } });
    // What is pushed at all comes before what is changed now.
    await desire(device, { TargetTemperature: 23 });
    expect(JSON.parse((await listener.message()).payload)).toMatchObject({ state: { TargetTemperature: 23 } });
    expect(listener.heard).toHaveLength(1);
    await listener.stop();
  });

  test("the device reads its shadow and changes what it reports, and hears accepted; desired is not its to set by a stale version", async () => {
    const device = await createDevice(platform);
    await desire(device, { TargetTemperature: 22.5 });
    const update = { to: device.topic("shadowUpdate"), from: device.topic("shadowUpdateAccepted") };
    const accepted = await request(device, update, JSON.stringify({ state: { reported: { Mode: "off" } }, clientToken: "a" }));
    expect(JSON.parse(accepted.stdout)).toMatchObject({ version: 2, clientToken: "a" });
    const get = { to: device.topic("shadowGet"), from: device.topic("shadowGetAccepted") };
    const shadow = JSON.parse((await request(device, get, "{}")).stdout) as object;
    expect(shadow).toMatchObject({ version: 2, state: { desired: { TargetTemperature: 22.5 }, reported: { Mode: "off" } } });
    const stale = { to: device.topic("shadowUpdate"), from: device.topic("shadowUpdateRejected") };
    const rejected = await request(device, stale, JSON.stringify({ state: { reported: { Mode: "heat" } }, version: 1, clientToken: "b" }));
    expect(JSON.parse(rejected.stdout)).toMatchObject({ code: 409, clientToken: "b", current: { version: 2 } });
  });
});
