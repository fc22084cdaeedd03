import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Log, StartError, withTimeout } from "@mooring/kit";
import type { Account } from "./account.ts";
import { clusterArgument, postgresEnvironment } from "./cluster.ts";
import { launcherSetting } from "./process-table.ts";

/** Recovery after a crash replays up to max_wal_size of log; minutes on a slow disk. */
const readyTimeoutMs = 300_000;
/** Together within the 15 s that a process gives each of its parts to stop. */
const fastShutdownMs = 10_000;
const immediateShutdownMs = 4_000;
/** Lines of Postgres's log kept to explain a failed start. */
const linesKept = 20;

export interface PostmasterOptions {
  readonly nativeDir: string;
  readonly clusterDir: string;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
}

export interface Postmaster {
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Stops cleanly; at once, leaving recovery to the next start, when that takes too long. May be called again. */
  stop(): Promise<void>;
}

/** Postgres ended before it was ready; `output` is what it said. */
export class PostmasterExit extends Error {
  readonly output: string;

  constructor(output: string) {
    super(`Embedded Postgres did not start: ${output}`);
    this.output = output;
  }
}

/** Starts the server and resolves when it accepts connections. Throws PostmasterExit when it ends instead. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { clusterDir, account, log } = options;
  const settings = Object.entries({ ...options.settings, [launcherSetting]: process.pid }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const child = spawn(join(options.nativeDir, "bin", "postgres"), ["-D", clusterArgument(clusterDir, account), ...settings], {
    ...account,
    cwd: clusterDir,
    env: postgresEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
    // A session of its own: the terminal's Ctrl-C reaches us alone, and we stop Postgres after everything that uses it.
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  const endWithUs = (): void => void child.kill("SIGINT");
  process.once("exit", endWithUs);
  void exited.then(() => process.off("exit", endWithUs));
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= shutDown(child, exited, log);
    return stopping;
  };
  try {
    await withTimeout(untilReady(child, log), readyTimeoutMs, `Embedded Postgres was not ready after ${readyTimeoutMs / 1000} s.`);
  } catch (error) {
    await stop();
    throw error;
  }
  void exited.then(() => {
    if (stopping === undefined) log.error({ exitCode: child.exitCode, signal: child.signalCode }, "Postgres ended unexpectedly");
  });
  return { pid: child.pid ?? 0, exited, stop };
}

/** Follows the server's log: into ours, and until the line that says it is ready. */
function untilReady(child: ChildProcess & { readonly stderr: NodeJS.ReadableStream }, log: Log): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > linesKept) lines.shift();
    if (line.includes("database system is ready to accept connections")) resolve();
    // Postgres calls it fatal for the connection when a shutdown ends one.
    const isRoutine = line.includes("terminating connection due to administrator command");
    if (!isRoutine && /\b(FATAL|PANIC|WARNING):/.test(line)) log.warn({ postgres: line }, "Postgres reports");
    else log.debug({ postgres: line }, "Postgres reports");
  });
  child.once("error", (cause) => reject(new StartError(`Embedded Postgres could not be run: ${cause.message}`, { cause })));
  child.once("close", () => reject(new PostmasterExit(lines.join("\n") || `exit status ${child.exitCode}`)));
  return promise;
}

async function shutDown(child: ChildProcess, exited: Promise<void>, log: Log): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill("SIGINT");
  try {
    await withTimeout(exited, fastShutdownMs, "Postgres takes too long to stop");
  } catch {
    log.warn({ pid: child.pid }, "Postgres takes too long to stop; it will recover from its log at the next start");
    child.kill("SIGQUIT");
    await withTimeout(exited, immediateShutdownMs, "Postgres does not stop");
  }
}
