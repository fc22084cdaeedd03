import { readFileSync } from "node:fs";
import { type Device, type DeviceRef, PlatformError, type Product } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { openTestDatabase, overWire } from "@mooring/testkit";
import { createModelDirectory } from "@mooring/thing-model";
import { afterAll } from "vitest";
import type { ShadowWorld } from "./conformance/world.ts";
import { describeShadowApi } from "./conformance.ts";
import { createPostgresShadowHistory, createPostgresShadowStore, createShadowService, startShadowFollower } from "./index.ts";
import { createPostgresReportOutbox } from "./postgres/report-outbox.ts";
import { ReportRelay } from "./report-relay.ts";
import { MemoryLog, NotingGateways } from "./world.test-support.ts";

const database = await openTestDatabase("shadow");
const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  await database.stop();
});

const thermostat = readFileSync(new URL("../../../examples/thermostat.sdf.json", import.meta.url), "utf8");

// One log and one follower for all worlds, as the cursor in the database is one.
const memoryLog = new MemoryLog();
const { pool } = database;
const store = createPostgresShadowStore({ pool, clock: systemClock, documentBytesMax: 65_536 });
const history = createPostgresShadowHistory(pool);
const relay = new ReportRelay({ outbox: createPostgresReportOutbox(pool), events: memoryLog, log: silentLog });
const relaying = relay.start();
stops.push(() => relaying.stop());
const models = createModelDirectory({
  devices: {
    getProduct: async () => ({ productKey: "thermo1", validation: "enforce", thingModel: { name: "t", version: "1.0.0" } }) as Product,
  },
  thingModels: {
    get: async () => ({
      model: { name: "t", version: "1.0.0", contentHash: "", publishedAtMs: 0, state: "published" },
      document: thermostat,
      imports: [],
    }),
  },
  service: "shadow",
});

/** The service on a real database; who exists and who is connected is said by the test. */
async function createWorld(): Promise<ShadowWorld> {
  const known = new Map<string, Device>();
  const gateways = new NotingGateways();
  const devices = {
    async getDevice(caller: { tenantId: string }, address: { productKey: string; deviceName: string }) {
      const device = known.get(`${address.productKey}/${address.deviceName}`);
      if (device === undefined || device.tenantId !== caller.tenantId) throw new PlatformError("notFound", "there is no such device");
      return device;
    },
  };
  const api = createShadowService({ store, history, devices, models, gateways, relay, clock: systemClock, log: silentLog });
  const follower = startShadowFollower({ events: memoryLog, store, applied: api.applied, log: silentLog });
  stops.push(() => follower.stop());
  return {
    api,
    gateways,
    log: memoryLog,
    addDevice: (device: DeviceRef) =>
      void known.set(`${device.productKey}/${device.deviceName}`, { ...device, status: "enabled", tags: {}, createdAtMs: 0 }),
    report: (device, values) => memoryLog.report(device, values),
  };
}

describeShadowApi("the service", createWorld);
describeShadowApi("its client over gRPC", async () => {
  const world = await createWorld();
  const wire = await overWire("shadow", world.api);
  stops.push(wire.stop);
  return { ...world, api: wire.api };
});
