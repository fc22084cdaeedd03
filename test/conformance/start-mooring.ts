import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { endOrphanedPostgres } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { randomLoopback } from "../e2e/harness/addresses.ts";
import { startBroker } from "./broker-process.ts";
import type { RunningTarget } from "./target.ts";
import { keepAliveSMax, receiveMaximum, refusedFilter } from "./target-settings.ts";

/** As all-in-one promises for its first start. */
const startMsMax = 90_000;

/** Our broker: the whole platform in one process, spoken to through the gateway's development listener. */
export async function startMooring(folder: string): Promise<RunningTarget> {
  const host = `${randomLoopback()}.1`;
  const [tcp, webSocket] = [
    { host, port: 1883 },
    { host, port: 9001 },
  ];
  // Postgres runs as another user when we are root, and has to get through.
  chmodSync(folder, 0o711);
  const dataDir = join(folder, "data");
  const environment = {
    MOORING_DATA_DIR: dataDir,
    MOORING_SERVER_NAMES: `localhost,${host}`,
    MOORING_REST_LISTEN: `${host}:8080`,
    MOORING_PUBLIC_GRPC_LISTEN: `${host}:9090`,
    MOORING_AMQP_LISTEN: `${host}:5671`,
    MOORING_MQTTS_LISTEN: `${host}:8883`,
    MOORING_DEVICE_HTTPS_LISTEN: `${host}:8443`,
    MOORING_MQTT_DEV_LISTEN: `${host}:${tcp.port}`,
    MOORING_MQTT_DEV_WS_LISTEN: `${host}:${webSocket.port}`,
    MOORING_MQTT_DEV_REFUSED_FILTERS: refusedFilter,
    MOORING_MQTT_DEV_KEEP_ALIVE_S: `${keepAliveSMax}`,
    MOORING_MQTT_DEV_RECEIVE_MAXIMUM: `${receiveMaximum}`,
    MOORING_LOG_PRETTY: "false",
  };
  const command = ["node", "apps/all-in-one/src/main.ts"];
  const endPostgres = async (): Promise<void> => {
    const postgres = join(dataDir, "postgres");
    if (existsSync(postgres)) await endOrphanedPostgres(postgres, silentLog);
  };
  const running = await startBroker({ command, environment, folder, address: tcp, startMsMax }).catch(async (error: unknown) => {
    await endPostgres();
    throw error;
  });
  return {
    name: "mooring",
    tcp,
    webSocketUrl: `ws://${host}:${webSocket.port}/mqtt`,
    refusing: { ...tcp, filter: refusedFilter },
    keepAliveSMax,
    receiveMaximum,
    async stop() {
      await running.stop();
      await endPostgres();
    },
  };
}
