import { errorTable } from "@mooring/contracts";
import { beforeEach, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

let calls: unknown[];
let send: Send;

beforeEach(() => {
  const memory = createMemoryServices();
  calls = memory.calls;
  send = createSend(createAdminServer(createTestDeps(memory.services)));
});

test("any JSON is sent as JSON text, base64 as its bytes", async () => {
  const json = (await send("POST", `${devicePath}/calls`, { payload: null })).json();
  expect(json).toEqual({ messageId: "42", payload: null, payloadBase64: Buffer.from("null").toString("base64") });
  const bytes = (await send("POST", `${devicePath}/calls`, { payloadBase64: "AP8=" })).json();
  expect(bytes).toEqual({ messageId: "42", payloadBase64: "AP8=" });
});

test("a service goes with its input, the time it may take and the idempotency key", async () => {
  const answer = await send(
    "POST",
    `${devicePath}/calls`,
    { service: "reboot", input: { in: 5 }, timeoutMs: 100 },
    { "idempotency-key": "k-1" },
  );
  expect(answer.json()).toMatchObject({ messageId: "42", output: { ok: 1 }, payload: {} });
  const address = { productKey: "pk01", deviceName: "dev-1" };
  expect(calls).toEqual([{ ...address, service: "reboot", input: { in: 5 }, timeoutMs: 100, idempotencyKey: "k-1" }]);
});

test("what the model does not allow and the product only flags stands beside the output", async () => {
  const answer = (await send("POST", `${devicePath}/calls`, { service: "odd" })).json();
  expect(answer).toMatchObject({ output: { ok: 1 }, checkFailedData: [{ pointer: "/data/ok", message: "must be boolean", got: "1" }] });
});

test("an answer nested without end is passed on as bytes only", async () => {
  const deep = Buffer.from("[".repeat(50_000) + "]".repeat(50_000)).toString("base64");
  expect((await send("POST", `${devicePath}/calls`, { payloadBase64: deep })).json()).toEqual({ messageId: "42", payloadBase64: deep });
});

test.each([
  [{}, ""],
  [{ service: "a", payload: 1 }, ""],
  [{ payload: 1, input: 1 }, "/input"],
  [{ service: "a", timeoutMs: 99 }, "/timeoutMs"],
  [{ service: "a", timeoutMs: 300_001 }, "/timeoutMs"],
  [{ service: "a", timeoutMs: "500" }, "/timeoutMs"],
  [{ payloadBase64: "%%" }, "/payloadBase64"],
])("%j is refused", async (body, pointer) => {
  expect((await send("POST", `${devicePath}/calls`, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
  expect(calls).toEqual([]);
});

test("no device is 409 deviceOffline, a silent one 504 timeout", async () => {
  for (const [service, code] of [
    ["offline", "deviceOffline"],
    ["silent", "timeout"],
  ] as const) {
    const answer = await send("POST", `${devicePath}/calls`, { service });
    expect(answer.json()).toMatchObject({ status: errorTable[code].http, code });
  }
});
