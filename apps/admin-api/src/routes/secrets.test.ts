import { beforeEach, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const keyId = "ab".repeat(32);
let calls: unknown[];
let send: Send;

beforeEach(() => {
  const memory = createMemoryServices();
  calls = memory.calls;
  send = createSend(createAdminServer(createTestDeps(memory.services)));
});

test("a secret is made with and without a body, and says how long the one before works", async () => {
  const bare = await send("POST", `${devicePath}/secret`);
  expect([bare.statusCode, bare.json()]).toEqual([201, { secret: "s", version: 2, previousValidUntil: "2026-01-31T12:00:00.000Z" }]);
  const overlapping = await send("POST", `${devicePath}/secret`, { overlapSeconds: 3_600 });
  expect(overlapping.json()).toMatchObject({ previousValidUntil: "2026-01-31T13:00:00.000Z" });
  expect((await send("POST", "/v1/products/pk01/secret", { overlapSeconds: 60 })).json()).toEqual({ secret: "p", version: 1 });
});

test.each([
  [{ overlapSeconds: -1 }, "/overlapSeconds"],
  [{ overlapSeconds: 2_592_001 }, "/overlapSeconds"],
  [{ overlapSeconds: "60" }, "/overlapSeconds"],
  [{ overlap: 60 }, "/overlap"],
])("the overlap %j is 400 and names the field", async (body, pointer) => {
  for (const path of [`${devicePath}/secret`, "/v1/products/pk01/secret"]) {
    expect((await send("POST", path, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
  }
});

test("public keys are added, listed and deleted", async () => {
  const key = { keyId, algorithm: "EdDSA", createdAt: "2026-01-31T12:00:00.000Z" };
  const added = await send("POST", `${devicePath}/public-keys`, { publicKey: "-----BEGIN PUBLIC KEY-----" });
  expect([added.statusCode, added.json()]).toEqual([201, key]);
  expect(calls.at(-1)).toMatchObject({ deviceName: "dev-1", publicKeyPem: "-----BEGIN PUBLIC KEY-----" });
  expect((await send("GET", `${devicePath}/public-keys`)).json()).toEqual({ keys: [key] });
  expect((await send("DELETE", `${devicePath}/public-keys/${keyId}`)).statusCode).toBe(204);
  expect((await send("DELETE", `${devicePath}/public-keys/${"cd".repeat(32)}`)).statusCode).toBe(404);
  expect((await send("DELETE", `${devicePath}/public-keys/x`)).statusCode).toBe(400);
  expect((await send("POST", `${devicePath}/public-keys`, {})).json()).toMatchObject({ issues: [{ pointer: "/publicKey" }] });
});

test("why a device cannot connect is one call", async () => {
  expect((await send("GET", `${devicePath}/connection-failures`)).json()).toEqual({
    failures: [
      {
        reason: "disabled",
        message: "The device is disabled.",
        proven: true,
        protocol: "mqtt-5.0",
        address: "192.0.2.1",
        count: 2,
        firstAt: "2026-01-31T12:00:00.000Z",
        lastAt: "2026-01-31T12:00:00.001Z",
      },
    ],
  });
});

test("what devices may register with is set and shown with the product, and what is none is 400", async () => {
  const settings = { legacySignatures: true, registration: "open", registeredDevicesMax: 5 };
  expect((await send("PATCH", "/v1/products/pk01", settings)).json()).toMatchObject(settings);
  for (const [field, value] of Object.entries({ legacySignatures: 1, registration: "all", registeredDevicesMax: -1 })) {
    const answer = await send("PATCH", "/v1/products/pk01", { [field]: value });
    expect(answer.json()).toMatchObject({ status: 400, issues: [{ pointer: `/${field}` }] });
  }
});
