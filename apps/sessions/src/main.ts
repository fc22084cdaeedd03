import { databaseSettings, openDatabase } from "@mooring/db";
import { createMetrics, processSettings, runService, systemClock } from "@mooring/kit";
import { addressSettings, createInternalClients, loadInternalTls, rpcSettings, serveInternally } from "@mooring/rpc";
import { sessionSettings, startSessions } from "./index.ts";

const { devicesAddress } = addressSettings;
const table = { ...processSettings, ...databaseSettings, ...rpcSettings, ...sessionSettings, devicesAddress };

/** One transaction at a time writes; the others are for when it has lost its connection. */
const dataPool = 2;

await runService("sessions", table, async (life, settings, log) => {
  const tls = loadInternalTls(settings.internalTlsDir, "sessions");
  const open = (plane: string, poolSize: number) => {
    const database = openDatabase({
      connectionString: settings.databaseUrl,
      poolSize,
      applicationName: `mooring-sessions-${plane}`,
      log,
    });
    life.add(`database (${plane})`, { stop: () => database.close() });
    return database.pool;
  };
  const data = open("data", dataPool);
  const control = open("control", settings.databasePool);
  const devices = createInternalClients(life, tls)("devices", settings.devicesAddress);
  const metrics = createMetrics();
  const sessions = startSessions(life, { data, control, devices, settings, clock: systemClock, log, metrics });
  const checks = { database: () => control.query("SELECT 1") };
  await serveInternally(life, { settings, tls, apis: { sessions }, checks, metrics, log });
});
