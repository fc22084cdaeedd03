import { randomBytes, randomUUID } from "node:crypto";
import { clusterSettings, createDeviceGateways, openRedisCluster } from "@mooring/cluster";
import { createMessageIds } from "@mooring/contracts";
import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, steadyClock, systemClock } from "@mooring/kit";
import { openJobs } from "@mooring/queue";
import {
  addressSettings,
  advertiseSettings,
  createInternalClients,
  createNodeClients,
  internalChannelCredentials,
  loadInternalTls,
  rpcSettings,
  serveInternally,
} from "@mooring/rpc";
import { createModelDirectory } from "@mooring/thing-model";
import { createPostgresCallStore, createRrpcService, publishRrpcMetrics, startCallSweeper } from "./index.ts";

const { devicesAddress, thingModelAddress } = addressSettings;
const stores = { ...databaseSettings, ...clusterSettings };
const table = { ...processSettings, ...stores, ...rpcSettings, ...advertiseSettings, devicesAddress, thingModelAddress };

await runService("rrpc", table, async (life, settings, log) => {
  const tls = loadInternalTls(settings.internalTlsDir, "rrpc");
  const connect = createInternalClients(life, tls);
  const database = openDatabase({
    connectionString: settings.databaseUrl,
    poolSize: settings.databasePool,
    applicationName: "mooring-rrpc",
    log,
  });
  life.add("database", { stop: () => database.close() });
  const cluster = await openRedisCluster({ url: settings.redisUrl, log });
  life.add("redis", { stop: () => cluster.close() });
  const node = { nodeId: `rrpc-${randomUUID()}`, kind: "rrpc", address: settings.grpcAdvertise } as const;
  const registration = life.add("node", await cluster.nodes.register(node));
  const gatewayNodes = life.add("gateway clients", createNodeClients("gateway", internalChannelCredentials(tls, "gateway")));
  const devices = connect("devices", settings.devicesAddress);
  const calls = createPostgresCallStore(database.prisma);
  const metrics = createMetrics();
  const service = createRrpcService({
    devices,
    models: createModelDirectory({ devices, thingModels: connect("thing-model", settings.thingModelAddress), service: "rrpc" }),
    gateways: createDeviceGateways({ presence: cluster.presence, nodes: cluster.nodes, connect: gatewayNodes.at }),
    calls,
    nextMessageId: createMessageIds(() => registration.number, randomBytes(8).readBigUInt64BE()),
    clock: systemClock,
  });
  publishRrpcMetrics(metrics, service);
  const jobs = await openJobs({ backend: { kind: "redis", url: settings.redisUrl }, log });
  life.add("jobs", { stop: () => jobs.close() });
  await startCallSweeper({ jobs, calls, clock: steadyClock, log });
  const checks = { database: () => database.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { rrpc: service }, checks, metrics, log });
});
