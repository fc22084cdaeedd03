import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { curl } from "./harness/curl.ts";
import { createDevice, type Target } from "./harness/devices.ts";
import { desire, historyOf, shadowOf } from "./harness/documents.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = (params: object): string => JSON.stringify({ id: "7", version: "1.0", params });
const post = (params: object): string[] => ["--data", report(params)];

describe("the same device over HTTPS", () => {
  test("posts a property, and shadow and history have it", async () => {
    const device = await createDevice(platform);
    const answer = await curl(device, "/thing/event/property/post", post({ Temperature: 18.25 }));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ id: "7", code: 200 });
    await until("the shadow", async () => (await shadowOf(device)).reported["Temperature"] === 18.25);
    await until("the history", async () => (await historyOf(device, "Temperature"))[0]?.value === 18.25);
  });

  test("a value outside the model: 400 with code 460 and the field", async () => {
    const device = await createDevice(platform);
    const answer = await curl(device, "/thing/event/property/post", post({ Temperature: "hot" }));
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params/Temperature" }] } });
  });

  test("reads its shadow with what is desired of it", async () => {
    const device = await createDevice(platform, undefined, "rsa");
    await desire(device, { TargetTemperature: 19 });
    const answer = await curl(device, "/shadow");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      version: 1,
      state: { desired: { TargetTemperature: 19 }, delta: { TargetTemperature: 19 } },
    });
  });

  test("waits for a call and answers it", async () => {
    const device = await createDevice(platform);
    const polled = curl(device, "/rrpc/request?waitMs=20000");
    const callDevice = () =>
      platform.api(`${device.path}/calls`, { method: "POST", body: { service: "Reboot", input: { delaySeconds: 1 }, timeoutMs: 10_000 } });
    // The device counts as connected once its poll has arrived, which curl does not tell.
    const answered = until("the call to find the device", async () => {
      const answer = await callDevice();
      return answer.status === 409 ? undefined : answer;
    });
    const call = await polled;
    expect(call.status).toBe(200);
    expect(JSON.parse(call.body)).toMatchObject({ method: "thing.service.Reboot", params: { delaySeconds: 1 } });
    const messageId = /^mooring-message-id: (\d+)/im.exec(call.headers)?.[1];
    const said = await curl(device, `/rrpc/response/${messageId}`, ["--data", '{"code":200,"data":{"accepted":true}}']);
    expect(said.status).toBe(200);
    expect(await answered).toMatchObject({ status: 200, body: { output: { accepted: true }, messageId } });
  });

  test("a poll without a call ends with 204 when its time is over; an answer that nobody waits for is 404", async () => {
    const device = await createDevice(platform);
    expect((await curl(device, "/rrpc/request?waitMs=200")).status).toBe(204);
    expect((await curl(device, "/rrpc/response/12345", ["--data", "{}"])).status).toBe(404);
  });

  test.each([
    ["/shadow?waitMs=1", ["--data", "{}"], 405],
    ["/nothing", [], 404],
    ["/thing/event/property/post", ["--data", "no json"], 400],
    ["/rrpc/request?waitMs=forever", [], 400],
    ["/../../other/device/shadow", [], 404],
    ["/%zz", [], 400],
    ["/shadow", ["-X", "PUT"], 405],
  ] as const)("%s with %j: %i", async (path, args, status) => {
    const device = await createDevice(platform);
    expect((await curl(device, path, args)).status).toBe(status);
  });
});
