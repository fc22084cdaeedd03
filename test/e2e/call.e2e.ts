import { randomUUID } from "node:crypto";
import type { JsonValue } from "@mooring/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { type Listener, listen, publish } from "./harness/mosquitto.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const reboot = { service: "Reboot", input: { delaySeconds: 5 } };
const accepted = { code: 200, data: { accepted: true } };

function listenForCalls(device: TestDevice): Promise<Listener> {
  return listen(device, device.topic("callRequest", "+"));
}

/** Answers the call with this place among those heard, as a device's script does: mosquitto_sub tells the topic, mosquitto_pub answers. */
async function answerCall(device: TestDevice, listener: Listener, answer: JsonValue, index = 0): Promise<JsonValue> {
  const call = await listener.message(index);
  const result = await publish(device, call.topic.replace("/request/", "/response/"), JSON.stringify(answer));
  if (result.code !== 0) throw new Error(result.stderr);
  return JSON.parse(call.payload) as JsonValue;
}

const callOverRest = (device: TestDevice, body: JsonValue, headers: Record<string, string> = {}) =>
  platform.api(`${device.path}/calls`, { method: "POST", body, headers });

describe("a call to a device", () => {
  test("over REST: the device gets the service's input and the caller its output", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const [answer, seen] = await Promise.all([callOverRest(device, reboot), answerCall(device, listener, accepted)]);
    expect(seen).toMatchObject({ version: "1.0", params: { delaySeconds: 5 }, method: "thing.service.Reboot" });
    expect(answer).toMatchObject({ status: 200, body: { output: { accepted: true } } });
    await listener.stop();
  });

  test("over gRPC: the same", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const rrpc = connectPublic(platform, "rrpc");
    const { productKey, deviceName } = device;
    const [result] = await Promise.all([
      rrpc.call(nobody, { productKey, deviceName, ...reboot }),
      answerCall(device, listener, { code: 200, data: { accepted: false } }),
    ]);
    expect(result.output).toEqual({ accepted: false });
    await Promise.all([rrpc.stop(), listener.stop()]);
  });

  test("raw bytes reach the device as they are, and its answer comes back as it is", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const [answer, seen] = await Promise.all([
      callOverRest(device, { payload: { say: "hello" } }),
      answerCall(device, listener, { heard: true }),
    ]);
    expect(seen).toEqual({ say: "hello" });
    const payloadBase64 = Buffer.from('{"heard":true}').toString("base64");
    expect(answer).toMatchObject({ status: 200, body: { payload: { heard: true }, payloadBase64 } });
    await listener.stop();
  });

  test("to a device that is not connected: offline, at once, over REST and gRPC", async () => {
    const device = await createDevice(platform);
    const { productKey, deviceName } = device;
    const startedAtMs = Date.now();
    expect(await callOverRest(device, { ...reboot, timeoutMs: 30_000 })).toMatchObject({ status: 409, body: { code: "deviceOffline" } });
    const rrpc = connectPublic(platform, "rrpc");
    const call = rrpc.call(nobody, { productKey, deviceName, ...reboot, timeoutMs: 30_000 });
    await expect(call).rejects.toMatchObject({ code: "deviceOffline" });
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
    await rrpc.stop();
  });

  test("to a silent device: a timeout at the deadline, and not 500 ms later", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const startedAtMs = performance.now();
    const answer = await callOverRest(device, { ...reboot, timeoutMs: 1_000 });
    const tookMs = performance.now() - startedAtMs;
    expect(answer).toMatchObject({ status: 504, body: { code: "timeout" } });
    expect(tookMs).toBeGreaterThanOrEqual(990);
    expect(tookMs).toBeLessThan(1_500);
    await listener.stop();
  });

  test("a retry with the same Idempotency-Key gets the first outcome and does not reach the device again", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const headers = { "idempotency-key": randomUUID() };
    const [first] = await Promise.all([callOverRest(device, reboot, headers), answerCall(device, listener, accepted)]);
    const second = await callOverRest(device, reboot, headers);
    expect(second.body).toEqual(first.body);
    // Another call arrives after whatever the retry might have sent.
    await Promise.all([callOverRest(device, reboot), answerCall(device, listener, accepted, 1)]);
    expect(listener.heard).toHaveLength(2);
    await listener.stop();
  });

  test("nobody but the called device can answer: another one's answer is not heard", async () => {
    const device = await createDevice(platform);
    const other = await createDevice(platform, { productKey: device.productKey });
    const listener = await listenForCalls(device);
    const call = callOverRest(device, { payload: 1, timeoutMs: 5_000 });
    const { topic } = await listener.message();
    const messageId = topic.slice(topic.lastIndexOf("/") + 1);
    await publish(other, other.topic("callResponse", messageId), '"from another device"');
    await publish(device, device.topic("callResponse", messageId), '"from the device"');
    expect(await call).toMatchObject({ status: 200, body: { payload: "from the device" } });
    await listener.stop();
  });

  test("an input outside the model is refused with the field named, and the device hears nothing", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const refused = await callOverRest(device, { service: "Reboot", input: { delaySeconds: -1 } });
    expect(refused).toMatchObject({ status: 400, body: { issues: [{ pointer: "/input/delaySeconds" }] } });
    await Promise.all([callOverRest(device, reboot), answerCall(device, listener, accepted)]);
    expect(listener.heard).toHaveLength(1);
    await listener.stop();
  });

  test("a device that refuses, or answers with something outside the model: 409 that says so", async () => {
    const device = await createDevice(platform);
    const listener = await listenForCalls(device);
    const [busy] = await Promise.all([callOverRest(device, reboot), answerCall(device, listener, { code: 5001, message: "busy" })]);
    expect(busy).toMatchObject({ status: 409, body: { code: "failedPrecondition" } });
    expect(busy.text).toContain("busy");
    const [odd] = await Promise.all([
      callOverRest(device, reboot),
      answerCall(device, listener, { code: 200, data: { accepted: "yes" } }, 1),
    ]);
    expect(odd).toMatchObject({ status: 409, body: { code: "failedPrecondition" } });
    await listener.stop();
  });
});
