import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findClient, run, until } from "@mooring/testkit";

export interface MosquittoOptions {
  /** The files the platform uses, so that handshake and encryption cost the same. */
  readonly certificateFile: string;
  readonly keyFile: string;
  /** PEM: whose device certificates are let in. */
  readonly deviceAuthorities: string;
}

/** A broker that neither validates nor stores: what MQTT itself costs on this machine. */
export interface Mosquitto {
  readonly pid: number;
  readonly version: string;
  /** host:port, without TLS and with; with TLS a client certificate is required. */
  readonly mqtt: string;
  readonly mqtts: string;
  stop(): Promise<void>;
}

/** Undefined, with a word on standard error, where no mosquitto can be found or fetched. */
export async function startMosquitto(options: MosquittoOptions): Promise<Mosquitto | undefined> {
  const tool = await findClient("mosquitto");
  if (tool === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "mooring-bench-mosquitto-"));
  const ports = [await freePort(), await freePort()] as const;
  writeFileSync(join(folder, "devices.pem"), options.deviceAuthorities);
  writeFileSync(join(folder, "mosquitto.conf"), configuration(options, folder, ports));
  const child = spawn(tool.path, ["-c", join(folder, "mosquitto.conf")], {
    env: { ...process.env, ...tool.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  const endWithUs = (): void => void child.kill("SIGTERM");
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    process.off("exit", endWithUs);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const port of ports) await until(`mosquitto on port ${port}`, () => child.exitCode === null && answers(port));
  } catch (cause) {
    await stop();
    throw new Error(`mosquitto did not start: ${complaints.trim()}`, { cause });
  }
  const help = await run(tool, ["-h"]);
  const version = /version (\S+)/.exec(help.stdout + help.stderr)?.[1] ?? "unknown";
  return { pid: child.pid ?? 0, version, mqtt: `127.0.0.1:${ports[0]}`, mqtts: `127.0.0.1:${ports[1]}`, stop };
}

/** No limit that the load would meet, nothing written, small packets sent at once. */
function configuration({ certificateFile, keyFile }: MosquittoOptions, folder: string, ports: readonly [number, number]): string {
  return [
    "per_listener_settings false",
    "allow_anonymous true",
    "persistence false",
    "log_dest none",
    "max_inflight_messages 1000",
    "max_queued_messages 200000",
    "set_tcp_nodelay true",
    // Started by root it would become an account that cannot read the key.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    `listener ${ports[0]} 127.0.0.1`,
    `listener ${ports[1]} 127.0.0.1`,
    `certfile ${certificateFile}`,
    `keyfile ${keyFile}`,
    `cafile ${join(folder, "devices.pem")}`,
    "require_certificate true",
    "",
  ].join("\n");
}

/** Mosquitto cannot take a port and tell which; another process may take this one first, and then it says so and ends. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
