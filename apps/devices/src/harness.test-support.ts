import { randomBytes, X509Certificate } from "node:crypto";
import { type DeviceApi, PlatformError } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { createAddressRules, createMetrics, type Metrics, silentLog } from "@mooring/kit";
import { openTestDatabase } from "@mooring/testkit";
import { createFailureBook } from "./failure-book.ts";
import type { DeviceStores, ModelDirectory } from "./ports.ts";
import { createPostgresDeviceStores } from "./postgres/stores.ts";
import { createDeviceService } from "./service.ts";

export interface Harness {
  readonly api: DeviceApi;
  readonly stores: DeviceStores;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly keyEncryptionKey: Buffer;
  /** The service's clock. */
  now(): number;
  /** Moves the service's clock forward for good. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

/** Tenants have names under it. */
export const tenantHost = "iot.test";

/** The one model that exists, for every tenant. */
export const knownModel = { name: "thermostat", version: "1.0.0" };

/** Its versions, and a range. */
const statesOf: Readonly<Record<string, string>> = {
  "1.0.0": "published",
  "^1": "published",
  "0.9.0": "deprecated",
  "0.1.0": "retired",
  "2.0.0": "draft",
};

const models: ModelDirectory = {
  async get(_caller, { name, version }) {
    const state = statesOf[version];
    if (name !== knownModel.name || state === undefined) throw new PlatformError("notFound", "there is no such model");
    return { model: { name, version, contentHash: "", publishedAtMs: 0, state }, document: "{}", imports: [] };
  },
};

/** Hooks of tests are on this machine. */
const anyPort = Array.from({ length: 65_535 }, (_, index) => index + 1);
const hookRules = createAddressRules(["127.0.0.0/8"], anyPort);

/** The service on a database of its own. */
export async function openHarness(): Promise<Harness> {
  const database = await openTestDatabase("devices");
  const stores = createPostgresDeviceStores({ control: database, authentication: database });
  const keyEncryptionKey = randomBytes(32);
  const metrics = createMetrics();
  let shiftMs = 0;
  const clock = { now: () => Date.now() + shiftMs };
  const failures = createFailureBook({ store: stores.failures, clock, log: silentLog });
  return {
    api: createDeviceService({ stores, models, keyEncryptionKey, failures, tenantHost, rules: hookRules, clock, log: silentLog, metrics }),
    stores,
    database,
    metrics,
    keyEncryptionKey,
    now: clock.now,
    advance: (ms) => {
      shiftMs += ms;
    },
    stop: database.stop,
  };
}

export const derOf = (pem: string): Buffer => new X509Certificate(pem).raw;
