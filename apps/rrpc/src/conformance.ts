// What every RrpcApi must do, whoever implements it: the service itself, or the client that speaks to it over the wire.
import { randomUUID } from "node:crypto";
import {
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Caller,
  type DeviceRef,
  type Downlink,
  deviceCaller,
  type RrpcApi,
  type ValidationMode,
} from "@mooring/contracts";
import { describe, expect, test } from "vitest";

export interface RrpcWorld {
  readonly api: RrpcApi;
  addDevice(device: DeviceRef): void;
  /** Connects the device; what it is sent goes to `onCall`. Undefined: not connected. "deaf": connected, but listens for nothing. */
  connect(deviceId: string, onCall: ((downlink: Downlink) => void) | "deaf" | undefined): void;
}

const tenantId = asTenantId(randomUUID());
const backend: Caller = { tenantId, principal: "key:b", role: "backend" };
const hello = Buffer.from("hello");

export function describeRrpcApi(name: string, create: (validation: ValidationMode) => Promise<RrpcWorld>): void {
  const setUp = async (validation: ValidationMode = "enforce") => {
    const world = await create(validation);
    const deviceName = `dev-${randomUUID().slice(0, 8)}`;
    const device: DeviceRef = {
      tenantId,
      deviceId: asDeviceId(randomUUID()),
      productKey: asProductKey("thermo1"),
      deviceName: asDeviceName(deviceName),
    };
    world.addDevice(device);
    const self = deviceCaller(device);
    /** A device that answers what `answer` makes of the request. */
    const answering = (answer: (request: string) => string | undefined) => {
      const seen: string[] = [];
      world.connect(device.deviceId, (downlink) => {
        const request = Buffer.from(downlink.payload).toString();
        seen.push(request);
        const text = answer(request);
        if (text !== undefined) void world.api.answer(self, { messageId: downlink.messageId ?? "", payload: Buffer.from(text) });
      });
      return seen;
    };
    return { ...world, world, device, self, answering, address: { productKey: "thermo1", deviceName } };
  };

  describe(`RrpcApi: ${name}`, () => {
    test("the device's answer comes back to the caller", async () => {
      const { api, address, answering } = await setUp();
      const seen = answering((request) => `${request} yourself`);
      const result = await api.call(backend, { ...address, payload: hello });
      expect(Buffer.from(result.payload).toString()).toBe("hello yourself");
      expect(result.messageId).toMatch(/^\d+$/);
      expect(seen).toEqual(["hello"]);
    });

    test("a device that is not connected, or does not listen, is offline at once", async () => {
      const { api, address, device, world } = await setUp();
      const startedMs = Date.now();
      await expect(api.call(backend, { ...address, payload: hello, timeoutMs: 60_000 })).rejects.toMatchObject({ code: "deviceOffline" });
      world.connect(device.deviceId, "deaf");
      await expect(api.call(backend, { ...address, payload: hello, timeoutMs: 60_000 })).rejects.toMatchObject({ code: "deviceOffline" });
      expect(Date.now() - startedMs).toBeLessThan(2_000);
    });

    test("a silent device is a timeout at the deadline, not before and at most 500 ms after", async () => {
      const { api, address, answering } = await setUp();
      answering(() => undefined);
      const startedMs = performance.now();
      await expect(api.call(backend, { ...address, payload: hello, timeoutMs: 300 })).rejects.toMatchObject({ code: "timeout" });
      const tookMs = performance.now() - startedMs;
      expect(tookMs).toBeGreaterThan(295);
      expect(tookMs).toBeLessThan(800);
    });

    test("an answer that could not be taken fails the call at once, with the reason", async () => {
      const { api, address, device, world } = await setUp();
      world.connect(device.deviceId, (downlink) => {
        const answer = { messageId: downlink.messageId ?? "", payload: new Uint8Array(0), error: "the device's answer is too large" };
        void api.answer(deviceCaller(device), answer);
      });
      const call = api.call(backend, { ...address, payload: hello, timeoutMs: 20_000 });
      await expect(call).rejects.toMatchObject({ code: "failedPrecondition", message: "the device's answer is too large" });
    });

    test("what is sent to the device says until when somebody waits", async () => {
      const { api, address, device, world } = await setUp();
      const sent: Downlink[] = [];
      world.connect(device.deviceId, (downlink) => sent.push(downlink));
      const beforeMs = Date.now();
      await expect(api.call(backend, { ...address, payload: hello, timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout" });
      expect(sent[0]?.expiresAtMs).toBeGreaterThanOrEqual(beforeMs + 200);
      expect(sent[0]?.expiresAtMs).toBeLessThan(beforeMs + 400);
    });

    test("nobody but the called device can answer, and a late answer is not accepted", async () => {
      const { api, address, device, world } = await setUp();
      const other = deviceCaller({ ...device, deviceId: asDeviceId(randomUUID()) });
      let messageId = "";
      world.connect(device.deviceId, (downlink) => {
        messageId = downlink.messageId ?? "";
        void api.answer(other, { messageId, payload: Buffer.from("forged") });
      });
      await expect(api.call(backend, { ...address, payload: hello, timeoutMs: 300 })).rejects.toMatchObject({ code: "timeout" });
      expect(await api.answer(deviceCaller(device), { messageId, payload: Buffer.from("late") })).toEqual({ accepted: false });
    });

    test("a retry with the same idempotency key does not reach the device again, during and after the first call", async () => {
      const { api, address, device, world } = await setUp();
      const calls: string[] = [];
      world.connect(device.deviceId, (downlink) => {
        calls.push(downlink.messageId ?? "");
        setTimeout(
          () => void api.answer(deviceCaller(device), { messageId: downlink.messageId ?? "", payload: Buffer.from(`n${calls.length}`) }),
          150,
        );
      });
      const request = { ...address, payload: hello, idempotencyKey: randomUUID() };
      const [first, second] = await Promise.all([api.call(backend, request), api.call(backend, request)]);
      const third = await api.call(backend, request);
      expect(calls).toHaveLength(1);
      expect([first, second, third].map((result) => Buffer.from(result.payload).toString())).toEqual(["n1", "n1", "n1"]);
      const changed = api.call(backend, { ...request, payload: Buffer.from("other") });
      await expect(changed).rejects.toMatchObject({ code: "alreadyExists" });
    });

    test("a call that never reached the device may be tried again under its key", async () => {
      const { api, address, answering } = await setUp();
      const request = { ...address, payload: hello, idempotencyKey: randomUUID() };
      await expect(api.call(backend, request)).rejects.toMatchObject({ code: "deviceOffline" });
      answering(() => "now");
      expect(Buffer.from((await api.call(backend, request)).payload).toString()).toBe("now");
    });

    test("a service of the model: input and output are checked, the output comes back", async () => {
      const { api, address, answering } = await setUp();
      const seen = answering((text) => {
        const { id, params } = JSON.parse(text) as { id: string; params: { delaySeconds: number } };
        return JSON.stringify({ id, code: 200, data: { accepted: params.delaySeconds < 100 ? true : "perhaps" } });
      });
      const result = await api.call(backend, { ...address, service: "Reboot", input: { delaySeconds: 5 } });
      expect(result.output).toEqual({ accepted: true });
      expect(JSON.parse(seen[0] ?? "")).toMatchObject({ version: "1.0", method: "thing.service.Reboot", params: { delaySeconds: 5 } });
      const bad = api.call(backend, { ...address, service: "Reboot", input: { delaySeconds: -1 } });
      await expect(bad).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/input/delaySeconds" }] } });
      expect(seen).toHaveLength(1);
      const lying = api.call(backend, { ...address, service: "Reboot", input: { delaySeconds: 1_000 } });
      await expect(lying).rejects.toMatchObject({ code: "failedPrecondition", details: { issues: [{ pointer: "/data/accepted" }] } });
    });

    test("a product that flags lets what does not fit through both ways and says what it is; a retry is told the same", async () => {
      const { api, address, answering } = await setUp("flag");
      const seen = answering(() => JSON.stringify({ id: "1", code: 200, data: { accepted: "perhaps" } }));
      const request = { ...address, service: "Reboot", input: { delaySeconds: -1 }, idempotencyKey: randomUUID() };
      const result = await api.call(backend, request);
      expect(JSON.parse(seen[0] ?? "")).toMatchObject({ params: { delaySeconds: -1 } });
      expect(result).toMatchObject({
        output: { accepted: "perhaps" },
        checkFailedData: [
          { pointer: "/input/delaySeconds", message: expect.stringContaining("0") as string, got: "number -1" },
          { pointer: "/data/accepted", message: expect.any(String) as string },
        ],
      });
      const { messageId, output, checkFailedData } = result;
      expect(await api.call(backend, request)).toMatchObject({ messageId, output, checkFailedData });
      expect(seen).toHaveLength(1);
    });

    test("a product that flags says nothing of what fits, and marks a service that its model does not have", async () => {
      const { api, address, answering } = await setUp("flag");
      answering(() => JSON.stringify({ id: "1", code: 200, data: { accepted: true } }));
      expect((await api.call(backend, { ...address, service: "Reboot", input: { delaySeconds: 5 } })).checkFailedData ?? []).toEqual([]);
      const unknown = await api.call(backend, { ...address, service: "Nope", input: { any: 1 } });
      expect(unknown.checkFailedData).toMatchObject([{ pointer: "/service" }]);
      expect(unknown.output).toEqual({ accepted: true });
    });

    test("a product without validation passes everything on and marks nothing", async () => {
      const { api, address, answering } = await setUp("off");
      answering(() => JSON.stringify({ id: "1", code: 200, data: "anything" }));
      const result = await api.call(backend, { ...address, service: "Nope", input: [1] });
      expect(result.output).toBe("anything");
      expect(result.checkFailedData ?? []).toEqual([]);
    });

    test("a device that refuses is a named failure with its code", async () => {
      const { api, address, answering } = await setUp();
      answering(() => JSON.stringify({ id: "1", code: 460, message: "not now" }));
      const refused = api.call(backend, { ...address, service: "Reboot", input: { delaySeconds: 5 } });
      await expect(refused).rejects.toMatchObject({ code: "failedPrecondition", message: expect.stringContaining("460") as string });
    });

    test.each([
      [{ timeoutMs: 99 }, "/timeoutMs"],
      [{ timeoutMs: 300_001 }, "/timeoutMs"],
      [{ idempotencyKey: "" }, "/idempotencyKey"],
      [{ idempotencyKey: "a b" }, "/idempotencyKey"],
      [{ service: "Reboot" }, "/service"],
      [{ input: {} }, "/input"],
    ])("a call with %j is refused and the field named", async (wrong, pointer) => {
      const { api, address } = await setUp();
      const refused = api.call(backend, { ...address, payload: hello, ...wrong });
      await expect(refused).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer }] } });
    });

    test("a service the model does not have is named", async () => {
      const { api, address } = await setUp();
      const refused = api.call(backend, { ...address, service: "Nope", input: {} });
      await expect(refused).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/service" }] } });
    });

    test("another tenant's device looks like one that does not exist; a viewer may not call", async () => {
      const { api, address } = await setUp();
      const stranger: Caller = { tenantId: asTenantId(randomUUID()), principal: "key:s", role: "owner" };
      await expect(api.call(stranger, { ...address, payload: hello })).rejects.toMatchObject({ code: "notFound" });
      await expect(api.call({ ...backend, role: "viewer" }, { ...address, payload: hello })).rejects.toMatchObject({
        code: "permissionDenied",
      });
    });
  });
}
