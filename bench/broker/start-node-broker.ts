import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withTimeout } from "@mooring/kit";
import { givenNodeOptions, platformNodeOptions } from "../measure/node-options.ts";
import type { Broker, Certificates } from "./broker.ts";

/** What a broker's script is told, as its only argument, in JSON. */
export interface NodeBrokerPlan extends Certificates {
  readonly sessions: SessionsKind;
  /** For how many seconds TLS sessions can be resumed; 0 for never. */
  readonly tlsSessionS: number;
}

/**
 * Where our gateway keeps what is to outlive it: nowhere, though everything is acknowledged; in its own memory; or, by the sessions service in the
 * same process, in a Postgres that waits for the disk and is the process's child.
 */
export type SessionsKind = "nowhere" | "memory" | "postgres";

/** What it says once it listens. */
export type NodeBrokerFacts = Pick<Broker, "version" | "mqtt" | "mqtts">;

const startMsMax = 30_000;
const stopMsMax = 10_000;

/** Our gateway alone: the code of production, behind the development listener. */
export function startOurs(certificates: Certificates, sessions: SessionsKind, tlsSessionS = 0): Promise<Broker> {
  return start("./ours-main.ts", { ...certificates, sessions, tlsSessionS }, platformNodeOptions());
}

export function startAedes(certificates: Certificates): Promise<Broker> {
  return start("./aedes-main.ts", { ...certificates, sessions: "memory", tlsSessionS: 0 }, givenNodeOptions());
}

export function startFloor(certificates: Certificates): Promise<Broker> {
  return start("./floor-main.ts", { ...certificates, sessions: "nowhere", tlsSessionS: 0 }, platformNodeOptions());
}

async function start(script: string, plan: NodeBrokerPlan, nodeOptions: readonly string[]): Promise<Broker> {
  const main = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(main, [JSON.stringify(plan)], { execArgv: [...nodeOptions], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const endWithUs = (): void => void child.kill("SIGTERM");
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await exited;
    clearTimeout(killer);
    process.off("exit", endWithUs);
  };
  try {
    const facts = await withTimeout(factsOf(child), startMsMax, `${script} did not start within ${startMsMax / 1_000} s.`);
    return { ...facts, pid: child.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function factsOf(child: ChildProcess): Promise<NodeBrokerFacts> {
  return new Promise((resolve, reject) => {
    child.once("message", (facts: NodeBrokerFacts) => resolve(facts));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the broker ended by itself (${code})`)));
  });
}
