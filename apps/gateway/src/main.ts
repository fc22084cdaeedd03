import { randomUUID } from "node:crypto";
import { clusterSettings, openRedisCluster } from "@mooring/cluster";
import { createMetrics, loadServerTls, processSettings, runService, systemClock } from "@mooring/kit";
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
import { splitSettings } from "./config.ts";
import { createAnswerCall, type Gateway, gatewaySettings, startGateway } from "./index.ts";

const { devicesAddress, thingModelAddress, shadowAddress, eventsAddress, sessionsAddress, accessAddress } = addressSettings;
const addresses = { devicesAddress, thingModelAddress, shadowAddress, eventsAddress, sessionsAddress, accessAddress };
const table = {
  ...processSettings,
  ...clusterSettings,
  ...rpcSettings,
  ...advertiseSettings,
  ...addresses,
  ...gatewaySettings,
  ...splitSettings,
};

await runService("gateway", table, async (life, settings, log) => {
  const tls = loadInternalTls(settings.internalTlsDir, "gateway");
  const serverTls = loadServerTls(settings.serverTlsDir);
  const readTls = async () => loadServerTls(settings.serverTlsDir);
  const connect = createInternalClients(life, tls);
  const { nodes, presence, close } = await openRedisCluster({ url: settings.redisUrl, log });
  life.add("redis", { stop: close });
  const metrics = createMetrics();
  const gateways = life.add("gateway clients", createNodeClients("gateway", internalChannelCredentials(tls, "gateway")));
  const rrpcs = life.add("rrpc clients", createNodeClients("rrpc", internalChannelCredentials(tls, "rrpc")));

  let gateway: Gateway | undefined;
  const nodeId = `gateway-${randomUUID()}`;
  const node = { nodeId, kind: "gateway", address: settings.grpcAdvertise } as const;
  // Before the doors open: a connection counts only while its node is registered.
  life.add("node", await nodes.register(node, { onLost: async () => gateway?.restorePresence() }));
  const deps = {
    nodeId,
    devices: connect("devices", settings.devicesAddress),
    thingModels: connect("thing-model", settings.thingModelAddress),
    shadow: connect("shadow", settings.shadowAddress),
    events: connect("events", settings.eventsAddress),
    sessions: connect("sessions", settings.sessionsAddress),
    access: connect("access", settings.accessAddress),
    answerCall: createAnswerCall(async (number) => {
      const rrpc = await nodes.findNumber(number);
      return rrpc?.kind === "rrpc" ? rrpcs.at(rrpc.address) : undefined;
    }),
    presence,
    gatewayNode: async (id: string) => {
      const found = await nodes.find(id);
      return found === undefined ? undefined : gateways.at(found.address);
    },
    clock: systemClock,
    log,
    metrics,
  };
  gateway = life.add(
    "gateway",
    await startGateway(deps, { ...settings, tls: serverTls, readTls, development: settings, limits: settings }),
  );
  const checks = { redis: () => nodes.find(nodeId) };
  await serveInternally(life, { settings, tls, apis: { gateway: gateway.api }, checks, metrics, log });
  log.info(gateway.addresses, "doors are open");
});
