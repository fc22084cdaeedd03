import { clusterSettings, createDeviceGateways, openRedisCluster } from "@mooring/cluster";
import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, systemClock } from "@mooring/kit";
import {
  addressSettings,
  createInternalClients,
  createNodeClients,
  internalChannelCredentials,
  loadInternalTls,
  rpcSettings,
  serveInternally,
} from "@mooring/rpc";
import { createModelDirectory } from "@mooring/thing-model";
import { shadowSettings, startShadow } from "./index.ts";

const { devicesAddress, thingModelAddress, eventsAddress } = addressSettings;
const table = {
  ...processSettings,
  ...databaseSettings,
  ...clusterSettings,
  ...rpcSettings,
  ...shadowSettings,
  devicesAddress,
  thingModelAddress,
  eventsAddress,
};

await runService("shadow", table, async (life, settings, log) => {
  const tls = loadInternalTls(settings.internalTlsDir, "shadow");
  const connect = createInternalClients(life, tls);
  const database = openDatabase({
    connectionString: settings.databaseUrl,
    poolSize: settings.databasePool,
    applicationName: "mooring-shadow",
    log,
  });
  life.add("database", { stop: () => database.close() });
  const cluster = await openRedisCluster({ url: settings.redisUrl, log });
  life.add("redis", { stop: () => cluster.close() });
  const gatewayNodes = life.add("gateway clients", createNodeClients("gateway", internalChannelCredentials(tls, "gateway")));
  const gateways = createDeviceGateways({ presence: cluster.presence, nodes: cluster.nodes, connect: gatewayNodes.at });
  const devices = connect("devices", settings.devicesAddress);
  const models = createModelDirectory({ devices, thingModels: connect("thing-model", settings.thingModelAddress), service: "shadow" });
  const { pool } = database;
  const metrics = createMetrics();
  const events = connect("events", settings.eventsAddress);
  const shadow = startShadow(life, { pool, devices, models, gateways, events, settings, clock: systemClock, log, metrics });
  const checks = { database: () => pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { shadow }, checks, metrics, log });
});
