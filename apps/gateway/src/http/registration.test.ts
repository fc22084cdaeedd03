import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Harness, productKey, startHarness } from "../harness.test-support.ts";
import { ask, type HttpAnswer } from "../http-client.test-support.ts";

let harness: Harness;
let ca: string;
beforeEach(async () => {
  harness = await startHarness();
  ({ ca } = await harness.credential("dev-1"));
});
afterEach(() => harness.stop());

function fields(name = "sensor-1", key = harness.devices.productSecret): URLSearchParams {
  const sign = createHmac("sha256", key).update(`deviceName${name}productKey${productKey}random42`).digest("hex");
  return new URLSearchParams({ productKey, deviceName: name, random: "42", sign, signMethod: "hmacsha256" });
}

function register(body: string, method = "POST"): Promise<HttpAnswer> {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return ask(harness.gateway.addresses.https, { ca }, { method, path: "/auth/register/device", body, headers });
}

const refusal = '{"code":401,"message":"the device could not be registered"}';

describe("registration over HTTPS (wire formats §2.3)", () => {
  test("gives the secret to who has no certificate, byte for byte", async () => {
    const answer = await register(fields().toString());
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
    const data = `{"productKey":"${productKey}","deviceName":"sensor-1","deviceSecret":"5ec2e7"}`;
    expect(answer.text).toBe(`{"code":200,"data":${data},"message":"success"}`);
  });

  test("whatever is wrong, the answer is the same", async () => {
    const twice = fields();
    twice.append("deviceName", "sensor-2");
    const without = fields();
    without.delete("random");
    for (const body of [fields("sensor-1", "wrong"), twice, without, "", "%", '{"productKey":"x"}']) {
      const answer = await register(String(body));
      expect([answer.status, answer.text]).toEqual([401, refusal]);
    }
  });

  test("a body that is too large is not read, and when nobody can tell nobody is registered", async () => {
    expect((await register("x".repeat(5_000))).status).toBe(413);
    harness.devices.isDown = true;
    const answer = await register(fields().toString());
    expect([answer.status, answer.text]).toEqual([503, '{"code":500,"message":"the device could not be registered"}']);
  });

  test("who fails again and again has to wait, and so has who registers too much", async () => {
    for (let i = 0; i < 6; i++) expect((await register(fields("sensor-1", "wrong").toString())).status).toBe(401);
    expect(await register(fields("sensor-1", "wrong").toString())).toMatchObject({ status: 429, json: { code: 429 } });
    // At once: what a slow machine asks for in turn is not too much.
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => register(fields(`sensor-${i + 10}`).toString())));
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([200, 429]);
  });

  test("every other path still asks for a certificate", async () => {
    const answer = await ask(harness.gateway.addresses.https, { ca }, { path: `/sys/${productKey}/dev-1/thing/event/property/post` });
    expect(answer.status).toBe(401);
  });
});
