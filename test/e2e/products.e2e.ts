import { readFileSync } from "node:fs";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, createProduct, type Target } from "./harness/devices.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

describe("products and devices over REST", () => {
  test("a product with a model and a device are created, read back, listed and changed", async () => {
    const { api } = platform;
    const { productKey } = await createProduct(platform);
    const product = await api(`/v1/products/${productKey}`);
    expect(product).toMatchObject({ status: 200, body: { productKey, validation: "enforce", thingModel: { name: "thermostat" } } });
    const renamed = await api(`/v1/products/${productKey}`, { method: "PATCH", body: { name: "Thermostat, second edition" } });
    expect(renamed).toMatchObject({ status: 200, body: { name: "Thermostat, second edition", validation: "enforce" } });
    const device = await createDevice(platform, { productKey });
    expect(await api(device.path)).toMatchObject({ status: 200, body: { deviceName: device.deviceName, status: "enabled" } });
    expect(await api(`/v1/products/${productKey}/devices`)).toMatchObject({ body: { devices: [{ deviceName: device.deviceName }] } });
  });

  test("the thing model is given back byte for byte as it was published", async () => {
    await createProduct(platform);
    const sdf = readFileSync(new URL("../../examples/thermostat.sdf.json", import.meta.url), "utf8");
    const answer = await platform.api("/v1/thing-models/thermostat/versions/1.0.0");
    expect(answer.text).toBe(sdf);
    expect(answer.headers.get("content-type")).toMatch(/^application\/sdf\+json/);
  });

  test("a device deleted and created again under its name is another one, and starts with nothing of the old one", async () => {
    const { api } = platform;
    const device = await createDevice(platform);
    const desired = await api(`${device.path}/shadow`, { method: "PATCH", body: { desired: { TargetTemperature: 21 } } });
    expect(desired.status).toBe(200);
    const before = (await api(device.path)).body as { deviceId: string };
    expect((await api(device.path, { method: "DELETE" })).status).toBe(204);
    expect((await api(device.path)).status).toBe(404);
    const { productKey, deviceName } = device;
    const again = await api(`/v1/products/${productKey}/devices`, { method: "POST", body: { deviceName } });
    expect(again.status).toBe(201);
    expect((again.body as { deviceId: string }).deviceId).not.toBe(before.deviceId);
    expect(await api(`${device.path}/shadow`)).toMatchObject({ body: { version: 0, desired: {}, reported: {} } });
    expect(await api(`${device.path}/certificates`)).toMatchObject({ body: { certificates: [] } });
  });
});

describe("problem documents (RFC 9457)", () => {
  test.each([
    { name: "no API key", path: "/v1/tenant", request: { key: null }, status: 401, code: "unauthenticated" },
    { name: "a wrong API key", path: "/v1/tenant", request: { key: `mk_${"a".repeat(43)}` }, status: 401, code: "unauthenticated" },
    { name: "an unknown route", path: "/v1/nothing", request: {}, status: 404, code: "notFound" },
    { name: "a method that is not there", path: "/v1/tenant", request: { method: "DELETE" }, status: 405, code: "methodNotAllowed" },
    { name: "an unknown product", path: "/v1/products/a1nosuchone", request: {}, status: 404, code: "notFound" },
  ])("$name: $status $code", async ({ path, request, status, code }) => {
    const answer = await platform.api(path, request);
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  });

  test("400 names every field that is wrong", async () => {
    const answer = await platform.api("/v1/products", { method: "POST", body: { name: 7, colour: "red", validation: "maybe" } });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalidArgument" } });
    const { issues } = answer.body as unknown as { issues: { pointer: string }[] };
    expect(issues.map((issue) => issue.pointer).sort()).toEqual(["/colour", "/name", "/validation"]);
  });

  test("409 for a name that is taken, and for a version of a model with another text", async () => {
    const { api } = platform;
    const device = await createDevice(platform);
    const { deviceName, productKey } = device;
    const taken = await api(`/v1/products/${productKey}/devices`, { method: "POST", body: { deviceName } });
    expect(taken).toMatchObject({ status: 409, body: { code: "alreadyExists" } });
    const other = '{"sdfObject":{"Thermostat":{"sdfProperty":{"Temperature":{"type":"string"}}}}}';
    const republished = await api("/v1/thing-models/thermostat/versions/1.0.0", { method: "PUT", body: other });
    expect(republished).toMatchObject({ status: 409, body: { code: "alreadyExists" } });
  });

  test("409 for a stale shadow version, with the document as it is now", async () => {
    const device = await createDevice(platform);
    const path = `${device.path}/shadow`;
    await platform.api(path, { method: "PATCH", body: { desired: { TargetTemperature: 21 } } });
    const stale = await platform.api(path, { method: "PATCH", body: { desired: { TargetTemperature: 22 }, version: 0 } });
    expect(stale).toMatchObject({
      status: 409,
      body: { code: "versionConflict", current: { version: 1, desired: { TargetTemperature: 21 } } },
    });
  });

  test("400 for a desired state outside the model, naming the field; the shadow stays as it was", async () => {
    const device = await createDevice(platform);
    const answer = await platform.api(`${device.path}/shadow`, { method: "PATCH", body: { desired: { TargetTemperature: 99 } } });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalidArgument", issues: [{ pointer: "/desired/TargetTemperature" }] } });
    expect(await platform.api(`${device.path}/shadow`)).toMatchObject({ body: { version: 0 } });
  });

  test("a certificate request that is none is refused with the field named", async () => {
    const device = await createDevice(platform);
    const answer = await platform.api(`${device.path}/certificates`, { method: "POST", body: { csr: "not a request" } });
    expect(answer).toMatchObject({ status: 400, body: { issues: [{ pointer: "/csr" }] } });
  });
});

describe("roles", () => {
  test("a key does what its role may and gets 403 for the rest; revoked, it gets 401 within two seconds", async () => {
    const { api } = platform;
    const made = await api("/v1/api-keys", { method: "POST", body: { name: "e2e viewer", role: "viewer" } });
    const { key, secret } = made.body as unknown as { key: { id: string }; secret: string };
    expect((await api("/v1/products", { key: secret })).status).toBe(200);
    const refused = await api("/v1/products", { method: "POST", key: secret, body: { name: "x" } });
    expect(refused).toMatchObject({ status: 403, body: { code: "permissionDenied" } });
    expect((await api(`/v1/api-keys/${key.id}`, { method: "DELETE" })).status).toBe(200);
    const revokedAtMs = Date.now();
    await until("the revoked key to be refused", async () => (await api("/v1/products", { key: secret })).status === 401, 2_000);
    expect(Date.now() - revokedAtMs).toBeLessThan(2_000);
  });
});
