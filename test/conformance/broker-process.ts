import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { pause } from "@mooring/kit";
import { startServiceProcess, tailOf } from "../e2e/harness/service-process.ts";
import type { Address } from "./target.ts";

export interface BrokerCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What it prints is kept there. */
  readonly folder: string;
  /** It has started when it takes connections here. */
  readonly address: Address;
  readonly startMsMax: number;
}

/** Starts a broker and resolves when it takes connections. Throws, with the end of what it printed, when it does not. */
export async function startBroker(broker: BrokerCommand): Promise<{ stop(): Promise<void> }> {
  const logFile = join(broker.folder, "broker.log");
  const child = await startServiceProcess({ command: broker.command, environment: broker.environment, logFile });
  const stop = async (): Promise<void> => void (await child.stop(30_000, "SIGINT"));
  const deadline = Date.now() + broker.startMsMax;
  while (!(await answers(broker.address))) {
    if (!child.isRunning() || Date.now() > deadline) {
      await stop();
      throw new Error(`${broker.command.join(" ")} did not start:\n${tailOf(logFile)}`);
    }
    await pause(20);
  }
  return { stop };
}

async function answers({ host, port }: Address): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
