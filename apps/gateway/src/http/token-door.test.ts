import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Harness, productKey, startHarness } from "../harness.test-support.ts";
import { ask, type HttpAnswer } from "../http-client.test-support.ts";
import { openTls } from "../mqtt-client.test-support.ts";

let harness: Harness;
let ca: string;
beforeEach(async () => {
  harness = await startHarness();
  ({ ca } = await harness.credential("dev-1"));
  harness.devices.secrets.set("dev-9", "secret");
});
afterEach(() => harness.stop());

function post(path: string, body: string | object = "", headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return ask(harness.gateway.addresses.https, { ca }, { path, body, headers });
}

function proof(secret = "secret") {
  const sign = createHmac("sha256", secret).update(`clientId7deviceNamedev-9productKey${productKey}timestamp5`).digest("hex");
  return { version: "default", clientId: "7", signmethod: "hmacsha256", sign, productKey, deviceName: "dev-9", timestamp: 5 };
}

async function tokenOf(): Promise<string> {
  return ((await post("/auth", proof())).json["info"] as { token: string }).token;
}

const topic = (name: string): string => `/topic/sys/${productKey}/${name}/thing/event/property/post`;
const report = { id: "1", params: { Temperature: 20 } };

describe("HTTPS with a token (wire formats §2.11)", () => {
  test("a signature gets a token, byte for byte", async () => {
    const answer = await post("/auth", proof());
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^\{"code":0,"message":"success","info":\{"token":"[\w.:-]+"\}\}$/);
  });

  test("a message with it is stored when it is answered, and its number grows", async () => {
    const password = await tokenOf();
    const ids: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      const answer = await post(topic("dev-9"), report, { password });
      expect(answer.status).toBe(200);
      const [, id = ""] = /^\{"code":0,"message":"success","info":\{"messageId":(\d{15,19})\}\}$/.exec(answer.text) ?? [];
      ids.push(BigInt(id));
    }
    expect(harness.events.ofKind("properties").length).toBe(3);
    expect(ids[0] !== undefined && ids[1] !== undefined && ids[2] !== undefined && ids[0] < ids[1] && ids[1] < ids[2]).toBe(true);
  });

  test.each<readonly [string, string, Record<string, string>, string | object, number, number]>([
    ["no token", topic("dev-9"), {}, report, 401, 20_002],
    ["a token that is none", topic("dev-9"), { password: "made up" }, report, 401, 20_001],
    ["a signature that is wrong", "/auth", {}, proof("wrong"), 401, 20_000],
    ["no JSON", "/auth", {}, "{", 400, 10_001],
    ["a list", "/auth", {}, "[]", 400, 10_001],
    ["no device", "/auth", {}, { sign: "00" }, 400, 10_001],
    ["a device that no topic can name", "/auth", {}, { ...proof(), deviceName: "a/b" }, 400, 10_001],
  ])("%s is told in the dialect's codes", async (_what, path, headers, body, status, code) => {
    const answer = await post(path, body, headers);
    expect([answer.status, answer.json["code"]]).toEqual([status, code]);
    expect(harness.events.records).toEqual([]);
  });

  test("another device's topic, one that means nothing, and what the model refuses are 30001, and nothing is stored", async () => {
    const password = await tokenOf();
    for (const [path, status] of [
      [topic("dev-1"), 403],
      [`/topic/sys/${productKey}/dev-9/nonsense`, 404],
    ] as const)
      expect(await post(path, report, { password })).toMatchObject({ status, json: { code: 30_001 } });
    const refused = await post(topic("dev-9"), { id: "1", params: { Temperature: 500 } }, { password });
    expect(refused).toMatchObject({ status: 400, json: { code: 30_001 } });
    expect(harness.events.records).toEqual([]);
  });

  test("a device with a token does not wait for others at its address who offer nothing", async () => {
    const password = await tokenOf();
    for (let i = 0; i < 8; i++) {
      const nameless = openTls(harness.gateway.addresses.mqtts, ca);
      await nameless.signOn({ clientId: "x" });
      nameless.end();
    }
    expect((await post(topic("dev-9"), report, { password })).json).toMatchObject({ code: 0 });
  });

  test("who fails again and again waits: 40000; when nobody can tell, nobody is let in", async () => {
    for (let i = 0; i < 6; i++) expect((await post("/auth", proof("wrong"))).status).toBe(401);
    expect(await post("/auth", proof())).toMatchObject({ status: 429, json: { code: 40_000 } });
    harness.devices.isDown = true;
    harness.devices.secrets.set("dev-8", "secret");
    expect(await post("/auth", { ...proof(), deviceName: "dev-8" })).toMatchObject({ status: 503, json: { code: 10_000 } });
  });
});
