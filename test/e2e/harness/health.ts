import { spawn } from "node:child_process";
import { pause } from "@mooring/kit";
import type { Healthcheck } from "./compose-file.ts";
import { pathWithOwnNode, root } from "./service-process.ts";

export interface HealthOptions {
  readonly check: Healthcheck;
  readonly environment: Readonly<Record<string, string>>;
  /** False once the process has ended by itself. */
  readonly isRunning: () => boolean;
}

/** Runs the check as it is written until it succeeds. False when it has not in the time that the check gives, or the process has ended. */
export async function becomesHealthy({ check, environment, isRunning }: HealthOptions): Promise<boolean> {
  const deadlineMs = Date.now() + check.startPeriodMs + check.retries * check.intervalMs;
  while (isRunning() && Date.now() < deadlineMs) {
    if ((await isWorthAsking(check)) && (await succeeds(check, environment))) return true;
    // A check that is not due for a second would make every start of the tests a second longer.
    await pause(Math.min(check.startIntervalMs, 250));
  }
  return false;
}

const urlIn = /http:\/\/[\w.]+:\d+\/\w+/;

/**
 * Whether the URL that the check fetches, if it does, answers. Each check is a Node of its own: while all services start, those that can only fail
 * would take more of the machine than the services.
 */
async function isWorthAsking({ test, timeoutMs }: Healthcheck): Promise<boolean> {
  const [url] = urlIn.exec(test.join(" ")) ?? [];
  if (url === undefined) return true;
  return fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function succeeds(check: Healthcheck, environment: HealthOptions["environment"]): Promise<boolean> {
  const [kind, ...words] = check.test;
  const [program = "", ...args] = kind === "CMD" ? words : ["/bin/sh", "-c", ...words];
  return new Promise((resolve) => {
    const env = { ...environment, PATH: pathWithOwnNode };
    const child = spawn(program, args, { cwd: root, env, stdio: "ignore", timeout: check.timeoutMs, killSignal: "SIGKILL" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
