import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Caller,
  createMessageIds,
  type DeviceRef,
  type Downlink,
  deviceCaller,
  type GatewayApi,
  PlatformError,
  type Product,
} from "@mooring/contracts";
import { type Clock, systemClock } from "@mooring/kit";
import { makeCaller, openTestDatabase, overWire } from "@mooring/testkit";
import { createModelDirectory } from "@mooring/thing-model";
import { afterAll, expect, test } from "vitest";
import { describeRrpcApi, type RrpcWorld } from "./conformance.ts";
import { createPostgresCallStore, createRrpcService } from "./index.ts";

const database = await openTestDatabase("rrpc");
const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
  await database.stop();
});

const thermostat = readFileSync(new URL("../../../examples/thermostat.sdf.json", import.meta.url), "utf8");
const calls = createPostgresCallStore(database.prisma);

/** The service on a real database; who exists, is connected and answers is said by the test. */
async function createWorld(clock: Clock = systemClock, validation = "enforce"): Promise<RrpcWorld> {
  const devices = new Map<string, DeviceRef>();
  const connected = new Map<string, ((downlink: Downlink) => void) | "deaf">();
  const gateway: Pick<GatewayApi, "deliver"> = {
    async deliver(_caller, { deviceId, downlink }) {
      const onCall = connected.get(deviceId);
      if (onCall === undefined || onCall === "deaf") return { delivered: 0 };
      setImmediate(() => onCall(downlink));
      return { delivered: 1 };
    },
  };
  const product = { productKey: "thermo1", validation, thingModel: { name: "t", version: "1.0.0" } } as Product;
  const model = { name: "t", version: "1.0.0", contentHash: "", publishedAtMs: 0, state: "published" };
  return {
    api: createRrpcService({
      devices: {
        async getDevice(caller, address) {
          const device = devices.get(`${caller.tenantId}/${address.productKey}/${address.deviceName}`);
          if (device === undefined) throw new PlatformError("notFound", "there is no such device");
          return { ...device, status: "enabled", tags: {}, createdAtMs: 0 };
        },
      },
      models: createModelDirectory({
        devices: { getProduct: async () => product },
        thingModels: { get: async () => ({ model, document: thermostat, imports: [] }) },
        service: "rrpc",
      }),
      gateways: { find: async (deviceId) => (connected.has(deviceId) ? [gateway] : []) },
      calls,
      nextMessageId: createMessageIds(() => 7, randomBytes(8).readBigUInt64BE()),
      clock,
    }),
    addDevice: (device) => void devices.set(`${device.tenantId}/${device.productKey}/${device.deviceName}`, device),
    connect: (deviceId, onCall) => void (onCall === undefined ? connected.delete(deviceId) : connected.set(deviceId, onCall)),
  };
}

describeRrpcApi("the service", (validation) => createWorld(systemClock, validation));
describeRrpcApi("its client over gRPC", async (validation) => {
  const world = await createWorld(systemClock, validation);
  const wire = await overWire("rrpc", world.api);
  stops.push(wire.stop);
  return { ...world, api: wire.api };
});

test("calls too old to be retried are swept, younger ones stay", async () => {
  const removedBefore = await calls.sweep(Date.now() + 1_000);
  expect(removedBefore).toBeGreaterThan(0);
  expect(await calls.sweep(Date.now() + 1_000)).toBe(0);
});

test("a call ends by its deadline plus 500 ms also while the platform itself is stalled", async () => {
  const never = () => new Promise<never>(() => undefined);
  const stalled = createRrpcService({
    devices: { getDevice: never },
    models: { forProduct: never },
    gateways: { find: never },
    calls,
    nextMessageId: () => "1",
    clock: systemClock,
  });
  const startedMs = performance.now();
  const caller = makeCaller("backend");
  const call = stalled.call(caller, { productKey: "thermo1", deviceName: "dev-1", payload: Buffer.from("x"), timeoutMs: 200 });
  await expect(call).rejects.toMatchObject({ code: "timeout" });
  expect(performance.now() - startedMs).toBeLessThan(700);
});

test("a call reaches its device also when the wall clock is set forward by an hour meanwhile", async () => {
  let jumpMs = 0;
  const world = await createWorld({
    now() {
      const nowMs = Date.now() + jumpMs;
      jumpMs = 3_600_000;
      return nowMs;
    },
  });
  const tenantId = asTenantId(randomUUID());
  const device = { tenantId, deviceId: asDeviceId(randomUUID()), productKey: asProductKey("thermo1"), deviceName: asDeviceName("dev-1") };
  world.addDevice(device);
  world.connect(device.deviceId, ({ messageId = "", payload }) => {
    void world.api.answer(deviceCaller(device), { messageId, payload });
  });
  const backend: Caller = { tenantId, principal: "key:b", role: "backend" };
  const result = await world.api.call(backend, { productKey: "thermo1", deviceName: "dev-1", payload: Buffer.from("x"), timeoutMs: 2_000 });
  expect(Buffer.from(result.payload).toString()).toBe("x");
});
