import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, outgoingSettings, processSettings, readAddressRules, runService, systemClock } from "@mooring/kit";
import { keyEncryptionSettings, readKeyEncryptionKey } from "@mooring/pki";
import { addressSettings, createInternalClients, loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
import {
  createDeviceService,
  createFailureBook,
  createPostgresDeviceStores,
  deviceSettings,
  startDeviceEventRelay,
  startDeviceSuspensions,
  startDeviceUpkeep,
  startListFetcher,
  startTenantAuthorities,
} from "./index.ts";

const { accessAddress, eventsAddress, thingModelAddress } = addressSettings;
const table = {
  ...deviceSettings,
  ...outgoingSettings,
  ...processSettings,
  ...rpcSettings,
  ...databaseSettings,
  ...keyEncryptionSettings,
  accessAddress,
  eventsAddress,
  thingModelAddress,
};

await runService("devices", table, async (life, settings, log) => {
  const { databaseUrl: connectionString, databasePool: poolSize } = settings;
  const tls = loadInternalTls(settings.internalTlsDir, "devices");
  const keyEncryptionKey = readKeyEncryptionKey(settings);
  const metrics = createMetrics();
  const control = openDatabase({ connectionString, poolSize, applicationName: "mooring-devices", log });
  life.add("database", { stop: () => control.close() });
  const authentication = openDatabase({ connectionString, poolSize, applicationName: "mooring-devices-sign-on", log });
  life.add("sign-on database", { stop: () => authentication.close() });
  const stores = createPostgresDeviceStores({ control, authentication });
  const connect = createInternalClients(life, tls);
  const models = connect("thing-model", settings.thingModelAddress);
  const failures = createFailureBook({ store: stores.failures, clock: systemClock, log });
  life.add("failures", failures.start());
  const { pkiUrl: statusUrl, tenantHost } = settings;
  const rules = readAddressRules(settings);
  const devices = createDeviceService({
    stores,
    models,
    keyEncryptionKey,
    failures,
    statusUrl,
    tenantHost,
    rules,
    clock: systemClock,
    log,
    metrics,
  });
  life.add("upkeep", startDeviceUpkeep({ stores, clock: systemClock, log }));
  life.add("revocation lists", startListFetcher({ lists: stores.lists, rules, clock: systemClock, log, metrics }));
  const access = connect("access", settings.accessAddress);
  life.add("suspensions", startDeviceSuspensions({ stores, access, log }));
  const { authorities } = stores;
  life.add("tenants' authorities", startTenantAuthorities({ authorities, access, keyEncryptionKey, statusUrl, clock: systemClock, log }));
  const eventLog = connect("events", settings.eventsAddress);
  const { events, changes } = stores;
  life.add("event relay", startDeviceEventRelay({ events, changes, eventLog, log, metrics, clock: systemClock }));
  const checks = { database: () => authentication.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { devices }, checks, metrics, log });
});
