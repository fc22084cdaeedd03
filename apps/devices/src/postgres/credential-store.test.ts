import type { Database } from "@mooring/db";
import { makeCaller } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, openHarness } from "../harness.test-support.ts";
import { createCredentialStore } from "./credential-store.ts";

const owner = makeCaller();
const productKey = "storm01";
const names = Array.from({ length: 40 }, (_, index) => `dev-${index}`);

describe("a storm of sign-ons", () => {
  let harness: Harness;
  const statements: string[] = [];
  beforeAll(async () => {
    harness = await openHarness();
    await harness.api.createProduct(owner, { name: "storm", productKey, secretAuthentication: true });
    for (const deviceName of names) await harness.api.createDevice(owner, { productKey, deviceName });
  });
  afterAll(() => harness.stop());

  /** The store on the real database, which notes what it asks. */
  function openStore() {
    const { pool } = harness.database;
    const query = (config: { readonly name: string; readonly text: string }): unknown => {
      statements.push(config.name);
      return pool.query(config);
    };
    statements.length = 0;
    return createCredentialStore({ pool: Object.create(pool, { query: { value: query } }) as Database["pool"] });
  }

  test("by secret or by key, by name or by id, is one statement for all that wait, and each hears of its own device", async () => {
    const store = openStore();
    const found = await Promise.all(names.map((deviceName) => store.findSecret({ productKey, deviceName })));
    expect(found.map((credential) => credential?.device.deviceName)).toEqual(names);
    const ids = found.map((credential) => credential?.device.deviceId ?? "");
    const byId = await Promise.all(ids.map((deviceId) => store.findSecretOf(deviceId)));
    expect(byId.map((credential) => credential?.device.deviceName)).toEqual(names);
    const keys = await Promise.all(names.map((deviceName) => store.findKeys({ productKey, deviceName })));
    expect(keys.map((credential) => credential?.device.deviceName)).toEqual(names);
    const keysById = await Promise.all(ids.map((deviceId) => store.findKeysOf(deviceId)));
    expect(keysById.map((credential) => [credential?.device.deviceName, credential?.keys])).toEqual(names.map((name) => [name, []]));
    expect(statements).toEqual(["secret-by-name", "secret-by-id", "keys-by-name", "keys-by-id"]);
  });

  test("a name of one product and a device of another are not taken together", async () => {
    await harness.api.createProduct(owner, { name: "other", productKey: "storm02", secretAuthentication: true });
    await harness.api.createDevice(owner, { productKey: "storm02", deviceName: "only-here" });
    const store = openStore();
    const asked = [
      { productKey, deviceName: "only-here" },
      { productKey: "storm02", deviceName: "dev-1" },
      { productKey: "storm02", deviceName: "only-here" },
    ];
    const found = await Promise.all(asked.map((address) => store.findSecret(address)));
    expect(found.map((credential) => credential?.device.deviceName)).toEqual([undefined, undefined, "only-here"]);
  });

  test("what was taken away before a sign-on began is seen by it, though others of before are still answered", async () => {
    const store = openStore();
    const address = { productKey, deviceName: "dev-1" };
    const early = store.findSecret(address);
    await harness.api.setDeviceStatus(owner, { ...address, status: "disabled" });
    expect((await store.findSecret(address))?.deviceStatus).toBe("disabled");
    await early;
    await harness.api.deleteDevice(owner, address);
    expect(await store.findSecret(address)).toBeUndefined();
  });

  test("first sign-ons are written down together, once", async () => {
    const store = openStore();
    const some = await Promise.all(names.slice(10, 20).map((deviceName) => store.findSecret({ productKey, deviceName })));
    const ids = some.map((credential) => credential?.device.deviceId ?? "");
    expect(some.some((credential) => credential?.isActivated)).toBe(false);
    await Promise.all([...ids, ...ids].map((id) => store.activate(id)));
    const after = await Promise.all(ids.map((id) => store.findSecretOf(id)));
    expect(after.every((credential) => credential?.isActivated)).toBe(true);
    expect(statements).toEqual(["secret-by-name", "devices-activate", "secret-by-id"]);
  });
});
