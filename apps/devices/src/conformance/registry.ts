import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { derOf, type Harness, knownModel } from "../harness.test-support.ts";
import { expectRefused, gateway, makeDevice, sign } from "./made-device.test-support.ts";

export function describeProducts(given: () => Harness): void {
  describe("products", () => {
    test("one made with a name alone has a key of its own and enforces", async () => {
      const owner = makeCaller();
      const product = await given().api.createProduct(owner, { name: "Thermostat" });
      expect(product).toMatchObject({ name: "Thermostat", validation: "enforce", secretAuthentication: false, tenantId: owner.tenantId });
      expect(product.productKey).toMatch(/^a1[A-Za-z0-9]{9}$/);
      expect(product.thingModel).toBeUndefined();
      expect(await given().api.getProduct(makeCaller("viewer", owner.tenantId), product)).toEqual(product);
      expect(await given().api.getProduct(gateway, product)).toEqual(product);
    });

    test("one made with a name alone is acknowledged once persisted, keeps 90 days, stores repeated ids and pushes no deltas", async () => {
      const { api } = given();
      const owner = makeCaller();
      const product = await api.createProduct(owner, { name: "Thermostat" });
      expect(product).toMatchObject({ acknowledgement: "persisted", historyDays: 90, deduplicateIds: false, pushDelta: false });
    });

    test("options are kept as given, are changed one by one, and are listed for the platform's own services with those of every tenant", async () => {
      const { api } = given();
      const owner = makeCaller();
      const options = { acknowledgement: "processed", historyDays: 3_650, deduplicateIds: true, pushDelta: true };
      const product = await api.createProduct(owner, { name: "Thermostat", ...options });
      const other = await api.createProduct(makeCaller(), { name: "another tenant's" });
      expect(product).toMatchObject(options);
      expect(await api.getProduct(owner, product)).toEqual(product);
      const { productKey } = product;
      for (const patch of [{ acknowledgement: "persisted" }, { historyDays: 1 }, { deduplicateIds: false }, { pushDelta: false }]) {
        const before = await api.getProduct(owner, { productKey });
        expect(await api.updateProduct(owner, { productKey, ...patch })).toEqual({ ...before, ...patch });
        expect((await api.listProducts(owner, {})).products).toEqual([{ ...before, ...patch }]);
      }
      const listed = new Map<string, object>();
      let pageToken: string | undefined;
      do {
        const page = await api.listProductOptions(gateway, { pageSize: 2, ...(pageToken === undefined ? {} : { pageToken }) });
        for (const entry of page.products) listed.set(entry.productKey, entry);
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      const changed = { acknowledgement: "persisted", historyDays: 1, deduplicateIds: false, pushDelta: false };
      expect(listed.get(productKey)).toEqual({ productKey, ...changed });
      expect(listed.get(other.productKey)).toEqual({ productKey: other.productKey, ...changed, historyDays: 90 });
    });

    test.each([
      [{ acknowledgement: "never" }, "/acknowledgement"],
      [{ acknowledgement: "" }, "/acknowledgement"],
      [{ historyDays: 0 }, "/historyDays"],
      [{ historyDays: 3_651 }, "/historyDays"],
      [{ historyDays: -1 }, "/historyDays"],
    ])("the options %j are refused by name, when a product is made and when it is changed", async (options, pointer) => {
      const { api } = given();
      const owner = makeCaller();
      expect(pointersOf(await errorOf(api.createProduct(owner, { name: "x", ...options })))).toEqual([pointer]);
      const { productKey } = await api.createProduct(owner, { name: "x" });
      expect(pointersOf(await errorOf(api.updateProduct(owner, { productKey, ...options })))).toEqual([pointer]);
    });

    test("what is not said in an update stays", async () => {
      const { api } = given();
      const owner = makeCaller();
      const product = await api.createProduct(owner, { name: "Thermostat", thingModel: knownModel, secretAuthentication: true });
      const updated = await api.updateProduct(owner, { productKey: product.productKey, validation: "flag" });
      expect(updated).toEqual({ ...product, validation: "flag" });
      expect(await api.getProduct(owner, product)).toEqual(updated);
    });

    test("a key that is taken is refused, whoever has it", async () => {
      const { api } = given();
      const { productKey } = await api.createProduct(makeCaller(), { name: "first" });
      expect(await errorOf(api.createProduct(makeCaller(), { name: "second", productKey }))).toMatchObject({ code: "alreadyExists" });
    });

    test("every field that is wrong is named", async () => {
      const request = { name: " ", productKey: "a/b", validation: "strict", thingModel: { name: "", version: "1" } };
      const error = await errorOf(given().api.createProduct(makeCaller(), request));
      expect(error.code).toBe("invalidArgument");
      expect(pointersOf(error)).toEqual(["/productKey", "/name", "/validation", "/thingModel"]);
    });

    test.each(["", "a\nb", "x".repeat(101), "a\u0000"])("the name %j is refused", async (name) => {
      expect(pointersOf(await errorOf(given().api.createProduct(makeCaller(), { name })))).toEqual(["/name"]);
    });

    test("a product may take a range and a deprecated version of its thing model, but no draft and none that is retired", async () => {
      const { api } = given();
      const owner = makeCaller();
      const take = (version: string) => api.createProduct(owner, { name: "Thermostat", thingModel: { name: "thermostat", version } });
      for (const version of ["^1", "0.9.0"]) expect((await take(version)).thingModel).toEqual({ name: "thermostat", version });
      for (const version of ["0.1.0", "2.0.0", "^2"]) expect(pointersOf(await errorOf(take(version)))).toEqual(["/thingModel"]);
    });

    test("a thing model must exist before it is named", async () => {
      const { api } = given();
      const owner = makeCaller();
      const thingModel = { name: "thermostat", version: "9.9.9" };
      expect(pointersOf(await errorOf(api.createProduct(owner, { name: "Thermostat", thingModel })))).toEqual(["/thingModel"]);
      const { productKey } = await api.createProduct(owner, { name: "Thermostat", thingModel: knownModel });
      expect(pointersOf(await errorOf(api.updateProduct(owner, { productKey, thingModel })))).toEqual(["/thingModel"]);
      expect(await api.getProduct(owner, { productKey })).toMatchObject({ thingModel: knownModel });
    });

    test("pages give every product of the tenant once, and none of another", async () => {
      const { api } = given();
      const owner = makeCaller();
      await api.createProduct(makeCaller(), { name: "another tenant's" });
      const made = new Set<string>();
      for (let i = 0; i < 5; i++) made.add((await api.createProduct(owner, { name: `product ${i}` })).productKey);
      const seen: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await api.listProducts(owner, { pageSize: 2, ...(pageToken === undefined ? {} : { pageToken }) });
        expect(page.products.length).toBeLessThanOrEqual(2);
        seen.push(...page.products.map((product) => product.productKey));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      expect(seen.length).toBe(5);
      expect(new Set(seen)).toEqual(made);
      expect(pointersOf(await errorOf(api.listProducts(owner, { pageSize: 0 })))).toEqual(["/pageSize"]);
      expect(pointersOf(await errorOf(api.listProducts(owner, { pageToken: "AAAA" })))).toEqual(["/pageToken"]);
    });
  });
}

export function describeDevices(given: () => Harness): void {
  describe("devices", () => {
    test("one that was made is found, listed, disabled and enabled", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
      const address = { productKey, deviceName: "dev:1@home" };
      const device = await api.createDevice(owner, address);
      expect(device).toMatchObject({ ...address, status: "enabled", tenantId: owner.tenantId });
      expect(await api.getDevice(owner, address)).toEqual(device);
      expect(await api.getDevice(gateway, address)).toEqual(device);
      expect(await api.listDevices(owner, { productKey })).toEqual({ devices: [device] });
      const disabled = await api.setDeviceStatus(owner, { ...address, status: "disabled" });
      expect(disabled).toEqual({ ...device, status: "disabled" });
      expect(await api.getDevice(owner, address)).toEqual(disabled);
      expect(await api.setDeviceStatus(owner, { ...address, status: "enabled" })).toEqual(device);
      expect(pointersOf(await errorOf(api.setDeviceStatus(owner, { ...address, status: "off" })))).toEqual(["/status"]);
    });

    test.each(["abc", "x".repeat(65), "a b c d", "a/b/c", "dev#1", "døvice", "dev\u0000ice"])(
      "the name %j is refused",
      async (deviceName) => {
        const { api } = given();
        const owner = makeCaller();
        const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
        expect(pointersOf(await errorOf(api.createDevice(owner, { productKey, deviceName })))).toEqual(["/deviceName"]);
        expect(await errorOf(api.getDevice(owner, { productKey, deviceName }))).toMatchObject({ code: "notFound" });
      },
    );

    test("of two made at once under one name, one is refused as existing already", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
      const attempts = Array.from({ length: 8 }, () => api.createDevice(owner, { productKey, deviceName: "race" }));
      const outcomes = await Promise.allSettled(attempts);
      expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      expect(new Set(reasons.map((reason) => reason.code))).toEqual(new Set(["alreadyExists"]));
    });

    test("one made again under its old name is another device, and the old one's credentials are worth nothing", async () => {
      const { api } = given();
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const certificateDer = derOf(certificate.certificatePem);
      const { secret } = await api.createDeviceSecret(owner, { productKey, deviceName });
      const { credentialId } = await api.authenticateCertificate(gateway, { certificateDer });
      await api.deleteDevice(owner, { productKey, deviceName });
      expect(await errorOf(api.getDevice(owner, { productKey, deviceName }))).toMatchObject({ code: "notFound" });
      const again = await api.createDevice(owner, { productKey, deviceName });
      expect(again.deviceId).not.toBe(device.deviceId);
      expect(await api.listCertificates(owner, { productKey, deviceName })).toEqual({ certificates: [] });
      await expectRefused(api.authenticateCertificate(gateway, { certificateDer }));
      await expectRefused(api.authenticateSecret(gateway, sign({ productKey, deviceName }, secret)));
      await expectRefused(api.checkCredential(gateway, { deviceId: device.deviceId, credentialId }));
      await expectRefused(api.checkCredential(gateway, { deviceId: again.deviceId, credentialId }));
    });
  });
}
