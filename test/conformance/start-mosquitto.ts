import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findClient } from "@mooring/testkit";
import { randomLoopback } from "../e2e/harness/addresses.ts";
import { startBroker } from "./broker-process.ts";
import type { RunningTarget } from "./target.ts";
import { keepAliveSMax, receiveMaximum, refusedFilter } from "./target-settings.ts";

/** Lets everybody do everything but subscribe to one filter: of mosquitto's own means only this plugin refuses a subscription. */
const refusals = {
  defaultACLAccess: { publishClientSend: true, publishClientReceive: true, subscribe: true, unsubscribe: true },
  clients: [],
  groups: [{ groupname: "anonymous", roles: [{ rolename: "refusing" }] }],
  roles: [{ rolename: "refusing", acls: [{ acltype: "subscribeLiteral", topic: refusedFilter, priority: 1, allow: false }] }],
  anonymousGroup: "anonymous",
};

/** Debian's mosquitto, which speaks 3.1, 3.1.1 and 5.0: who judges the judge. */
export async function startMosquitto(folder: string): Promise<RunningTarget> {
  const tool = await findClient("mosquitto");
  if (tool === undefined) throw new Error("MOORING_CONFORMANCE_BROKER=mosquitto, and mosquitto is not to be had here");
  const host = `${randomLoopback()}.1`;
  const [tcp, webSocket, refusing] = [
    { host, port: 1883 },
    { host, port: 9001 },
    { host, port: 1884 },
  ];
  const configFile = join(folder, "mosquitto.conf");
  const refusalsFile = join(folder, "refusals.json");
  const plugin = findPlugin(tool.path);
  // As root it becomes its own user before it reads the plugin's file.
  chmodSync(folder, 0o711);
  writeFileSync(refusalsFile, JSON.stringify(refusals), { mode: 0o644 });
  const lines = [
    "per_listener_settings true",
    `max_keepalive ${keepAliveSMax}`,
    `max_inflight_messages ${receiveMaximum}`,
    `listener ${tcp.port} ${host}`,
    "allow_anonymous true",
    `listener ${webSocket.port} ${host}`,
    "protocol websockets",
    "allow_anonymous true",
  ];
  if (plugin !== undefined) {
    lines.push(`listener ${refusing.port} ${host}`, "allow_anonymous true", `plugin ${plugin}`, `plugin_opt_config_file ${refusalsFile}`);
  }
  writeFileSync(configFile, `${lines.join("\n")}\n`);
  const command = [tool.path, "-c", configFile, "-v"];
  const running = await startBroker({ command, environment: tool.env, folder, address: tcp, startMsMax: 10_000 });
  return {
    name: "mosquitto",
    tcp,
    webSocketUrl: `ws://${host}:${webSocket.port}/mqtt`,
    ...(plugin === undefined ? {} : { refusing: { ...refusing, filter: refusedFilter } }),
    keepAliveSMax,
    receiveMaximum,
    stop: running.stop,
  };
}

/** It lies where Debian keeps libraries, which is beside the folder of the program, also in a package that was only unpacked. */
function findPlugin(program: string): string | undefined {
  const libraries = join(dirname(program), "..", "lib");
  const name = "mosquitto_dynamic_security.so";
  const folder = readdirSync(libraries).find((arch) => arch.includes("-linux-gnu") && readdirSync(join(libraries, arch)).includes(name));
  return folder === undefined ? undefined : join(libraries, folder, name);
}
