import { randomUUID } from "node:crypto";
import { until } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDevice, createProduct, type Target, type TestDevice } from "./harness/devices.ts";
import { shadowOf } from "./harness/documents.ts";
import { connectPublic, nobody, type Subscriber, subscribe } from "./harness/grpc.ts";
import { post } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { createTenant } from "./harness/tenants.ts";

let platform: Target;
let device: TestDevice;
let stranger: string;
const subscribers: Subscriber[] = [];

beforeAll(async () => {
  platform = await sharedPlatform();
  device = await createDevice(platform);
  await post(device, 21);
  await until("the shadow", async () => (await shadowOf(device)).version === 1);
  stranger = await createTenant(platform);
});

afterAll(async () => {
  await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
});

const requests = [
  { method: "GET", path: "" },
  { method: "PATCH", path: "", body: { status: "disabled" } },
  { method: "DELETE", path: "" },
  { method: "GET", path: "/certificates" },
  { method: "POST", path: "/secret" },
  { method: "GET", path: "/shadow" },
  { method: "PATCH", path: "/shadow", body: { desired: { TargetTemperature: 20 } } },
  { method: "DELETE", path: "/shadow" },
  { method: "GET", path: "/properties/Temperature/history" },
  { method: "POST", path: "/calls", body: { payload: 1 } },
] as const;

describe("another tenant's owner", () => {
  test.each(requests)("$method device$path: the same answer as for a device that does not exist, and nothing changes", async (each) => {
    const before = await shadowOf(device);
    const ask = async (path: string) => {
      const body = "body" in each ? { body: each.body } : {};
      const answer = await platform.api(`${path}${each.path}`, { method: each.method, key: stranger, ...body });
      return { status: answer.status, text: answer.text };
    };
    const missing = `/v1/products/a1missing00/devices/${device.deviceName}`;
    const theirs = await ask(device.path);
    expect(theirs.status).toBe(404);
    expect(theirs).toEqual(await ask(missing));
    expect(await shadowOf(device)).toEqual(before);
    expect(await platform.api(device.path)).toMatchObject({ body: { status: "enabled" } });
  });

  test("sees no product, model or key, and cannot use a model by its name", async () => {
    await createProduct(platform);
    const list = async (path: string) => (await platform.api(path, { key: stranger })).body;
    expect(await list("/v1/products")).toEqual({ products: [] });
    expect(await list("/v1/thing-models")).toEqual({ models: [] });
    expect(await list("/v1/api-keys")).toMatchObject({ keys: [{ name: "owner" }] });
    const body = { name: "x", thingModel: { name: "thermostat", version: "1.0.0" } };
    expect((await platform.api("/v1/products", { method: "POST", key: stranger, body })).status).toBe(400);
  });

  test("gRPC: a call is notFound, and a subscription of all there is receives nothing of it", async () => {
    const { productKey, deviceName } = device;
    const rrpc = connectPublic(platform, "rrpc", stranger);
    await expect(rrpc.call(nobody, { productKey, deviceName, payload: Buffer.from("1") })).rejects.toMatchObject({ code: "notFound" });
    await rrpc.stop();
    const name = randomUUID();
    const theirs = subscribe(platform, { subscription: name, from: "earliest" }, stranger);
    const ours = subscribe(platform, { subscription: name, from: "earliest", productKey });
    subscribers.push(theirs, ours);
    // Ours comes after everything before it in the log, which theirs has passed as well once it is this far; equal names are two subscriptions.
    await post(device, 22);
    await until("our records", () => ours.records.filter((record) => record.kind === "properties").length === 2);
    const own = await createOwn();
    await post(own, 23);
    await until("their own record", () => theirs.records.some((record) => record.kind === "properties"));
    expect(new Set(theirs.records.map((record) => record.device.deviceName))).toEqual(new Set([own.deviceName]));
  });
});

/** A device of the other tenant. */
function createOwn(): Promise<TestDevice> {
  const target: Target = { ...platform, api: (path, request) => platform.api(path, { key: stranger, ...request }) };
  return createDevice(target);
}
