// Our gateway alone, in a process of its own, as the split deployment has it, behind the development listener. The services it would ask are
// not there: nothing of what is measured asks them.
import { readFileSync } from "node:fs";
import { gatewaySettings, startGateway } from "@mooring/app-gateway";
import { createMemoryCluster } from "@mooring/cluster";
import { PlatformError } from "@mooring/contracts";
import { createMetrics, loadSettings, pause, silentLog, systemClock } from "@mooring/kit";
import { openSessions } from "./open-sessions.ts";
import type { NodeBrokerFacts, NodeBrokerPlan } from "./start-node-broker.ts";

const plan = JSON.parse(process.argv[2] ?? "") as NodeBrokerPlan;
const nodeId = "gateway-bench";

/** The defaults, but for what mosquitto is told too: no limit that the load would meet. */
const settings = {
  ...loadSettings(gatewaySettings, {}),
  ...{ strangersPerAddressMax: 100_000, clientSubscriptionsMax: 1_000_000, queuedMessagesMax: 200_000, queuedBytesMax: 1_073_741_824 },
  ...{ mqttDevListen: "127.0.0.1:0", mqttDevTlsListen: "127.0.0.1:0", tlsSessionS: plan.tlsSessionS },
};

const absent = (): Promise<never> => Promise.reject(new PlatformError("unavailable", "this is the gateway alone"));

/** What the gateway asks for again and again: a feed of changes in which nothing happens. */
async function noChanges(_caller: unknown, { after = 0, waitMs = 0 }: { readonly after?: number; readonly waitMs?: number }) {
  await pause(waitMs);
  return { changes: [], next: after };
}

async function* acknowledge(_caller: unknown, frames: AsyncIterable<{ readonly sequence: number }>) {
  for await (const { sequence } of frames) yield { sequence, lastOffset: 0 };
}

const sessions = await openSessions(plan.sessions);
const cluster = createMemoryCluster({ log: silentLog });
await cluster.nodes.register({ nodeId, kind: "gateway", address: "127.0.0.1:1" });
const gateway = await startGateway(
  {
    nodeId,
    devices: {
      authenticateCertificate: absent,
      authenticateSecret: absent,
      authenticateToken: absent,
      authenticateJwt: absent,
      findPreSharedKey: absent,
      registerDevice: absent,
      createDeviceSession: absent,
      authenticateDeviceSession: absent,
      recordConnectionFailures: async () => ({}),
      checkCredential: absent,
      enrollCertificate: absent,
      getAuthorityCertificates: absent,
      renewCertificate: absent,
      proveSubDevices: absent,
      removeSubDevice: absent,
      listSubDevices: absent,
      findSubDevices: absent,
      authenticateClaim: absent,
      checkClaim: absent,
      createClaimedCertificate: absent,
      provisionDevice: absent,
      getProduct: absent,
      listChanges: noChanges,
    },
    thingModels: { get: absent, listChanges: async () => ({ models: [], nowMs: 0 }) },
    shadow: { get: absent, update: absent, delete: absent, listNames: absent, deviceReady: absent, waitApplied: absent },
    events: { append: acknowledge, recordRefusals: async () => ({}) },
    sessions: sessions.api,
    access: { authenticateKey: absent, findScramVerifier: absent },
    answerCall: absent,
    presence: cluster.presence,
    gatewayNode: async () => undefined,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  },
  {
    tls: { certificatePem: readFileSync(plan.certificateFile, "utf8"), keyPem: readFileSync(plan.keyFile, "utf8") },
    development: settings,
    limits: settings,
  },
);
const { mqttDev = "", mqttDevTls = "" } = gateway.addresses;
const facts: NodeBrokerFacts = { version: `Node ${process.versions.node}`, mqtt: mqttDev, mqtts: mqttDevTls };
process.send?.(facts);
process.on("SIGTERM", () => void stop());
// Ends with its parent, whatever it is doing.
process.on("disconnect", () => void stop());

async function stop(): Promise<void> {
  await gateway.stop();
  await sessions.stop();
  process.exit(0);
}
