import { beforeEach, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const gone = "/v1/products/pk01/devices/gone";
let calls: unknown[];
let send: Send;

beforeEach(() => {
  const memory = createMemoryServices();
  calls = memory.calls;
  send = createSend(createAdminServer(createTestDeps(memory.services)));
});

test("tags are replaced as a whole, and shown with the device and in lists", async () => {
  const tags = { site: "north", "floor:1": "" };
  expect((await send("PUT", `${devicePath}/tags`, { tags })).json()).toMatchObject({ deviceName: "dev-1", tags });
  expect((await send("GET", devicePath)).json().tags).toEqual(tags);
  expect((await send("GET", "/v1/products/pk01/devices")).json().devices[0].tags).toEqual(tags);
  expect((await send("PUT", `${devicePath}/tags`, { tags: {} })).json().tags).toEqual({});
});

test.each([
  [{}, "/tags"],
  [{ tags: { "a b": "x" } }, "/tags/a b"],
  [{ tags: { a: "x".repeat(257) } }, "/tags/a"],
  [{ tags: { a: "x\u0000" } }, "/tags/a"],
  [{ tags: { a: 1 } }, "/tags/a"],
  [{ tags: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, ""])) }, "/tags"],
  [{ site: "north", tags: {} }, "/site"],
])("tags %j are 400 and name the field", async (body, pointer) => {
  expect((await send("PUT", `${devicePath}/tags`, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
});

test("a device's connection says since when, over what and from where", async () => {
  expect((await send("GET", `${devicePath}/connection`)).json()).toEqual({
    online: true,
    since: "2026-01-31T12:00:00.000Z",
    clientId: "c1",
    protocol: "mqtt",
    nodeId: "n1",
    address: "192.0.2.1",
  });
});

test("a trace tells accepted messages, how far they have come, and refused ones and why", async () => {
  expect((await send("GET", `${devicePath}/trace?limit=7`)).json()).toEqual({
    deviceId: "8f000000-0000-4000-8000-000000000002",
    entries: [
      {
        at: "2026-01-31T12:00:00.001Z",
        outcome: "accepted",
        offset: 7,
        messageId: "m7",
        kind: "properties",
        consumers: [{ consumer: "history", state: "applied" }],
      },
      {
        at: "2026-01-31T12:00:00.000Z",
        outcome: "refused",
        topic: "x",
        protocol: "mqtt",
        code: "invalidArgument",
        reason: "/temp: too hot",
      },
    ],
  });
  expect(calls).toEqual([{ productKey: "pk01", deviceName: "dev-1", limit: 7 }]);
  for (const limit of ["0", "101", "x"]) expect((await send("GET", `${devicePath}/trace?limit=${limit}`)).statusCode, limit).toBe(400);
});

test("what is asked of a device that is not there is 404", async () => {
  expect((await send("PUT", `${gone}/tags`, { tags: {} })).statusCode).toBe(404);
  for (const path of ["/connection", "/trace"]) expect((await send("GET", gone + path)).statusCode, path).toBe(404);
});

test("what a product's devices are given is set when it is made and later, and shown", async () => {
  const options = { acknowledgement: "processed", historyDays: 7, deduplicateIds: true, pushDelta: true };
  const defaults = { acknowledgement: "persisted", historyDays: 90, deduplicateIds: false, pushDelta: false };
  expect((await send("GET", "/v1/products/pk01")).json()).toMatchObject(defaults);
  expect((await send("POST", "/v1/products", { productKey: "pk02", name: "p", ...options })).json()).toMatchObject(options);
  expect((await send("PATCH", "/v1/products/pk02", { historyDays: 3_650 })).json()).toMatchObject({ ...options, historyDays: 3_650 });
  expect((await send("GET", "/v1/products")).json().products[1]).toMatchObject({ ...options, historyDays: 3_650 });
});

test.each([
  [{ acknowledgement: "sent" }, "/acknowledgement"],
  [{ historyDays: 0 }, "/historyDays"],
  [{ historyDays: 3_651 }, "/historyDays"],
  [{ historyDays: 1.5 }, "/historyDays"],
  [{ deduplicateIds: "true" }, "/deduplicateIds"],
  [{ pushDelta: null }, "/pushDelta"],
])("%j is 400 and names the field, when a product is made and when it is changed", async (body, pointer) => {
  const refused = { status: 400, issues: [{ pointer }] };
  expect((await send("POST", "/v1/products", { name: "p", ...body })).json()).toMatchObject(refused);
  expect((await send("PATCH", "/v1/products/pk01", body)).json()).toMatchObject(refused);
});
