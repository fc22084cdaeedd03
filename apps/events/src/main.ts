import { clusterSettings, openRedisCluster } from "@mooring/cluster";
import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, systemClock } from "@mooring/kit";
import { keyEncryptionSettings, readKeyEncryptionKey } from "@mooring/pki";
import { openJobs } from "@mooring/queue";
import { addressSettings, createInternalClients, loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
import { createLazyCluster, eventSettings, startEvents } from "./index.ts";

const { accessAddress, devicesAddress } = addressSettings;
const table = {
  ...processSettings,
  ...databaseSettings,
  ...clusterSettings,
  ...rpcSettings,
  ...eventSettings,
  ...keyEncryptionSettings,
  accessAddress,
  devicesAddress,
};

await runService("events", table, async (life, settings, log) => {
  const tls = loadInternalTls(settings.internalTlsDir, "events");
  const keyEncryptionKey = readKeyEncryptionKey(settings);
  const metrics = createMetrics();
  const open = (plane: string, more: { readonly poolSize?: number; readonly statementTimeoutMs?: number } = {}) => {
    const applicationName = `mooring-events-${plane}`;
    const database = openDatabase({
      ...{ connectionString: settings.databaseUrl, poolSize: settings.databasePool, applicationName, log },
      ...more,
    });
    life.add(`database (${plane})`, { stop: () => database.close() });
    return database;
  };
  const data = open("data");
  const control = open("control");
  const connect = createInternalClients(life, tls);
  const devices = connect("devices", settings.devicesAddress);
  const access = connect("access", settings.accessAddress);
  const { redisUrl: url } = settings;
  const cluster = life.add(
    "redis",
    createLazyCluster(() => openRedisCluster({ url, log })),
  );
  const { service, startDelivery } = startEvents(life, {
    ...{ data, control, open, devices, access, cluster, keyEncryptionKey, settings, clock: systemClock, log, metrics },
    openJobs: () => openJobs({ backend: { kind: "redis", url }, log }),
  });
  const checks = { database: () => data.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { events: service }, checks, metrics, log });
  startDelivery();
});
