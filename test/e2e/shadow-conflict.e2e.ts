import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, PlatformError } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { Client } from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { bufCurl } from "./harness/buf-curl.ts";
import { curl } from "./harness/curl.ts";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { desire, type ShadowDocument, shadowOf } from "./harness/documents.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { request } from "./harness/mosquitto.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";

let platform: Target;
let device: TestDevice;
/** As large as a document may be: 64 KiB in small members, each of which has a time. */
let document: ShadowDocument;
beforeAll(async () => {
  platform = await sharedPlatform();
  const { body } = await platform.api("/v1/products", { method: "POST", body: { name: "Free form" } });
  device = await createDevice(platform, body as unknown as TestDevice);
  const members = Object.fromEntries(Array.from({ length: 3_700 }, (_, i) => [`member${i}`, i]));
  await desire(device, members);
  document = await shadowOf(device);
  const bytes = Buffer.byteLength(JSON.stringify(members));
  expect(bytes).toBeGreaterThan(64_000);
  expect(bytes).toBeLessThan(65_536);
});

const stale = { state: { reported: {} }, version: 9, clientToken: "late" };

/** The document as devices are told it. */
async function documentOf({ productKey, deviceName }: TestDevice): Promise<JsonObject> {
  const topic = `/sys/${productKey}/${deviceName}/shadow/get`;
  return JSON.parse((await request(device, { to: topic, from: `${topic}/accepted` }, "")).stdout) as JsonObject;
}

describe("a version conflict carries the current document of 64 KB", () => {
  test("over REST: 409 and 412", async () => {
    const inBody = await platform.api(`${device.path}/shadow`, { method: "PATCH", body: { desired: {}, version: 9 } });
    expect(inBody).toMatchObject({ status: 409, body: { code: "versionConflict" } });
    expect((inBody.body as JsonObject)["current"]).toEqual(document);
    const headers = { "if-match": '"9"' };
    const inHeader = await platform.api(`${device.path}/shadow`, { method: "DELETE", headers });
    expect(inHeader.status).toBe(412);
    expect((inHeader.body as JsonObject)["current"]).toEqual(document);
  });

  test("over public gRPC, to our own client", async () => {
    const shadow = connectPublic(platform, "shadow");
    const { productKey, deviceName } = device;
    const view = await shadow.get(nobody, { productKey, deviceName });
    const thrown = await shadow
      .update(nobody, { productKey, deviceName, desired: {}, expectedVersion: 9 })
      .catch((error: unknown) => error);
    expect((thrown as PlatformError).details).toEqual({ current: view });
    await shadow.stop();
  });

  test("over public gRPC, to a client that knows the IDL alone: as an answer if it asks so, and otherwise as ABORTED", async () => {
    const { productKey, deviceName } = device;
    const update = { productKey, deviceName, desired: {}, expectedVersion: "9" };
    const method = "mooring.shadow.v1.ShadowService/Update";
    const asked = await bufCurl(platform, method, { ...update, conflictAsAnswer: true });
    expect(asked).toMatchObject({
      status: 0,
      body: { version: "1", conflict: { code: "versionConflict", message: "the shadow is at version 1, not 9" } },
    });
    expect(asked.body["desired"]).toEqual(document.desired);
    const unasked = await bufCurl(platform, method, update);
    expect(unasked).toMatchObject({ status: 10, body: { code: "aborted", message: "the shadow is at version 1, not 9" } });
    const done = await bufCurl(platform, "mooring.shadow.v1.ShadowService/Delete", {
      productKey,
      deviceName,
      expectedVersion: "9",
      conflictAsAnswer: true,
    });
    expect(done.body).toMatchObject({ version: "1", conflict: { code: "versionConflict" } });
  });

  test("over MQTT and the devices' HTTPS door, in the platform's words exactly; AWS's have no place for it", async () => {
    const { productKey, deviceName } = device;
    const current = await documentOf(device);
    expect((current["state"] as JsonObject)["desired"]).toEqual(document.desired);
    const conflict = { code: 409, message: "Version conflict", clientToken: "late", current };
    const topic = `/sys/${productKey}/${deviceName}/shadow/update`;
    const { stdout } = await request(device, { to: topic, from: `${topic}/rejected` }, JSON.stringify(stale));
    expect(JSON.parse(stdout)).toEqual(conflict);
    const file = join(tempFolder("payload"), "body.json");
    writeFileSync(file, JSON.stringify(stale));
    const { status, body } = await curl(device, "/shadow/update", ["--data-binary", `@${file}`]);
    expect([status, JSON.parse(body)]).toEqual([409, conflict]);
    const aws = `$aws/things/${productKey}.${deviceName}/shadow/update`;
    const amazon = await request(device, { to: aws, from: `${aws}/rejected` }, JSON.stringify(stale));
    expect(JSON.parse(amazon.stdout)).toEqual({
      code: 409,
      message: "Version conflict",
      timestamp: expect.any(Number),
      clientToken: "late",
    });
  });
});

describe("a deleted device", () => {
  test("has no shadow from the moment its deletion is answered, and one of the same name finds nothing of it", async () => {
    const shadow = connectPublic(platform, "shadow");
    const product = { productKey: device.productKey };
    const gone = await createDevice(platform, product);
    const address = { ...product, deviceName: gone.deviceName };
    const named = `${gone.path}/shadow?name=config`;
    const { deviceId } = (await platform.api(gone.path)).body as { readonly deviceId: string };
    await desire(gone, { secret: 1 });
    await platform.api(named, { method: "PATCH", body: { desired: { secret: 2 } } });
    expect((await platform.api(gone.path, { method: "DELETE" })).status).toBe(204);
    for (const path of [`${gone.path}/shadow`, named, `${gone.path}/shadow/history`, `${gone.path}/shadow/names`]) {
      expect((await platform.api(path)).status, path).toBe(404);
    }
    expect((await platform.api(`${gone.path}/shadow`, { method: "PATCH", body: { desired: { a: 1 } } })).status).toBe(404);
    await expect(shadow.get(nobody, address)).rejects.toMatchObject({ code: "notFound" });
    await expect(shadow.update(nobody, { ...address, desired: {} })).rejects.toMatchObject({ code: "notFound" });
    await expect(shadow.delete(nobody, { ...address, shadowName: "config" })).rejects.toMatchObject({ code: "notFound" });

    const again = await platform.api(`/v1/products/${product.productKey}/devices`, {
      method: "POST",
      body: { deviceName: gone.deviceName },
    });
    expect(again.status).toBe(201);
    expect(await shadow.get(nobody, address)).toMatchObject({ version: 0, desired: {}, reported: {} });
    expect(await shadow.listNames(nobody, address)).toEqual({ names: [] });
    expect(await shadow.history(nobody, address)).toEqual({ changes: [] });
    await shadow.stop();
    const client = new Client({ connectionString: platform.databaseUrl });
    await client.connect();
    try {
      const text = "SELECT device_id FROM shadows WHERE device_id = $1 UNION ALL SELECT device_id FROM shadow_changes WHERE device_id = $1";
      await until("its rows to be removed", async () => (await client.query(text, [deviceId])).rowCount === 0);
    } finally {
      await client.end();
    }
  });
});
