import { createMetrics, loadServerTls, runService, startOpsServer, steadyClock } from "@mooring/kit";
import { createInternalClients, loadInternalTls } from "@mooring/rpc";
import { settingsTable } from "./config.ts";
import { startAdminApi } from "./start.ts";

await runService("admin-api", settingsTable, async (life, settings, log) => {
  const internal = loadInternalTls(settings.internalTlsDir, "admin-api");
  const tls = loadServerTls(settings.serverTlsDir);
  const readTls = async () => loadServerTls(settings.serverTlsDir);
  const connect = createInternalClients(life, internal);
  const services = {
    access: connect("access", settings.accessAddress),
    devices: connect("devices", settings.devicesAddress),
    thingModels: connect("thing-model", settings.thingModelAddress),
    shadow: connect("shadow", settings.shadowAddress),
    rrpc: connect("rrpc", settings.rrpcAddress),
    events: connect("events", settings.eventsAddress),
    sessions: connect("sessions", settings.sessionsAddress),
  };
  const metrics = createMetrics();
  const { restListen, publicGrpcListen: grpcListen, amqpListen, restTls } = settings;
  const listen = { restListen, grpcListen, amqpListen, restTls, tls, readTls };
  const api = life.add("admin-api", await startAdminApi({ ...services, log, metrics, clock: steadyClock }, listen));
  if (settings.opsListen !== undefined) life.add("ops", await startOpsServer({ listen: settings.opsListen, metrics, checks: {} }));
  log.info({ rest: api.restAddress, grpc: api.grpcAddress, amqp: api.amqpAddress }, "ready");
});
