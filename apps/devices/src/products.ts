import { randomInt } from "node:crypto";
import {
  assertMay,
  type Caller,
  type CreateProduct,
  type DeviceApi,
  defaultSecrecy,
  invalidField,
  PlatformError,
  type Product,
  type ProductOptions,
  type ThingModelPin,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { cutPage, noProduct, parsePage, parseProductFields, parseProductKey, scopeOf, tenantOf } from "./input.ts";
import type { ModelDirectory, ProductStore } from "./ports.ts";

export type ProductOperations = Pick<DeviceApi, "createProduct" | "getProduct" | "listProducts" | "updateProduct" | "listProductOptions">;

export interface ProductDeps {
  readonly products: ProductStore;
  readonly models: ModelDirectory;
  readonly clock: Clock;
}

/** Per tenant. Gateways cache products and their compiled models, so their number is bounded. */
export const productsMax = 10_000;

export function createProductOperations({ products, models, clock }: ProductDeps): ProductOperations {
  return {
    async createProduct(caller, request) {
      assertMay(caller, "devices.createProduct");
      const product = parseNewProduct(caller, request, clock.now());
      if (product.thingModel !== undefined) await assertModel(models, caller, product.thingModel);
      if ((await products.count(product.tenantId)) >= productsMax) {
        throw new PlatformError("quotaExceeded", `a tenant has at most ${productsMax} products`);
      }
      if ((await products.insert(product)) === "taken") {
        throw new PlatformError("alreadyExists", `the product key ${product.productKey} is taken`);
      }
      return product;
    },

    async getProduct(caller, request) {
      assertMay(caller, "devices.getProduct");
      const product = await products.find(scopeOf(caller), parseProductKey(request.productKey));
      if (product === undefined) throw noProduct();
      return product;
    },

    async listProducts(caller, request) {
      assertMay(caller, "devices.listProducts");
      const cut = parsePage(request);
      const { items, ...next } = cutPage(await products.list({ tenantId: tenantOf(caller) }, cut), cut, (product) => product.productKey);
      return { products: items, ...next };
    },

    async updateProduct(caller, request) {
      assertMay(caller, "devices.updateProduct");
      const tenantId = tenantOf(caller);
      const productKey = parseProductKey(request.productKey);
      if ((await products.find({ tenantId }, productKey)) === undefined) throw noProduct();
      const patch = parseProductFields(request);
      if (patch.thingModel !== undefined) await assertModel(models, caller, patch.thingModel);
      const product = await products.update(tenantId, productKey, patch);
      if (product === undefined) throw noProduct();
      return product;
    },

    async listProductOptions(caller, request) {
      assertMay(caller, "devices.listProductOptions");
      const cut = parsePage(request);
      const { items, ...next } = cutPage(await products.list("anyTenant", cut), cut, (product) => product.productKey);
      return { products: items.map(toOptions), ...next };
    },
  };
}

/** What a product has where nothing else was said. */
const defaultOptions: Required<ProductOptions> = { acknowledgement: "persisted", historyDays: 90, deduplicateIds: false, pushDelta: false };

function toOptions({ productKey, acknowledgement, historyDays, deduplicateIds, pushDelta }: Product) {
  return { productKey, acknowledgement, historyDays, deduplicateIds, pushDelta };
}

function parseNewProduct(caller: Caller, request: CreateProduct, createdAtMs: number): Product {
  const productKey = request.productKey ?? createProductKey();
  // A name that is missing is as wrong as an empty one.
  const { name = "", ...rest } = parseProductFields({ ...request, name: request.name ?? "" });
  const defaults = { ...defaultOptions, ...defaultSecrecy, validation: "enforce" };
  return { tenantId: tenantOf(caller), productKey, name, ...defaults, createdAtMs, ...rest };
}

async function assertModel(models: ModelDirectory, caller: Caller, pin: ThingModelPin): Promise<void> {
  try {
    const { model } = await models.get(caller, pin);
    if (model.state !== "draft" && model.state !== "retired") return;
    throw invalidField(
      "/thingModel",
      `${model.name} ${model.version} is ${model.state === "draft" ? "a draft" : "retired"}, and no product may take it`,
    );
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== "notFound") throw error;
    throw invalidField("/thingModel", `there is no thing model ${JSON.stringify(pin.name)} version ${JSON.stringify(pin.version)}`);
  }
}

const keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** `a1` and nine characters, the form firmware for other clouds expects: 62^9 keys, so two products hardly ever draw the same. */
function createProductKey(): string {
  let key = "a1";
  for (let i = 0; i < 9; i++) key += keyAlphabet[randomInt(keyAlphabet.length)];
  return key;
}
