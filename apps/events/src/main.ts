import { clusterSettings, openRedisCluster } from "@mooring/cluster";
import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, systemClock } from "@mooring/kit";
import { keyEncryptionSettings, readKeyEncryptionKey } from "@mooring/pki";
import { openJobs } from "@mooring/queue";
import { addressSettings, connectGrpc, internalChannelCredentials, loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
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
  const devices = life.add("devices client", connectGrpc("devices", settings.devicesAddress, internalChannelCredentials(tls, "devices")));
  const access = life.add("access client", connectGrpc("access", settings.accessAddress, internalChannelCredentials(tls, "access")));
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
