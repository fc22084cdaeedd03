import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endOrphanedPostgres } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { randomLoopback } from "./addresses.ts";
import { createApi } from "./api.ts";
import { type Banner, parseBanner } from "./banner.ts";
import type { Platform, PlatformOptions } from "./platform.ts";
import { signalTree } from "./process-tree.ts";
import { type ServiceProcess, startServiceProcess, tailOf } from "./service-process.ts";
import { openWorkDir, type WorkDir } from "./work-dir.ts";

/** The first start is promised to take at most this long; on a machine with nothing else to do it takes a few seconds. */
const startTimeoutMs = 90_000;
const stopGraceMs = 30_000;

/** Starts the platform as `npm start` does, on a loopback address and a data folder of its own, and believes what it prints. */
export async function startAllInOne(options: PlatformOptions): Promise<Platform> {
  const dir = openWorkDir("all-in-one", options);
  const run = new AllInOneRun(dir, options.environmentOf?.("platform") ?? {});
  options.onPostgresFolder?.(join(dir.path, "data", "postgres"));
  const stop = async (): Promise<ReadonlyMap<string, number | null>> => {
    const code = await run.stop();
    dir.close();
    return new Map(code === undefined ? [] : [["platform", code]]);
  };
  try {
    const banner = await run.start();
    const { apiKey } = banner;
    if (apiKey === undefined) throw new Error("the first start printed no API key");
    return {
      mode: "all-in-one",
      ...banner,
      apiKey,
      databaseUrl: run.databaseUrl(),
      api: createApi(banner.rest, apiKey),
      parts: ["platform", "postgres"],
      kill9: (part) => run.kill9(part),
      freeze: (part, alone) => run.signal(part, "SIGSTOP", alone),
      thaw: (part) => run.signal(part, "SIGCONT"),
      ended: () => run.ended(),
      async restart(part) {
        if (part === "postgres") throw new Error("the platform starts its Postgres itself: restart the platform");
        await run.stop();
        await run.start();
      },
      stop,
      logs: dir.logs,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

class AllInOneRun {
  readonly #dir: WorkDir;
  readonly #dataDir: string;
  readonly #environment: Readonly<Record<string, string>>;
  #process: ServiceProcess | undefined;
  #starts = 0;

  constructor(dir: WorkDir, more: Readonly<Record<string, string>>) {
    const host = `${randomLoopback()}.1`;
    this.#dir = dir;
    this.#dataDir = join(dir.path, "data");
    this.#environment = {
      MOORING_DATA_DIR: this.#dataDir,
      MOORING_SERVER_NAMES: `localhost,${host}`,
      MOORING_REST_LISTEN: `${host}:8080`,
      MOORING_PUBLIC_GRPC_LISTEN: `${host}:9090`,
      MOORING_AMQP_LISTEN: `${host}:5671`,
      MOORING_MQTTS_LISTEN: `${host}:8883`,
      MOORING_MQTT_PSK_LISTEN: `${host}:8884`,
      MOORING_DEVICE_HTTPS_LISTEN: `${host}:8443`,
      // The tests' own receivers.
      MOORING_WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8",
      MOORING_LOG_LEVEL: "info",
      MOORING_LOG_PRETTY: "false",
      ...more,
    };
    process.once("exit", () => this.#killPostgres());
  }

  /** Resolves with what it printed when it was up. */
  async start(): Promise<Banner> {
    mkdirSync(this.#dir.logDir, { recursive: true });
    this.#starts += 1;
    const logFile = join(this.#dir.logDir, `platform-${this.#starts}.log`);
    const command = ["node", "apps/all-in-one/src/main.ts"];
    const started = await startServiceProcess({ command, environment: this.#environment, logFile });
    this.#process = started;
    const banner = await until(
      "the platform to say that it is up",
      () => parseBanner(readFileSync(logFile, "utf8")) ?? (started.isRunning() ? undefined : "ended"),
      startTimeoutMs,
    );
    if (banner === "ended") throw new Error(`the platform ended instead of starting:\n${tailOf(logFile)}`);
    return banner;
  }

  async kill9(part?: string): Promise<void> {
    if (part === "postgres") return this.#killPostgres();
    const ended = this.#process?.kill9();
    if (part === undefined) this.#killPostgres();
    await ended;
    this.#process = undefined;
  }

  /** The platform's processes include its Postgres. */
  signal(part: string, signal: NodeJS.Signals, alone = false): void {
    const pid = part === "postgres" ? this.#postgresPid() : this.#process?.pid;
    if (pid === undefined) throw new Error(`${part} does not run`);
    if (alone) process.kill(pid, signal);
    else signalTree(pid, signal);
  }

  ended(): readonly string[] {
    return this.#process?.isRunning() === false ? ["platform"] : [];
  }

  /** As Ctrl-C does. What a killed platform left of Postgres is ended too. */
  async stop(): Promise<number | null | undefined> {
    const code = await this.#process?.stop(stopGraceMs, "SIGINT");
    this.#process = undefined;
    if (this.#postgresPid() !== undefined) await endOrphanedPostgres(join(this.#dataDir, "postgres"), silentLog);
    return code;
  }

  databaseUrl(): string {
    const read = (file: string): string => readFileSync(join(this.#dataDir, "postgres", file), "utf8").trim();
    return `postgresql://mooring:${read("mooring.password")}@127.0.0.1:${read("port")}/mooring`;
  }

  #killPostgres(): void {
    const pid = this.#postgresPid();
    if (pid === undefined) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Out of the file that Postgres keeps while it runs; undefined when it does not. */
  #postgresPid(): number | undefined {
    const file = join(this.#dataDir, "postgres", "cluster", "postmaster.pid");
    if (!existsSync(file)) return undefined;
    const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  }
}
