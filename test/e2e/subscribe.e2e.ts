import { randomUUID } from "node:crypto";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target } from "./harness/devices.ts";
import { subscribe } from "./harness/grpc.ts";
import { post, temperatureOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

describe("a gRPC subscriber", () => {
  let platform: Target;
  beforeAll(async () => {
    platform = await sharedPlatform();
  });

  test("receives what devices of its product say, in order, with a place in the log and a stable id", async () => {
    const device = await createDevice(platform);
    const { productKey, deviceName } = device;
    const subscriber = subscribe(platform, { subscription: randomUUID(), from: "earliest", productKey, kinds: ["properties"] });
    for (const value of [1, 2, 3]) await post(device, value);
    await subscriber.record(2);
    expect(subscriber.records.map(temperatureOf)).toEqual([1, 2, 3]);
    expect(subscriber.records[0]).toMatchObject({ kind: "properties", device: { productKey, deviceName } });
    const offsets = subscriber.records.map((record) => record.offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(new Set(subscriber.records.map((record) => record.messageId)).size).toBe(3);
    await subscriber.stop();
  });

  test("goes on after what it acknowledged when it comes again under its name, and gets the rest once more", async () => {
    const device = await createDevice(platform);
    const start = { subscription: randomUUID(), from: "earliest", productKey: device.productKey, kinds: ["properties"] };
    const first = subscribe(platform, start);
    for (const value of [1, 2, 3]) await post(device, value);
    const second = await first.record(1);
    await first.record(2);
    first.acknowledge(second.offset);
    await first.stop();
    await post(device, 4);
    const again = subscribe(platform, start);
    await again.record(1);
    expect(again.records.map(temperatureOf)).toEqual([3, 4]);
    await again.stop();
  });

  test("hears of a device being made, coming and going", async () => {
    const device = await createDevice(platform);
    const { productKey } = device;
    const subscriber = subscribe(platform, { subscription: randomUUID(), from: "earliest", productKey });
    await post(device, 1);
    await until("the device to be gone", () => subscriber.records.some((record) => record.kind === "offline"));
    expect(subscriber.records.map((record) => record.kind)).toEqual(["lifecycle", "online", "properties", "offline"]);
    const places = subscriber.records.filter(({ kind }) => kind !== "properties").map(({ body }) => JSON.parse(body) as object);
    for (const place of places) expect(place).toMatchObject({ epoch: expect.any(Number), sequence: expect.any(Number) });
    await subscriber.stop();
  });

  test("streams under the same name share the records: each comes to one of them, and what one leaves unacknowledged to the other", async () => {
    const device = await createDevice(platform);
    const start = { subscription: randomUUID(), from: "earliest", productKey: device.productKey, kinds: ["properties"] };
    const first = subscribe(platform, start);
    await post(device, 1);
    await first.record(0);
    const second = subscribe(platform, start);
    await post(device, 2);
    // Order: as long as the first has something of the device under way, the rest of the device is its as well.
    await first.record(1);
    expect(second.records).toEqual([]);
    await first.stop();
    await second.record(1);
    expect(second.records.map(temperatureOf)).toEqual([1, 2]);
    await second.stop();
  });

  test("a key that may not subscribe is refused, and one that is revoked loses its open stream", async () => {
    const device = await createDevice(platform);
    const start = { subscription: randomUUID(), from: "earliest", productKey: device.productKey };
    const makeKey = async (role: string) =>
      (await platform.api("/v1/api-keys", { method: "POST", body: { name: role, role } })).body as unknown as {
        readonly key: { readonly id: string };
        readonly secret: string;
      };
    const viewer = subscribe(platform, start, (await makeKey("viewer")).secret);
    await until("the refusal", () => viewer.end !== undefined);
    expect(viewer.end).toMatchObject({ code: "permissionDenied" });
    const { key, secret } = await makeKey("backend");
    const backend = subscribe(platform, start, secret);
    await post(device, 1);
    await backend.record(0);
    await platform.api(`/v1/api-keys/${key.id}`, { method: "DELETE" });
    await until("the stream to end", () => backend.end !== undefined, 2_500);
    expect(backend.end).toMatchObject({ code: "unauthenticated" });
  });
});
