import {
  asTenantId,
  type Caller,
  type DeviceApi,
  modelRangePattern,
  PlatformError,
  type Product,
  serviceCaller,
  type ThingModelApi,
  type ValidationMode,
} from "@mooring/contracts";
import { checkModel } from "./compile.ts";
import type { CompiledModel } from "./model.ts";

/** A product with what its devices may say. */
export interface ProductModel {
  readonly product: Product;
  readonly validation: ValidationMode;
  /** Absent when the product has no thing model: then nothing is checked. */
  readonly model: CompiledModel | undefined;
}

export interface ModelDirectory {
  /** The product as it is now. Throws `notFound` for a product the caller may not see, `unavailable` while a service is out of reach. */
  forProduct(caller: Caller, productKey: string): Promise<ProductModel>;
  /** A version of the model came or changed its state: what its ranges stand for is asked about again at once. */
  forget(tenantId: string, name: string): void;
}

export interface ModelDirectoryDeps {
  readonly devices: Pick<DeviceApi, "getProduct">;
  readonly thingModels: Pick<ThingModelApi, "get">;
  /** Who asks for models, for the log of the other side. */
  readonly service: string;
}

/** About 60 KB a model: 1,000 of them stay below 100 MB. */
const compiledMax = 1_000;
/** Of all that are kept, as JSON; see CompiledModel.size. The one used last is kept whatever its size. */
const charactersMax = 16_000_000;

/** A range is asked about again after this long. */
const rangeTrustMs = 1_000;

/** Finds the compiled model of a product. A published version never changes, so compiled ones are kept; the product is looked up each time. */
export function createModelDirectory(deps: ModelDirectoryDeps): ModelDirectory {
  const self = serviceCaller(deps.service);
  const compiled = new Map<string, Promise<CompiledModel>>();
  /** Of those of `compiled` that are here. */
  const sizes = new Map<string, number>();
  let characters = 0;
  /** For pins that are ranges: when it was last asked which version that is. */
  const resolvedAt = new Map<string, number>();

  async function load(tenantId: string, name: string, version: string): Promise<CompiledModel> {
    const found = await deps.thingModels.get(self, { tenantId: asTenantId(tenantId), name, version });
    // What a range stands for now may be here already; a version never changes.
    const known = found.model.version === version ? undefined : compiled.get(`${tenantId}/${name}@${found.model.version}`);
    if (known !== undefined) return known;
    const { model } = checkModel(found.document, found.imports, { isPublished: true });
    if (model === undefined) throw new PlatformError("internal", `the published thing model ${name} ${version} does not compile`);
    return model;
  }

  function find(tenantId: string, name: string, version: string): Promise<CompiledModel> {
    const key = `${tenantId}/${name}@${version}`;
    let model = modelRangePattern.test(version) && isOld(key) ? undefined : compiled.get(key);
    if (model === undefined) {
      if (modelRangePattern.test(version)) resolvedAt.set(key, performance.now());
      model = load(tenantId, name, version);
      // A failure must be tried again by the next one who asks, not kept.
      model.then(
        ({ size }) => weigh(key, size),
        () => drop(key),
      );
    }
    compiled.delete(key);
    compiled.set(key, model); // the last in the map is the one used last
    makeRoom();
    return model;
  }

  function weigh(key: string, size: number): void {
    if (!compiled.has(key)) return;
    characters += size - (sizes.get(key) ?? 0);
    sizes.set(key, size);
    makeRoom();
  }

  function makeRoom(): void {
    for (const oldest of compiled.keys()) {
      if (compiled.size === 1 || (compiled.size <= compiledMax && characters <= charactersMax)) return;
      drop(oldest);
      resolvedAt.delete(oldest);
    }
  }

  function drop(key: string): void {
    compiled.delete(key);
    characters -= sizes.get(key) ?? 0;
    sizes.delete(key);
  }

  function isOld(key: string): boolean {
    return performance.now() - (resolvedAt.get(key) ?? Number.NEGATIVE_INFINITY) > rangeTrustMs;
  }

  return {
    forget(tenantId, name) {
      for (const key of resolvedAt.keys()) if (key.startsWith(`${tenantId}/${name}@`)) resolvedAt.delete(key);
    },

    async forProduct(caller, productKey) {
      const product = await deps.devices.getProduct(caller, { productKey });
      const pin = product.thingModel;
      const model = pin === undefined ? undefined : await find(product.tenantId, pin.name, pin.version);
      return { product, validation: product.validation as ValidationMode, model };
    },
  };
}
