import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { run, until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { curl } from "./harness/curl.ts";
import { createDevice, type Target, type TestDevice, withForeignCertificate } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { listen, publish, request } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = reportOf({ Temperature: 21 });

async function revoke(device: TestDevice): Promise<void> {
  const fingerprint = new X509Certificate(readFileSync(device.certFile)).fingerprint256.replaceAll(":", "").toLowerCase();
  const answer = await platform.api(`${device.path}/certificates/${fingerprint}/revoke`, {
    method: "POST",
    body: { reason: "keyCompromise" },
  });
  expect(answer).toMatchObject({ status: 200, body: { status: "revoked" } });
}

describe("who is not let in", () => {
  test("a certificate of another authority, in the name of a device that exists", async () => {
    const device = await createDevice(platform);
    const foreign = await withForeignCertificate(device);
    expect((await publish(foreign, device.topic("propertyPost"), report)).code).not.toBe(0);
    expect((await publish(foreign, device.topic("propertyPost"), report, { version: "5" })).code).not.toBe(0);
    expect((await curl(foreign, "/thing/event/property/post", ["--data", report])).status).not.toBe(200);
    expect(await shadowOf(device)).toMatchObject({ version: 0 });
  });

  test("no certificate at all, over MQTT and HTTPS", async () => {
    const device = await createDevice(platform);
    const { mqtts, caFile } = platform;
    const address = ["-h", mqtts.host, "-p", `${mqtts.port}`, "--cafile", caFile];
    const topic = ["-t", device.topic("propertyPost"), "-m", report, "-q", "1"];
    const { code, stderr } = await run(await clientOf("mosquitto_pub"), [...address, ...topic], { timeoutMs: 15_000 });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/not authori[sz]ed/i);
    const { https } = platform;
    const url = `${https}${device.topic("propertyPost")}`;
    const answer = await run(await clientOf("curl"), ["-sS", "-o", "-", "-w", "\n%{http_code}", "--cacert", caFile, "--data", report, url]);
    expect(answer.stdout).toMatch(/\n401$/);
    expect(await shadowOf(device)).toMatchObject({ version: 0 });
  });

  test("a revoked certificate: the live connection ends within 2 s, and new ones are refused over MQTT and HTTPS", async () => {
    const device = await createDevice(platform);
    const listener = await listen(device, device.topic("propertyPostReply"), { version: "5" });
    let endedAtMs: number | undefined;
    void listener.ended.then(() => {
      endedAtMs = performance.now();
    });
    await revoke(device);
    const revokedAtMs = performance.now();
    // mosquitto_sub tries to connect again, so what ends it is the refusal of that; both have to happen in time.
    await until("the connection to end", () => endedAtMs, 5_000);
    expect((endedAtMs ?? Number.POSITIVE_INFINITY) - revokedAtMs).toBeLessThan(2_000);
    expect((await publish(device, device.topic("propertyPost"), report)).code).not.toBe(0);
    expect((await curl(device, "/thing/event/property/post", ["--data", report])).status).toBe(401);
    expect(await shadowOf(device)).toMatchObject({ version: 0 });
  });

  test("a disabled device, until it is enabled again", async () => {
    const device = await createDevice(platform);
    const setStatus = (status: string) => platform.api(device.path, { method: "PATCH", body: { status } });
    expect((await setStatus("disabled")).status).toBe(200);
    expect((await publish(device, device.topic("propertyPost"), report)).code).not.toBe(0);
    expect((await setStatus("enabled")).status).toBe(200);
    await until("the device to be let in", async () => (await publish(device, device.topic("propertyPost"), report)).code === 0, 5_000);
  });

  test("a deleted device, whose certificate ends with it", async () => {
    const device = await createDevice(platform);
    expect((await publish(device, device.topic("propertyPost"), report)).code).toBe(0);
    expect((await platform.api(device.path, { method: "DELETE" })).status).toBe(204);
    expect((await publish(device, device.topic("propertyPost"), report)).code).not.toBe(0);
  });
});

describe("another device's topics", () => {
  test("a publication to them is refused and not stored, and the own device goes on", async () => {
    const device = await createDevice(platform);
    const other = await createDevice(platform, { productKey: device.productKey });
    await publish(device, other.topic("propertyPost"), report);
    const { stdout, stderr } = await publish(device, other.topic("propertyPost"), report, { version: "5" });
    expect(stdout + stderr).toMatch(/not authori[sz]ed|135/i);
    const topics = { to: device.topic("propertyPost"), from: device.topic("propertyPostReply") };
    expect(JSON.parse((await request(device, topics, report)).stdout)).toMatchObject({ code: 200 });
    await until("the own report", async () => (await shadowOf(device)).version === 1);
    expect(await shadowOf(other)).toMatchObject({ version: 0 });
    expect(await historyOf(other, "Temperature")).toEqual([]);
  });

  test.each(["#", "/sys/#", "/sys/+/+/thing/event/property/post", "$share/g//sys/#"])(
    "the subscription %s is not granted",
    async (filter) => {
      const device = await createDevice(platform);
      await expect(listen(device, filter)).rejects.toThrow(/ended|vain/);
    },
  );

  test("a subscription to another device's calls is not granted", async () => {
    const device = await createDevice(platform);
    const other = await createDevice(platform, { productKey: device.productKey });
    await expect(listen(device, other.topic("callRequest", "+"))).rejects.toThrow(/ended|vain/);
  });

  test("over HTTPS: 403", async () => {
    const device = await createDevice(platform);
    const other = await createDevice(platform, { productKey: device.productKey });
    const foreignPath = { ...device, deviceName: other.deviceName };
    expect((await curl(foreignPath, "/thing/event/property/post", ["--data", report])).status).toBe(403);
    expect((await curl(foreignPath, "/shadow")).status).toBe(403);
    expect(await shadowOf(other)).toMatchObject({ version: 0 });
  });
});
