import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type KeyType, type Target, type TestDevice } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { listen, publish, request } from "./harness/mosquitto.ts";
import { report } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const topicsOf = (device: TestDevice) => ({ to: device.topic("propertyPost"), from: device.topic("propertyPostReply") });

describe("a property report over MQTT", () => {
  test.each<KeyType>(["ec", "rsa"])("with an %s key: mosquitto_pub exits 0, and the shadow has the value", async (keyType) => {
    const device = await createDevice(platform, undefined, keyType);
    const { code, stderr } = await publish(device, device.topic("propertyPost"), report({ Temperature: 21.5 }));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await until("the value in the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 21.5);
  });

  test("the reply arrives on post_reply", async () => {
    const device = await createDevice(platform);
    const { stdout } = await request(device, topicsOf(device), report({ Temperature: 21.5 }));
    expect(JSON.parse(stdout)).toEqual({
      id: "1",
      code: 200,
      data: {},
      message: "success",
      method: "thing.event.property.post",
      version: "1.0",
    });
  });

  test.each(["31", "311", "5"] as const)("protocol version %s of MQTT", async (version) => {
    const device = await createDevice(platform);
    const { code } = await publish(device, device.topic("propertyPost"), report({ Temperature: 20 }), { version });
    expect(code).toBe(0);
    await until("the value in the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 20);
  });

  test("the shadow shows it with version and time, and the history has every value, newest first", async () => {
    const device = await createDevice(platform);
    const startedAtMs = Date.now();
    for (const Temperature of [20, 20.5, 21]) await publish(device, device.topic("propertyPost"), report({ Temperature, Mode: "heat" }));
    const shadow = await until("the last value in the shadow", async () => {
      const now = await shadowOf(device);
      return now.reported["Temperature"] === 21 ? now : undefined;
    });
    expect(shadow).toMatchObject({ version: 3, reported: { Temperature: 21, Mode: "heat" }, desired: {}, delta: {} });
    const { timestamp } = shadow.metadata.reported["Temperature"] as { timestamp: string };
    expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(startedAtMs);
    expect(Date.parse(shadow.timestamp)).toBeLessThanOrEqual(Date.now());
    const points = await until("three points", async () => {
      const found = await historyOf(device, "Temperature");
      return found.length === 3 ? found : undefined;
    });
    expect(points.map((point) => point.value)).toEqual([21, 20.5, 20]);
    expect(new Set(points.map((point) => point.messageId)).size).toBe(3);
  });

  test("a value with a time of its own is kept under that time", async () => {
    const device = await createDevice(platform);
    const day = 86_400_000;
    const time = Math.floor(Date.now() / day) * day - 3 * day;
    await publish(device, device.topic("propertyPost"), report({ Temperature: { value: 19, time } }));
    const [from, to] = [time - 1_000, time + 1_000].map((ms) => new Date(ms).toISOString());
    const points = await until("the point", async () => {
      const found = await historyOf(device, "Temperature", `?from=${from}&to=${to}`);
      return found.length > 0 ? found : undefined;
    });
    expect(points).toMatchObject([{ time: new Date(time).toISOString(), value: 19 }]);
  });

  test("values outside the model are refused with code 460 and the reason per field, and nothing is stored", async () => {
    const device = await createDevice(platform);
    const refused = await request(device, topicsOf(device), report({ Temperature: 999, Mode: "boil", Humidity: 3, TargetTemperature: 20 }));
    const reply = JSON.parse(refused.stdout) as { code: number; data: { issues: { pointer: string; message: string }[] } };
    expect(reply.code).toBe(460);
    expect(reply.data.issues.map((issue) => issue.pointer).sort()).toEqual(["/params/Humidity", "/params/Mode", "/params/Temperature"]);
    for (const issue of reply.data.issues) expect(issue.message.length).toBeGreaterThan(5);
    // What is said next is stored after it: once that is there, the refused report would be there too.
    expect(JSON.parse((await request(device, topicsOf(device), report({ Temperature: 1 }))).stdout)).toMatchObject({ code: 200 });
    await until("the next value", async () => (await shadowOf(device)).reported["Temperature"] === 1);
    // Shadow and history follow the log each at its own pace.
    await until("the next point", async () => (await historyOf(device, "Temperature")).length > 0);
    expect((await shadowOf(device)).reported).toEqual({ Temperature: 1 });
    expect((await historyOf(device, "Temperature")).map((point) => point.value)).toEqual([1]);
    expect(await historyOf(device, "TargetTemperature")).toEqual([]);
  });

  test("MQTT 5: the PUBACK of a refused report says 0x99 and why [MQTT-3.4.2]", async () => {
    const device = await createDevice(platform);
    const { stdout, stderr } = await publish(device, device.topic("propertyPost"), report({ Temperature: 999 }), { version: "5" });
    expect(stdout + stderr).toMatch(/153|Payload format invalid/i);
  });

  test("one connection listens for the replies while another one posts", async () => {
    const device = await createDevice(platform);
    const listener = await listen(device, device.topic("propertyPostReply"));
    await publish(device, device.topic("propertyPost"), report({ Temperature: 21.5 }));
    expect(JSON.parse((await listener.message()).payload)).toMatchObject({ id: "1", code: 200 });
    await listener.stop();
  });

  test("sys.ack 0 asks for no reply, and none comes; the value is stored all the same", async () => {
    const device = await createDevice(platform);
    const unanswered = await request(device, topicsOf(device), report({ Temperature: 1 }, { sys: { ack: 0 } }), 1);
    expect(unanswered.stdout).toBe("");
    await until("the value in the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 1);
    const answered = await request(device, topicsOf(device), report({ Temperature: 2 }, { sys: { ack: 1 } }));
    expect(JSON.parse(answered.stdout)).toMatchObject({ code: 200 });
  });

  test("an event of the model is stored and answered; one that lacks a field is refused", async () => {
    const device = await createDevice(platform);
    const topics = { to: device.topic("eventPost", "Overheated"), from: device.topic("eventPostReply", "Overheated") };
    const good = await request(device, topics, report({ value: { Temperature: 90, limit: 80 } }));
    expect(JSON.parse(good.stdout)).toMatchObject({ code: 200, method: "thing.event.Overheated.post" });
    const bad = await request(device, topics, report({ value: { Temperature: 90 } }));
    expect(JSON.parse(bad.stdout)).toMatchObject({ code: 460 });
    expect(bad.stdout).toContain("limit");
  });

  test.each([
    ["no JSON", "temperature 21"],
    ["JSON that is no object", "[1,2]"],
    ["an object without params", '{"id":"1","version":"1.0"}'],
    ["a number that JSON cannot hold", '{"id":"1","params":{"Temperature":1e400}}'],
    ["a __proto__", '{"id":"1","params":{"__proto__":{"a":1}}}'],
    ["JSON a hundred levels deep", `{"id":"1","params":{"Temperature":${"[".repeat(100)}${"]".repeat(100)}}}`],
  ])("%s: refused with code 460, and the device goes on", async (_, payload) => {
    const device = await createDevice(platform);
    expect(JSON.parse((await request(device, topicsOf(device), payload)).stdout)).toMatchObject({ code: 460 });
    expect(JSON.parse((await request(device, topicsOf(device), report({ Temperature: 1 }))).stdout)).toMatchObject({ code: 200 });
  });
});
