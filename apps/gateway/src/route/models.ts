// Hot where it is asked, clear where it loads: what a product's devices may say.
//
//   find(productKey) --- known ---> ProductModel
//        \--- not known: wait(productKey, message) ---> load ---> onModel / onModelFailure of each waiting message, in order
//
// Every uplink of a product passes here, also what is not validated: so nothing overtakes a message that waits for the model, and one
// device's messages stay in order.
import { modelRangePattern, PlatformError, serviceCaller, toPlatformError } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import type { CompiledModel, ModelDirectory } from "@mooring/thing-model";

export interface ProductModel {
  /** `enforce`, `flag` or `off`; `off` for a product without a model. */
  readonly validation: string;
  readonly compiled: CompiledModel | undefined;
  /** A message is acknowledged once the shadow holds it, not once it is in the log. */
  readonly waitsForShadow: boolean;
  /** The `id` of a report is the message's own: the log stores it once. */
  readonly deduplicatesIds: boolean;
  /** The open delta is sent to whoever subscribes to deltas. */
  readonly pushesDelta: boolean;
}

/** A message that waits for its product's model. Told once. */
export interface ModelWaiter {
  /** Of the payload it keeps. */
  readonly bytes: number;
  onModel(model: ProductModel): void;
  onModelFailure(error: PlatformError): void;
}

export interface ModelsDeps {
  readonly directory: ModelDirectory;
  readonly log: Log;
}

/** Messages that may wait, over all products, and what they may keep: a model loads within a second or not at all. */
const waitersMax = 10_000;
const waitingBytesMax = 16 * 1024 * 1024;
/** Products a node keeps; the one loaded first goes first, and costs a load when it is needed again. */
const productsMax = 10_000;
/** After a failure nobody asks again for this long: what comes meanwhile fails at once. */
const retryAfterMs = 250;

/** A thing model, whatever version of it. */
export interface ModelName {
  readonly tenantId: string;
  readonly name: string;
}

interface Fetched {
  readonly model: ProductModel;
  /** The model of which the product takes a range of versions. */
  readonly range: ModelName | undefined;
}

interface Loading {
  readonly waiters: ModelWaiter[];
  /** A change arrived while this was loading: what is loaded may be from before it. */
  stale: boolean;
}

export class Models {
  readonly #deps: ModelsDeps;
  readonly #ready = new Map<string, ProductModel>();
  /** Of the products there that take a range of versions: which model's. */
  readonly #ranges = new Map<string, ModelName>();
  readonly #loading = new Map<string, Loading>();
  #waiters = 0;
  #waitingBytes = 0;
  readonly #failed = new Map<string, { readonly error: PlatformError; readonly atMs: number }>();

  constructor(deps: ModelsDeps) {
    this.#deps = deps;
  }

  /** The model, if it is here; otherwise the message is to `wait`. */
  find(productKey: string): ProductModel | undefined {
    return this.#ready.get(productKey);
  }

  /** Loads the model, once for all who wait, and tells the waiter. A waiter keeps a copy of its payload. */
  wait(productKey: string, waiter: ModelWaiter): void {
    const failed = this.#failed.get(productKey);
    if (failed !== undefined && performance.now() - failed.atMs < retryAfterMs) return waiter.onModelFailure(failed.error);
    let loading = this.#loading.get(productKey);
    if (loading === undefined) {
      loading = { waiters: [], stale: false };
      this.#loading.set(productKey, loading);
      void this.#load(productKey, loading);
    }
    if (this.#waiters >= waitersMax || this.#waitingBytes + waiter.bytes > waitingBytesMax) {
      return waiter.onModelFailure(new PlatformError("unavailable", "too many messages wait for the models of their products"));
    }
    loading.waiters.push(waiter);
    this.#waiters++;
    this.#waitingBytes += waiter.bytes;
  }

  /** The model, loaded if need be. Rejects with `unavailable`. */
  get(productKey: string): Promise<ProductModel> {
    const ready = this.#ready.get(productKey);
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve, reject) => this.wait(productKey, { bytes: 0, onModel: resolve, onModelFailure: reject }));
  }

  /** The product changed: its next message loads it anew. Without a key, every product may have. */
  invalidate(productKey?: string): void {
    if (productKey === undefined) {
      this.#ready.clear();
      this.#ranges.clear();
      for (const loading of this.#loading.values()) loading.stale = true;
      return;
    }
    this.#ready.delete(productKey);
    this.#ranges.delete(productKey);
    const loading = this.#loading.get(productKey);
    if (loading !== undefined) loading.stale = true;
  }

  /**
   * A version of the model came or changed its state: products that take a range of it get what that stands for now. Messages go on with
   * what is there until the new one is, in one step; nothing waits and nothing is refused.
   */
  async refresh({ tenantId, name }: ModelName): Promise<void> {
    const concerned = [...this.#ranges].filter(([, range]) => range.name === name && range.tenantId === tenantId);
    if (concerned.length === 0) return;
    this.#deps.directory.forget(tenantId, name);
    for (const [productKey, range] of concerned) {
      try {
        const fetched = await this.#fetch(productKey);
        // Meanwhile it may have been invalidated, or loaded anew: then what is there is newer than this.
        if (this.#ranges.get(productKey) === range) this.#keep(productKey, fetched);
      } catch (error) {
        this.#deps.log.warn({ err: error, productKey }, "a product's model could not be loaded anew; its next message will");
        if (this.#ranges.get(productKey) === range) this.invalidate(productKey);
      }
    }
  }

  async #load(productKey: string, loading: Loading): Promise<void> {
    let fetched: Fetched;
    try {
      do {
        loading.stale = false;
        fetched = await this.#fetch(productKey);
      } while (loading.stale);
    } catch (thrown) {
      const cause = toPlatformError(thrown);
      this.#deps.log.warn({ err: cause, productKey }, "a product's model could not be loaded");
      // Whatever the cause, nothing is wrong with the message: it is not acknowledged and may be sent again.
      const error = new PlatformError("unavailable", "the product's model cannot be loaded now", { cause });
      this.#loading.delete(productKey);
      if (this.#failed.size >= productsMax) this.#failed.clear();
      this.#failed.set(productKey, { error, atMs: performance.now() });
      for (let i = 0; i < loading.waiters.length; i++) this.#take(loading, i)?.onModelFailure(error);
      return;
    }
    this.#failed.delete(productKey);
    // What arrives while the waiting ones are told joins them at the end, so the model is not found before all were told.
    for (let i = 0; i < loading.waiters.length; i++) this.#take(loading, i)?.onModel(fetched.model);
    this.#loading.delete(productKey);
    this.#keep(productKey, fetched);
  }

  #take(loading: Loading, index: number): ModelWaiter | undefined {
    const waiter = loading.waiters[index];
    this.#waiters--;
    this.#waitingBytes -= waiter?.bytes ?? 0;
    return waiter;
  }

  #keep(productKey: string, { model, range }: Fetched): void {
    const isFull = this.#ready.size >= productsMax && !this.#ready.has(productKey);
    const oldest = isFull ? this.#ready.keys().next().value : undefined;
    if (oldest !== undefined) {
      this.#ready.delete(oldest);
      this.#ranges.delete(oldest);
    }
    this.#ready.set(productKey, model);
    if (range === undefined) this.#ranges.delete(productKey);
    else this.#ranges.set(productKey, range);
  }

  async #fetch(productKey: string): Promise<Fetched> {
    const { product, validation, model } = await this.#deps.directory.forProduct(serviceCaller("gateway"), productKey);
    const isChecked = validation !== "off" && model !== undefined;
    const pin = product.thingModel;
    const range = pin !== undefined && modelRangePattern.test(pin.version) ? { tenantId: product.tenantId, name: pin.name } : undefined;
    const found: ProductModel = {
      validation: isChecked ? validation : "off",
      compiled: isChecked ? model : undefined,
      waitsForShadow: product.acknowledgement === "processed",
      deduplicatesIds: product.deduplicateIds === true,
      pushesDelta: product.pushDelta === true,
    };
    return { model: found, range };
  }
}
