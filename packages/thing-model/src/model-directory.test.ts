import { asTenantId, type Caller, type Product } from "@mooring/contracts";
import { expect, test, vi } from "vitest";
import { createModelDirectory } from "./model-directory.ts";

const caller: Caller = { tenantId: asTenantId("t"), principal: "key:1", role: "operator" };
const lamp = JSON.stringify({ sdfObject: { Lamp: { sdfProperty: { On: { type: "boolean" } } } } });

function setUp(document = lamp) {
  const asked: string[] = [];
  let outage = false;
  let product = { tenantId: "t", productKey: "lamp1", validation: "enforce", thingModel: { name: "lamp", version: "1.0.0" } } as Product;
  const directory = createModelDirectory({
    devices: { getProduct: async () => product },
    thingModels: {
      async get(_caller, { name, version, tenantId }) {
        asked.push(`${tenantId}/${name}@${version}`);
        if (outage) throw new Error("out of reach");
        const newest = version.startsWith("^") ? "1.4.0" : version;
        return { model: { name, version: newest, contentHash: "", publishedAtMs: 0, state: "published" }, document, imports: [] };
      },
    },
    service: "test",
  });
  return {
    directory,
    asked,
    setOutage(value: boolean) {
      outage = value;
    },
    setProduct(changes: Partial<Product>) {
      product = { ...product, ...changes };
    },
  };
}

test("a version is loaded once, also when many ask at the same time; the product is looked up each time", async () => {
  const { directory, asked, setProduct } = setUp();
  const found = await Promise.all([1, 2, 3].map(() => directory.forProduct(caller, "lamp1")));
  expect(found[0]?.model?.validateProperties({ On: 1 })).toHaveLength(1);
  setProduct({ validation: "off", thingModel: { name: "lamp", version: "2.0.0" } });
  expect(await directory.forProduct(caller, "lamp1")).toMatchObject({ validation: "off" });
  expect(asked).toEqual(["t/lamp@1.0.0", "t/lamp@2.0.0"]);
});

test("a failure is not kept: the next one who asks tries again", async () => {
  const { directory, setOutage } = setUp();
  setOutage(true);
  await expect(directory.forProduct(caller, "lamp1")).rejects.toThrow("out of reach");
  setOutage(false);
  expect((await directory.forProduct(caller, "lamp1")).model).toBeDefined();
});

test("a product without a thing model has none to check against", async () => {
  const { directory, setProduct, asked } = setUp();
  setProduct({ thingModel: undefined as never });
  expect((await directory.forProduct(caller, "lamp1")).model).toBeUndefined();
  expect(asked).toEqual([]);
});

test("a range is asked about again after a second, or at once when told, and what it stands for is compiled once", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const { directory, asked, setProduct } = setUp();
    setProduct({ thingModel: { name: "lamp", version: "1.4.0" } });
    const { model } = await directory.forProduct(caller, "lamp1");
    setProduct({ thingModel: { name: "lamp", version: "^1" } });
    for (let round = 0; round < 3; round += 1) expect((await directory.forProduct(caller, "lamp1")).model).toBe(model);
    expect(asked).toEqual(["t/lamp@1.4.0", "t/lamp@^1"]);
    vi.advanceTimersByTime(1_001);
    expect((await directory.forProduct(caller, "lamp1")).model).toBe(model);
    expect(asked).toEqual(["t/lamp@1.4.0", "t/lamp@^1", "t/lamp@^1"]);
    directory.forget("t", "lamp");
    directory.forget("t", "lam");
    for (let round = 0; round < 3; round += 1) await directory.forProduct(caller, "lamp1");
    expect(asked).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});

test("models that are large once their references are written out make room for each other", async () => {
  const words = Array.from({ length: 5_000 }, (_, index) => `word-${index}`);
  const properties = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`p${index}`, { sdfRef: "#/sdfData/word" }]));
  const large = JSON.stringify({ sdfData: { word: { type: "string", enum: words } }, sdfObject: { Large: { sdfProperty: properties } } });
  const { directory, asked, setProduct } = setUp(large);
  const versions = Array.from({ length: 8 }, (_, index) => `${index + 1}.0.0`);
  const ask = async (version: string) => {
    setProduct({ thingModel: { name: "lamp", version } });
    return (await directory.forProduct(caller, "lamp1")).model?.size ?? 0;
  };
  const size = await ask("1.0.0");
  // Were they few enough to be kept all, nothing would be proved.
  expect(size * versions.length).toBeGreaterThan(16_000_000);
  for (const version of versions) await ask(version);
  expect(asked).toHaveLength(8);
  // The last ones are here, the first one is not.
  await ask("8.0.0");
  expect(asked).toHaveLength(8);
  await ask("1.0.0");
  expect(asked).toHaveLength(9);
});
