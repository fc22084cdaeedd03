import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout: what the image calls /app. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface ProcessOptions {
  readonly command: readonly string[];
  /** All the process sees besides PATH and where compiled code is kept; nothing else of our own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Gets what it prints, appended; both streams. */
  readonly logFile: string;
}

export interface ServiceProcess {
  readonly pid: number;
  isRunning(): boolean;
  /** Resolves with the exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** The process and all it started, at once; resolves when it has ended. */
  kill9(): Promise<void>;
  /** SIGTERM, as a container is stopped; SIGKILL after the grace. Resolves with the exit code. */
  stop(graceMs: number, signal?: NodeJS.Signals): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) killGroup(child, "SIGKILL");
});

/** PATH with the project's own Node first, as it is first in the image. */
export const pathWithOwnNode = [join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);

const kept = process.env["NODE_COMPILE_CACHE"];
/** Every service reads the same sources: compiled once for all of them, each starts in half the time. */
export const compileCache: Readonly<Record<string, string>> = kept === undefined ? {} : { NODE_COMPILE_CACHE: kept };

/** Starts a process in a group of its own, so that it and its children can be ended together, and a Ctrl-C here is not theirs. */
export async function startServiceProcess(options: ProcessOptions): Promise<ServiceProcess> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, "a");
  const [program = "", ...args] = options.command;
  const environment = { ...options.environment, ...compileCache, PATH: pathWithOwnNode };
  const child = spawn(program, args, { cwd: root, env: environment, stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  running.add(child);
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  await once(child, "spawn");
  const isRunning = (): boolean => running.has(child);
  const kill9 = async (): Promise<void> => {
    killGroup(child, "SIGKILL");
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    isRunning,
    exited,
    kill9,
    async stop(graceMs, signal = "SIGTERM") {
      if (isRunning()) child.kill(signal);
      const timer = setTimeout(() => void kill9(), graceMs);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The end of a log, for an error message. */
export function tailOf(logFile: string, lines = 20): string {
  return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
