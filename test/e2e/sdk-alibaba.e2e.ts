// Firmware on Alibaba's device SDK, unchanged: the SDK as its npm package has it, told the platform's address as its users tell it theirs.
import { randomBytes } from "node:crypto";
import type { JsonObject } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createProduct, type Target } from "./harness/devices.ts";
import { desire, shadowOf } from "./harness/documents.ts";
import { type SdkDevice, startSdk } from "./harness/sdk.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

interface Registered {
  readonly platform: Target;
  readonly productKey: string;
  readonly deviceName: string;
  readonly path: string;
}

interface Bare extends Registered {
  readonly deviceSecret: string;
}

/** A device that nobody has given anything, in a product that allows secrets and fetching them. */
async function createRegistered(): Promise<Registered> {
  const { productKey } = await createProduct(platform);
  const allowed = { secretAuthentication: true, registration: "known" };
  expect((await platform.api(`/v1/products/${productKey}`, { method: "PATCH", body: allowed })).status).toBe(200);
  const deviceName = `alink-${randomBytes(4).toString("hex")}`;
  expect((await platform.api(`/v1/products/${productKey}/devices`, { method: "POST", body: { deviceName } })).status).toBe(201);
  return { platform, productKey, deviceName, path: `/v1/products/${productKey}/devices/${deviceName}` };
}

/** Of a product, or of a device. */
async function newSecret(path: string): Promise<string> {
  const { status, body } = await platform.api(`${path}/secret`, { method: "POST", body: {} });
  expect(status).toBe(201);
  return (body as { secret: string }).secret;
}

/** A device that signs on with its secret. */
async function createBare(): Promise<Bare> {
  const registered = await createRegistered();
  return { ...registered, deviceSecret: await newSecret(registered.path) };
}

async function start({ productKey, deviceName, deviceSecret }: Omit<Bare, "path" | "platform">): Promise<SdkDevice> {
  const brokerUrl = `mqtts://${platform.mqtts.host}:${platform.mqtts.port}`;
  const configuration = { productKey, deviceName, deviceSecret, brokerUrl };
  const device = await startSdk("alibaba.cjs", [JSON.stringify(configuration)], platform.caFile);
  await device.heard("connected");
  return device;
}

describe("Alibaba's device SDK", () => {
  test("fetches its secret with that of its product, and signs on with it", async () => {
    const { productKey, deviceName } = await createRegistered();
    const productSecret = await newSecret(`/v1/products/${productKey}`);
    const registration = { productKey, productSecret, deviceName, registerURL: `${platform.https}/auth/register/device` };
    const fetching = await startSdk("alibaba.cjs", [JSON.stringify(registration), "true"], platform.caFile);
    const { answer } = await fetching.heard("registered");
    expect(answer).toMatchObject({ code: 200, data: { productKey, deviceName } });
    await start({ productKey, deviceName, deviceSecret: String((answer as { data: JsonObject }).data["deviceSecret"]) });
  });

  test("signs on, reports properties and events, and hears which value is refused and why", async () => {
    const bare = await createBare();
    const device = await start(bare);
    device.tell("postProps", { Temperature: 21.5 });
    expect((await device.heard("posted"))["answer"]).toMatchObject({ code: 200 });
    await until("the shadow to have it", async () => (await shadowOf(bare)).reported["Temperature"] === 21.5);
    device.tell("postProps", { Temperature: 500 });
    const { answer } = await device.heard("posted", 1);
    expect(answer).toMatchObject({ code: 460 });
    expect(JSON.stringify(answer)).toContain("Temperature");
    device.tell("postEvent", "Overheated", { Temperature: 99, limit: 90 });
    expect((await device.heard("eventPosted"))["answer"]).toMatchObject({ code: 200 });
  });

  test("is told what is desired of it, and clears it by reporting it", async () => {
    const bare = await createBare();
    const device = await start(bare);
    await desire(bare, { TargetTemperature: 22.5 });
    expect((await device.heard("set"))["message"]).toMatchObject({
      method: "thing.service.property.set",
      params: { TargetTemperature: 22.5 },
    });
    device.tell("postProps", { TargetTemperature: 22.5 });
    await until("the delta to be gone", async () => Object.keys((await shadowOf(bare)).delta).length === 0);
  });

  test("answers a call", async () => {
    const bare = await createBare();
    const device = await start(bare);
    device.tell("onService", "Reboot", { accepted: true }, "sync");
    device.tell("subscribe", `/${bare.productKey}/${bare.deviceName}/user/get`);
    await device.heard("subscribed");
    const answer = await platform.api(`${bare.path}/calls`, { method: "POST", body: { service: "Reboot", input: { delaySeconds: 5 } } });
    expect(answer).toMatchObject({ status: 200, body: { output: { accepted: true } } });
    expect((await device.heard("called"))["message"]).toMatchObject({ method: "thing.service.Reboot", params: { delaySeconds: 5 } });
  });

  test("reads, reports and clears its shadow in Alibaba's form", async () => {
    const bare = await createBare();
    const device = await start(bare);
    device.tell("postShadow", { Temperature: 20 });
    expect((await device.heard("shadow"))["message"]).toMatchObject({ method: "reply", payload: { status: "success" } });
    device.tell("getShadow");
    expect((await device.heard("shadow", 1))["message"]).toMatchObject({ payload: { state: { reported: { Temperature: 20 } } } });
    device.tell("deleteShadow", "Temperature");
    expect((await device.heard("shadow", 2))["message"]).toMatchObject({ payload: { status: "success" } });
    expect((await shadowOf(bare)).reported).toEqual({});
  });

  test("talks with a back end over topics of its own", async () => {
    const bare = await createBare();
    const device = await start(bare);
    const topic = `/${bare.productKey}/${bare.deviceName}/user/get`;
    device.tell("subscribe", topic);
    expect(await device.heard("subscribed")).toEqual({ event: "subscribed", topic });
    device.tell("publish", topic, "hello");
    expect(await device.heard("published")).toEqual({ event: "published", topic });
    expect(await device.heard("message")).toEqual({ event: "message", topic, payload: "hello" });
  });
});
