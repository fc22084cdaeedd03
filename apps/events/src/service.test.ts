import { randomBytes, randomUUID } from "node:crypto";
import { createMemoryCluster } from "@mooring/cluster";
import {
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Device,
  type DeviceRef,
  defaultSecrecy,
  PlatformError,
  type Product,
} from "@mooring/contracts";
import { createMetrics, silentLog, systemClock } from "@mooring/kit";
import { createSealer, sealKeyBytes } from "@mooring/pki";
import { openTestDatabase, overWire, until } from "@mooring/testkit";
import { afterAll, test } from "vitest";
import { describeEventApi, type EventWorld } from "./conformance.ts";
import { memoryTags } from "./delivery/tags.test-support.ts";
import {
  createEventService,
  createPostgresConnectionStore,
  createPostgresDeadLetterStore,
  createPostgresHistoryDays,
  createPostgresHistoryStore,
  createPostgresRefusalStore,
  createPostgresSubscriptionStore,
  createPostgresTraceStore,
  startConnections,
  startHistory,
  startLog,
} from "./index.ts";

const database = await openTestDatabase("events");
const devices = new Map<string, DeviceRef>();
const tags = memoryTags();
const options = { acknowledgement: "persisted", historyDays: 90, deduplicateIds: false, pushDelta: true };
const { eventLog, consumers, pace, ...upkeep } = startLog({
  data: database.pool,
  control: database.pool,
  settings: { logRetentionHours: 168, logBytesMax: 0, logDeduplicationMinutes: 60, logBehindMax: 1 },
  log: silentLog,
  metrics: createMetrics(),
});
const history = createPostgresHistoryStore(database.pool);
const connections = createPostgresConnectionStore(database.pool);
const service = createEventService({
  log: eventLog,
  consumers,
  pace,
  history,
  connections,
  records: createPostgresTraceStore(database.pool),
  refusals: createPostgresRefusalStore(database.pool),
  subscriptions: createPostgresSubscriptionStore(database.pool),
  deadLetters: createPostgresDeadLetterStore(database.pool),
  seal: createSealer([randomBytes(sealKeyBytes)]),
  logger: silentLog,
  devices: {
    ...tags.directory,
    async getDevice(caller, address) {
      const device = devices.get(`${caller.tenantId}/${address.productKey}/${address.deviceName}`);
      if (device === undefined) throw new PlatformError("notFound", "there is no such device");
      return { ...device, status: "enabled", createdAtMs: 0, tags: {} } satisfies Device;
    },
    async getProduct({ tenantId }, { productKey }) {
      if (![...devices.keys()].some((key) => key.startsWith(`${tenantId}/${productKey}/`)))
        throw new PlatformError("notFound", "there is no such product");
      const names = { tenantId, productKey, name: "Thermostat", validation: "off", ...defaultSecrecy };
      return { ...names, ...options, createdAtMs: 0 } satisfies Product;
    },
  },
});
const following = startHistory({
  history,
  days: createPostgresHistoryDays(database.pool),
  devices: { listProductOptions: async () => ({ products: [{ productKey: "pk11", ...options }] }) },
  appended: service.appended,
  pace,
  metrics: createMetrics(),
  log: silentLog,
});
const cluster = createMemoryCluster({ log: silentLog });
const connecting = startConnections({
  connections,
  cluster,
  service,
  consumers,
  clock: systemClock,
  log: silentLog,
  metrics: createMetrics(),
});
const delivering = service.delivery.start();
const wire = await overWire("events", service);
afterAll(async () => {
  await wire.stop();
  await delivering.stop();
  await following.stop();
  await connecting.stop();
  await upkeep.stop();
  await database.stop();
});

const world = {
  setTags: tags.set,
  addDevice: (device: DeviceRef) => void devices.set(`${device.tenantId}/${device.productKey}/${device.deviceName}`, device),
  removeDevice: (device: DeviceRef) => void devices.delete(`${device.tenantId}/${device.productKey}/${device.deviceName}`),
  async historyCaughtUp() {
    const end = await eventLog.end();
    await until("the history to catch up", async () => {
      const { rows } = await database.pool.query<{ offset: string }>(
        "SELECT \"offset\" FROM history_cursors WHERE name = 'property-history'",
      );
      return Number(rows[0]?.offset) >= end;
    });
  },
  async connectionsCaughtUp() {
    const end = await eventLog.end();
    await until("the connections to catch up", async () => (await connections.position()) >= end);
  },
};

describeEventApi("the service", async (): Promise<EventWorld> => ({ ...world, api: service }));
describeEventApi("its client over gRPC", async (): Promise<EventWorld> => ({ ...world, api: wire.api }));

test("groups of records wait while the history moves and is behind", async () => {
  const device = { tenantId: asTenantId(randomUUID()), deviceId: asDeviceId(randomUUID()), productKey: asProductKey("pk11") };
  const store = () =>
    service.commits.append({ failed: false }, [
      {
        messageId: randomUUID(),
        device: { ...device, deviceName: asDeviceName("dev1") },
        kind: "message",
        receivedAtMs: Date.now(),
        body: "{}",
      },
    ]);
  await until("a group to wait", async () => {
    for (let i = 0; i < 5; i++) await store();
    return service.commits.pacedMs > 0;
  });
});
