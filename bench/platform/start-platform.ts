import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { withTimeout } from "@mooring/kit";
import { platformNodeOptions } from "../measure/node-options.ts";

const main = fileURLToPath(new URL("../../apps/all-in-one/src/main.ts", import.meta.url));
const startMsMax = 60_000;
const stopMsMax = 30_000;

/** The whole platform in one process and its Postgres, on a temporary folder, with the settings it has by default. */
export interface Platform {
  readonly pid: number;
  /** http://host:port */
  readonly rest: string;
  /** host:port, TLS. */
  readonly grpc: string;
  /** host:port, without TLS and with. */
  readonly mqtt: string;
  readonly mqtts: string;
  readonly apiKey: string;
  /** PEM: who signed the platform's server certificate. */
  readonly caPem: string;
  /** Its server certificate and key, for others that are to be measured with the same. */
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly databaseUrl: string;
  /** Stops it and removes what it stored. */
  stop(): Promise<void>;
}

/** `settings` besides. */
export async function startPlatform(settings: Readonly<Record<string, string>> = {}): Promise<Platform> {
  const dataDir = mkdtempSync(join(tmpdir(), "mooring-bench-"));
  const child = spawn(process.execPath, [...platformNodeOptions(), main], {
    env: { ...environment(dataDir), ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const endWithUs = (): void => void child.kill("SIGINT");
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    child.kill("SIGINT");
    const killer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await exited;
    clearTimeout(killer);
    process.off("exit", endWithUs);
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const facts = await withTimeout(readBanner(child), startMsMax, `The platform did not start within ${startMsMax / 1_000} s.`);
    const fact = (name: string): string => {
      const value = facts.get(name);
      if (value === undefined) throw new Error(`the platform did not print its ${name}`);
      return value;
    };
    const pki = dirname(fact("CA"));
    return {
      pid: child.pid ?? 0,
      rest: fact("REST"),
      grpc: fact("gRPC"),
      mqtt: fact("MQTT"),
      mqtts: fact("MQTT/TLS"),
      apiKey: fact("API key"),
      caPem: readFileSync(fact("CA"), "utf8"),
      certificateFile: join(pki, "server.pem"),
      keyFile: join(pki, "server.key"),
      databaseUrl: readDatabaseUrl(join(dataDir, "postgres")),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function environment(dataDir: string): NodeJS.ProcessEnv {
  const anyPort = "127.0.0.1:0";
  return {
    PATH: process.env["PATH"],
    MOORING_DATA_DIR: dataDir,
    MOORING_REST_LISTEN: anyPort,
    MOORING_PUBLIC_GRPC_LISTEN: anyPort,
    MOORING_MQTT_LISTEN: anyPort,
    MOORING_MQTTS_LISTEN: anyPort,
    MOORING_DEVICE_HTTPS_LISTEN: anyPort,
  };
}

/** The lines of what it prints when it is up: a name of fixed width, then the value. Rejects when it ends instead. */
function readBanner(child: ChildProcess & { readonly stdout: NodeJS.ReadableStream }): Promise<ReadonlyMap<string, string>> {
  const facts = new Map<string, string>();
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes("Ctrl-C")) resolve(facts);
      const [, name, value] = /^ {2}(\S+(?: \S+)?) {2,}(\S+)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) facts.set(name, value);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the platform ended with code ${code}`)));
  });
}

/** As `startEmbeddedPostgres` leaves it behind. */
function readDatabaseUrl(folder: string): string {
  const read = (file: string): string => readFileSync(join(folder, file), "utf8").trim();
  return `postgresql://mooring:${read("mooring.password")}@127.0.0.1:${read("port")}/mooring`;
}
