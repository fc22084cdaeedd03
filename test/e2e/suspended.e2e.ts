// A tenant is suspended and resumed, as its devices, its back ends and the platform's operator see it.
import { randomUUID } from "node:crypto";
import type { JsonObject } from "@mooring/contracts";
import { run, until } from "@mooring/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { curl } from "./harness/curl.ts";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { type Subscriber, subscribe } from "./harness/grpc.ts";
import { connectionArgs, listen, publish } from "./harness/mosquitto.ts";
import { type Receiver, startReceiver } from "./harness/receiver.ts";
import { post, report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { createTenant } from "./harness/tenants.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
let key: string;
let theirs: Target;
let device: TestDevice;
let receiver: Receiver;
const streams: Subscriber[] = [];
beforeAll(async () => {
  platform = await sharedPlatform();
  key = await createTenant(platform);
  theirs = { ...platform, apiKey: key, api: (path, request) => platform.api(path, { key, ...request }) };
  device = await createDevice(theirs);
  receiver = await startReceiver();
});
afterAll(async () => {
  receiver.stop();
  await Promise.all(streams.map((stream) => stream.stop()));
});

const report = reportOf({ Temperature: 21 });

async function setStatus(status: string): Promise<void> {
  const own = await tenantIdOf();
  const reason = status === "suspended" ? { reason: "unpaid" } : {};
  const answer = await platform.api(`/v1/tenants/${own}`, { method: "PATCH", body: { status, ...reason } });
  expect(answer).toMatchObject({ status: 200, body: { tenantId: own, status } });
}

let known: string | undefined;
async function tenantIdOf(): Promise<string> {
  known ??= String(((await theirs.api("/v1/tenant")).body as JsonObject)["tenantId"]);
  return known;
}

/** A back end on the broker, with the tenant's API key. */
async function backEnd(tool: "mosquitto_pub" | "mosquitto_sub", ...args: readonly string[]) {
  const { mqtts, caFile } = platform;
  const address = ["-h", mqtts.host, "-p", `${mqtts.port}`, "--cafile", caFile, "-V", "5", "-u", "x", "-P", key];
  return run(await clientOf(tool), [...address, ...args], { timeoutMs: 30_000 });
}

/** The device's session that outlives its connections: subscribes, or waits for one message. */
async function keptSession(waitS: string): Promise<{ readonly stdout: string; readonly code: number | null }> {
  const { productKey, deviceName } = device;
  const flags = ["-V", "311", "-c", "-i", "kept", "-q", "1", "-t", `/${productKey}/${deviceName}/user/orders`, "-C", "1", "-W", waitS];
  return run(await clientOf("mosquitto_sub"), [...connectionArgs(device), ...flags], { timeoutMs: 30_000 });
}

test("everything of it ends within 2 s and is refused with the reason, and goes on after it with nothing lost", {
  timeout: 180_000,
}, async () => {
  // A webhook whose endpoint is out, with a record that waits; a stream; a live device; a live back end; a message that waits for a session.
  receiver.status = 503;
  const filter = { productKey: device.productKey, kinds: ["properties"] };
  const hook = { name: `e2e-${randomUUID()}`, filter, webhook: { url: receiver.url }, start: { from: "now" } };
  expect((await theirs.api("/v1/subscriptions", { method: "POST", body: hook })).status).toBe(201);
  const name = `e2e-${randomUUID()}`;
  const stream = subscribe(platform, { subscription: name, from: "now", productKey: device.productKey }, key);
  streams.push(stream);
  await until("the member", async () => ((await theirs.api(`/v1/subscriptions/${name}`)).body as JsonObject)["members"] === 1);
  await post(device, 1);
  await stream.record(0);
  await until("a try of the webhook", () => receiver.headers.length > 0);
  await keptSession("1");
  const queued = await backEnd("mosquitto_pub", "-q", "1", "-t", `/${device.productKey}/${device.deviceName}/user/orders`, "-m", "go");
  expect(queued.code).toBe(0);
  const listener = await listen(device, device.topic("propertyPostReply"), { version: "5" });
  const client = backEnd("mosquitto_sub", "-t", "#", "-d");
  const ends: number[] = [];
  for (const ended of [listener.ended, client]) void ended.then(() => ends.push(performance.now()));

  await setStatus("suspended");
  const suspendedAtMs = performance.now();
  await until("the connections to end", () => ends.length === 2, 10_000);
  await until("the stream to end", () => stream.end !== undefined, 10_000);
  // What was known of the key is believed for a moment.
  const refused = await until("the API key to be refused", async () => {
    const answer = await theirs.api("/v1/tenant");
    return answer.status === 200 ? undefined : answer;
  });
  const lastMs = Math.max(performance.now(), ...ends);
  expect(lastMs - suspendedAtMs).toBeLessThan(2_000);
  expect(stream.end).toMatchObject({ code: "permissionDenied", message: "the tenant is suspended" });
  expect((await client).stdout).toMatch(/Administrative action|152|banned|138/i);

  expect(refused).toMatchObject({ status: 403, body: { code: "permissionDenied", detail: "the tenant is suspended" } });
  expect((await publish(device, device.topic("propertyPost"), report)).code).not.toBe(0);
  const answer = await curl(device, "/thing/event/property/post", ["--data", report]);
  expect(answer.status).toBe(403);
  expect((await keptSession("2")).stdout).toBe("");
  // The endpoint is there again, and hears nothing, while another tenant's delivers.
  receiver.status = 204;
  const tries = receiver.headers.length;
  const other = await createDevice(platform);
  const control = await startReceiver();
  const ours = { ...hook, name: `e2e-${randomUUID()}`, filter: { productKey: other.productKey }, webhook: { url: control.url } };
  expect((await platform.api("/v1/subscriptions", { method: "POST", body: ours })).status).toBe(201);
  await post(other, 5);
  await until("the other tenant's record", () => control.records.length > 0, 20_000);
  control.stop();
  expect(receiver.headers.length).toBe(tries);
  expect(receiver.records).toEqual([]);

  await setStatus("active");
  await until("the device to be let in", async () => (await publish(device, device.topic("propertyPost"), report)).code === 0, 10_000);
  expect((await keptSession("10")).stdout).toBe("go\n");
  await until("the webhook's records", () => receiver.records.length >= 2, 20_000);
  expect((await theirs.api("/v1/tenant")).body).toMatchObject({ status: "active" });
  const again = subscribe(platform, { subscription: name }, key);
  streams.push(again);
  expect((await again.record(0)).offset).toBe(stream.records[0]?.offset);
});

test("nobody else may suspend a tenant, and the platform's own cannot be", async () => {
  const { tenantId } = (await platform.api("/v1/tenant")).body as unknown as { tenantId: string };
  const body = { status: "suspended" };
  const forbidden = await theirs.api(`/v1/tenants/${tenantId}`, { method: "PATCH", body });
  expect(forbidden).toMatchObject({ status: 403, body: { code: "permissionDenied" } });
  expect((await theirs.api("/v1/tenants")).status).toBe(403);
  expect((await platform.api(`/v1/tenants/${tenantId}`, { method: "PATCH", body })).status).toBe(409);
  expect((await platform.api(`/v1/tenants/${randomUUID()}`, { method: "PATCH", body })).status).toBe(404);
});
