import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, systemClock } from "@mooring/kit";
import { createSealer, keyEncryptionSettings, readKeyEncryptionKey } from "@mooring/pki";
import { loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
import { accessSettings, bootstrapTenant, createAccessService, createPostgresAccessStore, writeFirstKey } from "./index.ts";

const table = { ...processSettings, ...rpcSettings, ...databaseSettings, ...keyEncryptionSettings, ...accessSettings } as const;

await runService("access", table, async (life, settings, log) => {
  const { databaseUrl: connectionString, databasePool: poolSize } = settings;
  const tls = loadInternalTls(settings.internalTlsDir, "access");
  const metrics = createMetrics();
  const database = openDatabase({ connectionString, poolSize, applicationName: "mooring-access", log });
  life.add("database", { stop: () => database.close() });
  const sealer = createSealer([readKeyEncryptionKey(settings)]);
  const store = createPostgresAccessStore(database);
  const { firstKeyFile } = settings;
  if (firstKeyFile !== undefined) {
    const keepKey = (apiKey: string) => writeFirstKey(firstKeyFile, apiKey);
    const { apiKey } = await bootstrapTenant({ store, clock: systemClock, keepKey }, { name: settings.tenantName });
    if (apiKey !== undefined) log.info({ file: firstKeyFile }, "made the first tenant; its owner's API key is in the file");
  }
  const access = createAccessService({ store, clock: systemClock, log, sealer, signatureDaysMax: settings.signatureDays });
  const checks = { database: () => database.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { access }, checks, metrics, log });
});
