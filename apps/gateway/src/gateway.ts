// Puts the parts together and starts them in the order in which they need each other.
import type { GatewayApi } from "@mooring/contracts";
import { followServerTls, Lifecycle, makeStringsFast, type Running, type ServerTls, TimerWheel } from "@mooring/kit";
import { createModelDirectory } from "@mooring/thing-model";
import { Admission } from "./admission.ts";
import { createAttendance } from "./attendance.ts";
import { createClaimWatch } from "./auth/claim-watch.ts";
import { Expiry } from "./auth/expiry.ts";
import { createGuard } from "./auth/guard.ts";
import { createOperatorKeys } from "./auth/operator-keys.ts";
import { createWillRights } from "./auth/will-rights.ts";
import { createBroker } from "./broker-of-node.ts";
import { createChanges } from "./changes.ts";
import { ConnectionCounts } from "./connection-counts.ts";
import { GatewayCounters, startCounting } from "./counters.ts";
import { type HttpDoor, startHttpDoor } from "./http/door.ts";
import { assertKeepable } from "./keepable.ts";
import { startModelChanges } from "./model-changes.ts";
import { createMqttDoors, type MqttDoors } from "./mqtt/doors.ts";
import { createReady } from "./mqtt/ready.ts";
import { WriteGatherer } from "./mqtt/write-gatherer.ts";
import type { GatewayDeps, GatewayOptions } from "./ports.ts";
import { Applied } from "./route/applied.ts";
import { publishDeviceWill } from "./route/device-will.ts";
import { createGatewayApi } from "./route/downlink.ts";
import { Models } from "./route/models.ts";
import { Refusals } from "./route/refusals.ts";
import { Registry } from "./route/registry.ts";
import { Topology } from "./route/topology.ts";
import { Uplink } from "./route/uplink.ts";
import { UplinkStream } from "./uplink-stream.ts";

/** Of the doors that are open. */
export interface Addresses {
  mqtt?: string;
  mqtts?: string;
  mqttPsk?: string;
  mqttWs?: string;
  mqttWss?: string;
  mqttDev?: string;
  mqttDevWs?: string;
  mqttDevTls?: string;
  https?: string;
}

/** A gateway that runs. */
export interface Gateway extends Running {
  readonly api: GatewayApi;
  /** Where the doors are, as `host:port`. */
  readonly addresses: Addresses;
  /** To be called when the cluster's store was lost (`onLost` of the node's registration). Rejects while it cannot be reached. */
  restorePresence(): Promise<void>;
}

/** A keep-alive of one second ends after 1.5 s to 1.6 s of silence [MQTT-3.1.2-22]; one of a minute is passed over once on the way. */
const wheelOptions = { tickMs: 100, slots: 1_024 };

/** Starts the doors given an address and everything behind them. Rejects when an address cannot be listened on; nothing is left open then. */
export async function startGateway(deps: GatewayDeps, options: GatewayOptions): Promise<Gateway> {
  makeStringsFast();
  const { devices, clock, log } = deps;
  const { limits } = options;
  const life = new Lifecycle(log);
  const counters = new GatewayCounters();
  const { rare } = life.add("counters", startCounting(counters, deps.metrics));
  const registry = new Registry();
  const models = new Models({ directory: createModelDirectory({ devices, thingModels: deps.thingModels, service: "gateway" }), log });
  const wheel = new TimerWheel(wheelOptions);
  let doors: MqttDoors | undefined;
  const stream = new UplinkStream({
    events: deps.events,
    counters,
    log,
    ...(limits.uplink === undefined ? {} : { options: limits.uplink }),
    onCongestion: () => doors?.judgeCongestion(),
  });
  deps.metrics.gauge("mooring_gateway_records_pending", "Records the log has not acknowledged yet.", () => stream.pending);
  const applied = new Applied({ shadow: deps.shadow, log });
  const refusals = new Refusals({ events: deps.events, clock, counters, log });
  const topology = new Topology(devices);
  const uplink = new Uplink({
    ...{ models, topology, stream, applied, refusals, clock, counters, log },
    shadow: deps.shadow,
    devices,
    answerCall: deps.answerCall,
  });
  const { nodeId, presence, gatewayNode } = deps;
  const willRights = createWillRights({ devices, access: deps.access, log });
  const broker = createBroker({
    willRights,
    ...{ nodeId, sessions: deps.sessions, limits, wheel, clock, log, metrics: deps.metrics },
    onStoreLimits: (kept) => assertKeepable(limits, kept),
    onCongestion: () => doors?.judgeCongestion(),
    onDeviceWill: (session, will, tell) => publishDeviceWill(uplink, session, will, tell),
  });
  const { spaces } = broker;
  const { connectionsPerDeviceMax } = limits;
  const attendance = createAttendance({ nodeId, presence, gatewayNode, registry, stream, clock, counters, log, connectionsPerDeviceMax });
  const guard = createGuard({ devices, clock, log, metrics: deps.metrics, failuresPerAddressMax: limits.authFailuresPerAddressMax });
  const changes = createChanges({ devices, registry, models, topology, guard, log });
  const operatorKeys = createOperatorKeys({ access: deps.access, log });
  const admission = new Admission(limits, rare);
  const expiry = new Expiry(clock);
  const claimWatch = createClaimWatch({ devices, log });
  const shared = { devices, guard, expiry, uplink, refusals, attendance, registry, changes, spaces, wheel, admission, counters, rare, log };
  const onSubscribed = createReady({ shadow: deps.shadow, models, log });
  const isCongested = (): boolean => stream.congested || broker.store.isCongested;
  const { figures } = broker;

  const addresses: Addresses = {};
  let https: HttpDoor | undefined;
  try {
    life.add("wheel", wheel.start());
    life.add("refusals", refusals.start());
    life.add("applied", applied.start());
    life.add("uplink stream", stream.start());
    life.add("sessions", broker.start());
    await broker.restore();
    life.add("attendance", attendance.start());
    life.add("changes", changes.start());
    life.add("model changes", startModelChanges({ thingModels: deps.thingModels, models, log }));
    life.add("operator keys", operatorKeys.start());
    life.add("guard", guard.start());
    life.add("claims", claimWatch.start());
    life.add("expiry", expiry.start(log));
    const counts = new ConnectionCounts(limits);
    const doorDeps = {
      ...shared,
      figures,
      counts,
      access: deps.access,
      operatorKeys,
      claimWatch,
      provisioning: { devices, guard, log },
      willRights,
      gatherer: new WriteGatherer(),
      isCongested,
      onSubscribed,
    };
    doors = life.add("mqtt", createMqttDoors(doorDeps, limits));
    Object.assign(addresses, await doors.open(options));
    if (options.deviceHttpsListen !== undefined) {
      https = life.add(
        "https",
        await startHttpDoor(shared, options.deviceHttpsListen, { tls: options.tls, tlsSessionS: limits.tlsSessionS }),
      );
      addresses.https = https.address;
    }
    const { readTls: read, tls: opened, readTlsMs: everyMs } = options;
    const apply = (tls: ServerTls): void => {
      doors?.replaceTls(tls);
      https?.replaceTls(tls);
    };
    if (read !== undefined)
      life.add("server certificate", followServerTls({ opened, read, apply, log, ...(everyMs !== undefined && { everyMs }) }));
  } catch (error) {
    await life.stop();
    throw error;
  }
  return {
    api: createGatewayApi({ registry, clock: deps.clock, counters }),
    addresses,
    restorePresence: () => attendance.restore(),
    stop: () => life.stop(),
  };
}
