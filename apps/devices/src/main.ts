import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, outgoingSettings, processSettings, readAddressRules, runService, systemClock } from "@mooring/kit";
import { keyEncryptionSettings, readKeyEncryptionKey } from "@mooring/pki";
import { addressSettings, connectGrpc, internalChannelCredentials, loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
import {
  createDeviceService,
  createFailureBook,
  createPostgresDeviceStores,
  deviceSettings,
  startDeviceEventRelay,
  startDeviceSuspensions,
  startDeviceUpkeep,
  startListFetcher,
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
  const models = connectGrpc("thing-model", settings.thingModelAddress, internalChannelCredentials(tls, "thing-model"));
  life.add("thing-model client", models);
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
  const access = connectGrpc("access", settings.accessAddress, internalChannelCredentials(tls, "access"));
  life.add("access client", access);
  life.add("suspensions", startDeviceSuspensions({ stores, access, log }));
  const eventLog = connectGrpc("events", settings.eventsAddress, internalChannelCredentials(tls, "events"));
  life.add("events client", eventLog);
  const { events, changes } = stores;
  life.add("event relay", startDeviceEventRelay({ events, changes, eventLog, log, metrics, clock: systemClock }));
  const checks = { database: () => authentication.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { devices }, checks, metrics, log });
});
