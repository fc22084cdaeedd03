import { randomBytes, randomUUID } from "node:crypto";
import { type accessSettings, createAccessService, createPostgresAccessStore } from "@mooring/app-access";
import {
  createDeviceService,
  createFailureBook,
  createPostgresDeviceStores,
  type deviceSettings,
  startDeviceEventRelay,
  startDeviceSuspensions,
  startDeviceUpkeep,
  startListFetcher,
  startTenantAuthorities,
} from "@mooring/app-devices";
import { type eventSettings, startEvents } from "@mooring/app-events";
import { createPostgresCallStore, createRrpcService, publishRrpcMetrics, startCallSweeper } from "@mooring/app-rrpc";
import { type sessionSettings, startSessions } from "@mooring/app-sessions";
import { type shadowSettings, startShadow } from "@mooring/app-shadow";
import { createPostgresModelStore, createThingModelService } from "@mooring/app-thing-model";
import { type Cluster, createDeviceGateways } from "@mooring/cluster";
import { createMessageIds, type DeviceApi, type GatewayApi } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { type Lifecycle, type Log, type Metrics, readAddressRules, type Settings, steadyClock, systemClock } from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import type { Jobs } from "@mooring/queue";
import { createModelDirectory } from "@mooring/thing-model";

/** Sessions are written by one transaction at a time; it may not wait for a connection that something else has. */
const sessionsPool = 2;

export interface ServicesDeps {
  /** What devices wait for. */
  readonly data: Database;
  /** What people wait for, and what runs behind: may not hold back the data plane. */
  readonly control: Database;
  /** More pools, of the lifecycle's. */
  readonly open: (plane: string, more: { readonly poolSize?: number; readonly statementTimeoutMs?: number }) => Database;
  readonly cluster: Cluster;
  readonly jobs: Jobs;
  /** Another of the same; whoever asks closes it. */
  readonly openJobs: () => Promise<Jobs>;
  readonly settings: Settings<
    typeof deviceSettings &
      typeof eventSettings &
      typeof sessionSettings &
      typeof shadowSettings &
      Pick<typeof accessSettings, "signatureDays">
  >;
  /** The gateway of this process, which is started last. */
  readonly gateway: () => GatewayApi;
  readonly keyEncryptionKey: Buffer;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Every service but the gateway and admin-api, wired to each other as plain objects; what follows the log is started. */
export async function startServices(life: Lifecycle, deps: ServicesDeps) {
  const { data, control, cluster, log, metrics } = deps;
  const clock = systemClock;
  const thingModels = createThingModelService({ models: createPostgresModelStore(control), clock });
  const stores = createPostgresDeviceStores({ control, authentication: data });
  const failures = createFailureBook({ store: stores.failures, clock, log });
  life.add("failures of devices", failures.start());
  const rules = readAddressRules(deps.settings);
  const devices: DeviceApi = createDeviceService({
    stores,
    failures,
    models: thingModels,
    keyEncryptionKey: deps.keyEncryptionKey,
    statusUrl: deps.settings.pkiUrl,
    tenantHost: deps.settings.tenantHost,
    rules,
    clock,
    log,
    metrics,
  });
  life.add("revocation lists", startListFetcher({ lists: stores.lists, rules, clock, log, metrics }));
  const { keyEncryptionKey } = deps;
  const accessStore = createPostgresAccessStore(control);
  const sealer = createSealer([keyEncryptionKey]);
  const access = createAccessService({ store: accessStore, clock, log, sealer, signatureDaysMax: deps.settings.signatureDays });
  life.add("suspensions", startDeviceSuspensions({ stores, access, log }));
  const making = { authorities: stores.authorities, keyEncryptionKey, statusUrl: deps.settings.pkiUrl };
  life.add("tenants' authorities", startTenantAuthorities({ ...making, access, clock, log }));
  life.add("device upkeep", startDeviceUpkeep({ stores, clock, log }));
  const gateways = createDeviceGateways({ presence: cluster.presence, nodes: cluster.nodes, connect: deps.gateway });

  const { open, openJobs, settings } = deps;
  const started = startEvents(life, {
    ...{ data, control, open, devices, access, cluster, openJobs, keyEncryptionKey, settings, clock, log, metrics },
    isOnly: true,
  });
  const events = started.service;
  life.add(
    "device events",
    startDeviceEventRelay({ events: stores.events, changes: stores.changes, eventLog: events, log, metrics, clock }),
  );

  const models = (service: string) => createModelDirectory({ devices, thingModels, service });
  const { pool } = control;
  const shadow = startShadow(life, { pool, devices, models: models("shadow"), gateways, events, settings, clock, log, metrics });
  const pools = { data: open("sessions", { poolSize: sessionsPool }).pool, control: pool };
  const sessions = startSessions(life, { ...pools, devices, settings, clock, log, metrics });
  started.startDelivery();

  const calls = createPostgresCallStore(control.prisma);
  const node = await cluster.nodes.register({ nodeId: `rrpc-${randomUUID()}`, kind: "rrpc", address: "here" });
  life.add("rrpc node", node);
  const nextMessageId = createMessageIds(() => node.number, randomBytes(8).readBigUInt64BE());
  const rrpc = createRrpcService({ devices, models: models("rrpc"), gateways, calls, nextMessageId, clock });
  publishRrpcMetrics(metrics, rrpc);
  await startCallSweeper({ jobs: deps.jobs, calls, clock: steadyClock, log });

  return { access, accessStore, devices, thingModels, events, sessions, shadow, rrpc };
}
