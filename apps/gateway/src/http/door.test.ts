import { request } from "node:https";
import { serviceCaller } from "@mooring/contracts";
import { deriveMessageId } from "@mooring/kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Harness, productKey, startHarness, type TestCredential } from "../harness.test-support.ts";
import { ask, type HttpAnswer } from "../http-client.test-support.ts";

let harness: Harness;
let credential: TestCredential;

beforeEach(async () => {
  harness = await startHarness();
  credential = await harness.credential("dev-1");
});
afterEach(() => harness.stop());

type Headers = Readonly<Record<string, string>>;

function send(
  method: string,
  path: string,
  body: string | object = "",
  by: TestCredential = credential,
  headers: Headers = {},
): Promise<HttpAnswer> {
  return ask(harness.gateway.addresses.https, by, { method, path, body, headers });
}

const sys = (name: string): string => `/sys/${productKey}/${name}`;
const post = (name: string): string => `${sys(name)}/thing/event/property/post`;
const good = { id: "1", params: { Temperature: 20 } };

describe("the path is the topic", () => {
  test("200 once the report is stored, with the reply MQTT would give", async () => {
    harness.events.isHeld = true;
    let answer: HttpAnswer | undefined;
    const sent = send("POST", post("dev-1"), good).then((got) => {
      answer = got;
    });
    await expect.poll(() => harness.devices.identities.size).toBe(1);
    expect(answer).toBeUndefined();
    harness.events.isHeld = false;
    await sent;
    expect(answer?.status).toBe(200);
    expect(answer?.json).toEqual({ id: "1", code: 200, data: {}, message: "success", method: "thing.event.property.post", version: "1.0" });
    expect(harness.events.ofKind("properties")).toHaveLength(1);
  });

  test("400 with code 460 and each field for what the model does not allow", async () => {
    const { status, json } = await send("POST", post("dev-1"), { id: "1", params: { Temperature: "warm" } });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params/Temperature", got: 'string "warm"' }] } });
  });

  test("the shadow is read and written, and named ones are by their names", async () => {
    expect((await send("GET", `${sys("dev-1")}/shadow`)).json).toMatchObject({ state: { desired: {}, reported: {} }, version: 0 });
    const update = { state: { reported: { a: 1 }, desired: { b: 2 } }, clientToken: "t" };
    expect((await send("POST", `${sys("dev-1")}/shadow/update`, update)).json).toEqual({
      ...update,
      metadata: { reported: { a: { timestamp: 1_760_000_000_123 } }, desired: { b: { timestamp: 1_760_000_000_123 } } },
      version: 1,
      timestamp: 1_760_000_000_123,
    });
    const conflict = await send("POST", `${sys("dev-1")}/shadow/update`, { state: { reported: { a: 1 } }, version: 7 });
    expect([conflict.status, conflict.json["code"]]).toEqual([409, 409]);
    expect((await send("POST", `${sys("dev-1")}/shadow/name/cfg/update`, update)).json).toMatchObject({ version: 1 });
    expect((await send("POST", `${sys("dev-1")}/shadow/name/cfg/delete`, { version: 1 })).json).toMatchObject({ version: 2 });
    expect((await send("GET", `${sys("dev-1")}/shadow/name/cfg`)).json).toMatchObject({ state: { reported: {} }, version: 2 });
    expect((await send("POST", `${sys("dev-1")}/shadow/get`)).json).toMatchObject({ state: { delta: { b: 2 } }, version: 1 });
    expect((await send("GET", `${sys("dev-1")}/shadow/name/a%20b`)).status).toBe(404);
    expect((await send("POST", `${sys("dev-1")}/shadow/name/cfg`)).status).toBe(405);
  });

  test("Alibaba's shadow topic is answered in its words", async () => {
    const path = `/shadow/update/${productKey}/dev-1`;
    const said = await send("POST", path, { method: "update", state: { reported: { color: "red" } }, version: 4 });
    expect(said.json).toEqual({ method: "reply", payload: { status: "success", version: 4 }, timestamp: 1_760_000_000 });
    const again = await send("POST", path, { method: "update", state: { reported: { color: "red" } }, version: 4 });
    expect([again.status, again.json]).toMatchObject([409, { payload: { status: "error", content: { errorcode: "409" } } }]);
    expect((await send("POST", `/shadow/update/${productKey}/dev-2`, "{}")).status).toBe(403);
  });

  test("an Idempotency-Key makes the same report the same message; one that is none is refused by name", async () => {
    const id = (await send("POST", post("dev-1"), good, credential, { "Idempotency-Key": "order 1" })).status;
    expect([id, (await send("POST", post("dev-1"), good, credential, { "Idempotency-Key": "order 1" })).status]).toEqual([200, 200]);
    expect(harness.events.ofKind("properties").map(({ messageId }) => messageId)).toEqual([
      deriveMessageId(credential.device.deviceId, "idempotency-key", "order 1"),
    ]);
    const { status, json } = await send("POST", post("dev-1"), good, credential, { "Idempotency-Key": "x".repeat(129) });
    expect([status, json["detail"]]).toEqual([400, expect.stringContaining("Idempotency-Key")]);
    expect((await send("POST", post("dev-1"), good)).status).toBe(200);
    expect(harness.events.ofKind("properties")).toHaveLength(2);
  });

  test("a custom topic takes any bytes", async () => {
    expect((await send("POST", `/${productKey}/dev-1/user/x`, "raw")).status).toBe(200);
    expect(harness.events.ofKind("message").map(({ body }) => JSON.parse(body).topic)).toEqual([`/${productKey}/dev-1/user/x`]);
  });
});

describe("refusals are problems (RFC 9457), and nothing is stored", () => {
  test.each([
    ["another device", "POST", post("dev-2"), 403],
    ["another device, percent-encoded", "POST", post("dev-%32"), 403],
    ["another device behind dots", "POST", `${sys("dev-1")}/../dev-2/thing/event/property/post`, 404],
    ["a path that is no topic", "GET", "/", 403],
    ["an own path that means nothing", "POST", `${sys("dev-1")}/nothing`, 404],
    ["the wrong method", "GET", post("dev-1"), 405],
    ["a method that is none of a device's", "DELETE", post("dev-1"), 405],
    ["a broken percent-encoding", "POST", `${sys("dev-1")}/%zz`, 400],
    ["a body over 256 KB", "POST", post("dev-1"), 413],
    ["an answer nobody waits for", "POST", `${sys("dev-1")}/rrpc/response/42`, 404],
  ])("%s: %s %s", async (what, method, path, expected) => {
    const body = method === "GET" ? "" : what.startsWith("a body") ? "x".repeat(300_000) : good;
    const { status, json, headers } = await send(method, path, body);
    expect([status, json["status"], headers["content-type"]]).toEqual([expected, expected, "application/problem+json"]);
    expect(harness.events.ofKind("properties")).toEqual([]);
  });

  test("bytes that are no HTTP: 400", async () => {
    // Without a length, the body of a GET is the beginning of the next request.
    const { status, headers } = await send("GET", `${sys("dev-1")}/rrpc/request?waitMs=1000`, "\0\0\0");
    expect([status, headers["content-type"]]).toEqual([400, "application/problem+json"]);
  });

  test("401 without a certificate and with an unknown one, 503 when nobody can tell", async () => {
    const stranger = { ...(await harness.credential("dev-3")) };
    harness.devices.revoke(stranger.device);
    expect((await send("POST", post("dev-1"), good, stranger)).status).toBe(401);
    harness.devices.isDown = true;
    expect((await send("POST", post("dev-1"), good)).status).toBe(503);
    harness.devices.isDown = false;
    const [host, port] = (harness.gateway.addresses.https ?? "").split(":");
    const status = await new Promise((resolve) => {
      request({ host, port, path: post("dev-1"), ca: credential.ca, agent: false }, (response) => resolve(response.statusCode)).end();
    });
    expect(status).toBe(401);
  });

  test("503 when the log takes nothing", async () => {
    await harness.stop();
    harness = await startHarness({ uplink: { giveUpMs: 300 } });
    credential = await harness.credential("dev-1");
    harness.events.isBroken = true;
    const { status, json } = await send("POST", post("dev-1"), good);
    expect([status, json["code"]]).toEqual([503, "unavailable"]);
  });
});

describe("calls to a device that polls", () => {
  const poll = (waitMs: number): Promise<HttpAnswer> => send("GET", `${sys("dev-1")}/rrpc/request?waitMs=${waitMs}`);
  const call = async (messageId: string): Promise<number> => {
    const downlink = { kind: "call" as const, messageId, payload: Buffer.from("do") };
    return (await harness.gateway.api.deliver(serviceCaller("rrpc"), { deviceId: credential.device.deviceId, downlink })).delivered;
  };

  test("nobody listens before the first poll; a waiting poll takes the call; its answer is accepted", async () => {
    expect(await call("42")).toBe(0);
    const polled = poll(5_000);
    await expect.poll(() => call("42")).toBe(1);
    const { status, text, headers } = await polled;
    expect([status, text, headers["mooring-message-id"]]).toEqual([200, "do", "42"]);
    harness.waited.add("42");
    expect((await send("POST", `${sys("dev-1")}/rrpc/response/42`, "done")).status).toBe(200);
    expect(harness.answers.get("42")).toBe("done");
  });

  test("a call that nobody waits for any more is not given to the next poll", async () => {
    await poll(0);
    const { deviceId } = [...harness.devices.identities.values()][0]?.device ?? { deviceId: "" };
    const deliver = (messageId: string, expiresAtMs: number) =>
      harness.gateway.api.deliver(serviceCaller("rrpc"), {
        deviceId,
        downlink: { kind: "call", messageId, payload: Buffer.from("x"), expiresAtMs },
      });
    expect(await deliver("1", Date.now() - 1)).toEqual({ delivered: 1 });
    await deliver("2", Date.now() + 60_000);
    expect((await poll(0)).headers["mooring-message-id"]).toBe("2");
    expect((await poll(0)).status).toBe(204);
  });

  test("between two polls at most 16 calls wait, in order; then 204", async () => {
    expect((await poll(0)).status).toBe(204);
    const taken: number[] = [];
    for (let i = 1; i <= 17; i++) taken.push(await call(String(i)));
    expect(taken).toEqual([...Array<number>(16).fill(1), 0]);
    const seen: unknown[] = [];
    for (let i = 1; i <= 16; i++) seen.push((await poll(0)).headers["mooring-message-id"]);
    expect(seen).toEqual(Array.from({ length: 16 }, (_, i) => String(i + 1)));
    expect((await poll(0)).status).toBe(204);
  });

  test("a certificate revoked while polling ends the poll, and the next request is refused", async () => {
    const polled = poll(20_000);
    await expect.poll(() => harness.events.ofKind("online").length).toBe(1);
    const startedAt = performance.now();
    harness.devices.revoke(credential.device);
    expect((await polled).status).toBe(204);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await poll(0)).status).toBe(401);
  });

  test.each(["-1", "x", "60001", "1e3"])("waitMs=%s is refused", async (waitMs) => {
    expect((await send("GET", `${sys("dev-1")}/rrpc/request?waitMs=${waitMs}`)).status).toBe(400);
  });
});
