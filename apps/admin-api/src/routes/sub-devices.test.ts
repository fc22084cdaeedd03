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

const path = `${devicePath}/sub-devices`;
const gateway = { productKey: "pk01", deviceName: "dev-1" };

test("a sub-device is added, listed and removed", async () => {
  const body = { productKey: "pk02", deviceName: "meter-1" };
  const added = await send("POST", path, body);
  expect([added.statusCode, added.json()]).toEqual([200, { ...body, deviceId: "d2", addedAt: expect.stringMatching(/Z$/) }]);
  expect((await send("GET", path)).json()).toMatchObject({ subDevices: [{ deviceName: "meter-1" }], nextPageToken: "n" });
  expect((await send("DELETE", `${path}/pk02/meter-1`)).statusCode).toBe(204);
  expect(calls).toEqual([{ ...gateway, subDevice: body }]);
});

test.each([
  [{ productKey: "pk02" }, "/deviceName"],
  [{ productKey: "p k", deviceName: "meter-1" }, "/productKey"],
  [{ productKey: "pk02", deviceName: "m/1" }, "/deviceName"],
])("%j is refused and the field named", async (body, pointer) => {
  expect((await send("POST", path, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
});

test("another gateway's is 409", async () => {
  expect((await send("POST", path, { productKey: "pk02", deviceName: "taken-1" })).json()).toMatchObject({
    status: 409,
    code: "alreadyExists",
  });
});
