import { openDatabase } from "@mooring/db";
import { createMetrics, runService, systemClock } from "@mooring/kit";
import { loadInternalTls, serveInternally } from "@mooring/rpc";
import { thingModelProcessSettings } from "./config.ts";
import { createPostgresModelStore, createThingModelService } from "./index.ts";

await runService("thing-model", thingModelProcessSettings, async (life, settings, log) => {
  const { databaseUrl: connectionString, databasePool: poolSize } = settings;
  const tls = loadInternalTls(settings.internalTlsDir, "thing-model");
  const database = openDatabase({ connectionString, poolSize, applicationName: "mooring-thing-model", log });
  life.add("database", { stop: () => database.close() });
  const service = createThingModelService({ models: createPostgresModelStore(database), clock: systemClock });
  const checks = { database: () => database.pool.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { "thing-model": service }, checks, metrics: createMetrics(), log });
});
