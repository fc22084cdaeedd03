import { randomUUID } from "node:crypto";
import { createAnswerCall, type Gateway, type gatewaySettings, startGateway } from "@mooring/app-gateway";
import type { Cluster } from "@mooring/cluster";
import type { AccessApi, DeviceApi, EventApi, GatewayApi, RrpcApi, SessionApi, ShadowApi, ThingModelApi } from "@mooring/contracts";
import { type Lifecycle, type Log, type Metrics, type Settings, systemClock } from "@mooring/kit";
import type { PlatformIdentity } from "./identity.ts";

export interface DoorsDeps {
  readonly services: {
    readonly access: AccessApi;
    readonly devices: DeviceApi;
    readonly thingModels: ThingModelApi;
    readonly shadow: ShadowApi;
    readonly events: EventApi;
    readonly sessions: SessionApi;
    readonly rrpc: RrpcApi;
  };
  readonly cluster: Cluster;
  readonly gateway: () => GatewayApi;
  readonly identity: PlatformIdentity;
  readonly settings: Settings<typeof gatewaySettings>;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The gateway of this process: the one node of its kind. */
export async function startDeviceDoors(life: Lifecycle, deps: DoorsDeps): Promise<Gateway> {
  const { services, cluster, settings, identity, log, metrics } = deps;
  const nodeId = `gateway-${randomUUID()}`;
  life.add("gateway node", await cluster.nodes.register({ nodeId, kind: "gateway", address: "here" }));
  const { access, devices, thingModels, shadow, events, sessions, rrpc } = services;
  const gateway = await startGateway(
    {
      nodeId,
      access,
      devices,
      thingModels,
      shadow,
      events,
      sessions,
      answerCall: createAnswerCall(async () => rrpc),
      presence: cluster.presence,
      gatewayNode: async () => deps.gateway(),
      clock: systemClock,
      log,
      metrics,
    },
    {
      ...settings,
      tls: identity.tls,
      readTls: identity.read,
      development: settings,
      limits: settings,
    },
  );
  return life.add("gateway", gateway);
}
