import { fileURLToPath } from "node:url";
import { bootstrapTenant, writeFirstKey } from "@mooring/app-access";
import { startAdminApi } from "@mooring/app-admin-api";
import { createMemoryCluster } from "@mooring/cluster";
import type { GatewayApi } from "@mooring/contracts";
import { migrate, openDatabase, startEmbeddedPostgres } from "@mooring/db";
import { createMetrics, runService, startOpsServer, steadyClock, systemClock } from "@mooring/kit";
import { openJobs } from "@mooring/queue";
import { banner } from "./banner.ts";
import { allInOneSettings } from "./config.ts";
import { openDataDir, takeFirstKey } from "./data-dir.ts";
import { startDeviceDoors } from "./doors.ts";
import { loadPlatformIdentity } from "./identity.ts";
import { startServices } from "./services.ts";

const migrations = fileURLToPath(new URL("../../../prisma/migrations", import.meta.url));
const startedAtMs = Date.now();

await runService("mooring", allInOneSettings, async (life, settings, log) => {
  const dir = openDataDir(settings.dataDir);
  const identity = await loadPlatformIdentity(dir, settings.serverNames, systemClock);
  const postgres = life.add("postgres", await startEmbeddedPostgres({ dataDir: dir.postgres, port: settings.postgresPort, log }));
  void postgres.exited.then(() => life.fail("the embedded Postgres has ended"));
  const { connectionString } = postgres;
  await migrate({ connectionString, directory: migrations, log });
  const open = (plane: string, more: { readonly poolSize?: number; readonly statementTimeoutMs?: number } = {}) => {
    const options = { connectionString, poolSize: settings.databasePool, applicationName: `mooring-${plane}`, log, ...more };
    const database = openDatabase(options);
    life.add(`database (${plane})`, { stop: () => database.close() });
    return database;
  };
  const data = open("data");
  const control = open("control");
  const cluster = createMemoryCluster({ log });
  life.add("cluster", { stop: () => cluster.close() });
  const openMoreJobs = () => openJobs({ backend: { kind: "postgres", connectionString }, log });
  const jobs = await openMoreJobs();
  life.add("jobs", { stop: () => jobs.close() });

  const metrics = createMetrics();
  let gatewayApi: GatewayApi | undefined;
  const gateway = (): GatewayApi => {
    if (gatewayApi === undefined) throw new Error("the gateway has not started yet");
    return gatewayApi;
  };
  const { keyEncryptionKey } = identity;
  const planes = { data, control, open };
  const parts = { cluster, jobs, openJobs: openMoreJobs, gateway, keyEncryptionKey };
  const services = await startServices(life, { ...planes, ...parts, settings, log, metrics });
  const keepKey = (key: string) => writeFirstKey(dir.firstKeyFile, key);
  await bootstrapTenant({ store: services.accessStore, clock: systemClock, keepKey }, { name: settings.tenantName });

  const doors = await startDeviceDoors(life, { services, cluster, gateway, identity, settings, log, metrics });
  gatewayApi = doors.api;
  life.add("renewal of the server certificate", identity.startRenewal(log));
  const { restListen, publicGrpcListen: grpcListen, amqpListen, restTls } = settings;
  const admin = await startAdminApi(
    { ...services, log, metrics, clock: steadyClock },
    { restListen, grpcListen, amqpListen, restTls, tls: identity.tls, readTls: identity.read },
  );
  life.add("admin-api", admin);
  if (settings.opsListen !== undefined) {
    const checks = { database: async () => void (await data.pool.query("SELECT 1")) };
    life.add("ops", await startOpsServer({ listen: settings.opsListen, metrics, checks }));
  }
  const facts = {
    rest: `${restTls ? "https" : "http"}://${admin.restAddress}`,
    grpc: admin.grpcAddress,
    amqp: admin.amqpAddress,
    mqtts: doors.addresses.mqtts,
    mqttPsk: doors.addresses.mqttPsk,
    mqtt: doors.addresses.mqtt,
    mqttWs: doors.addresses.mqttWs,
    mqttWss: doors.addresses.mqttWss,
    mqttDev: doors.addresses.mqttDev,
    mqttDevWs: doors.addresses.mqttDevWs,
    https: doors.addresses.https,
    caFile: identity.caFile,
    dataDir: settings.dataDir,
    startedInMs: Date.now() - startedAtMs,
    apiKey: takeFirstKey(dir.firstKeyFile),
  };
  process.stdout.write(`${banner(facts)}\n`);
});
