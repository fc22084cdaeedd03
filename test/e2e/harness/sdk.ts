import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { JsonObject, JsonValue } from "@mooring/contracts";
import { findPackages, until } from "@mooring/testkit";
import { onTestFinished } from "vitest";
import { pathWithOwnNode, root } from "./service-process.ts";

const folder = join(root, "test/e2e/sdks");

/** A device that runs an SDK which nobody here wrote, as a process of its own. What it may be told and says: the scripts of `test/e2e/sdks`. */
export interface SdkDevice {
  tell(command: string, ...args: readonly JsonValue[]): void;
  /** What it said under this name, oldest first. */
  all(event: string): readonly JsonObject[];
  /** Resolves with what it says for the nth time under this name. */
  heard(event: string, index?: number): Promise<JsonObject>;
}

/** Starts a script of `test/e2e/sdks`; it ends with the test. `caFile`: the PEM file of authorities it is to trust beside the usual ones. */
export async function startSdk(script: string, args: readonly string[], caFile: string): Promise<SdkDevice> {
  const sdks = await findPackages(folder);
  if (sdks === undefined) throw new Error("the SDKs of test/e2e/sdks are not to be had here, and these tests are nothing without them");
  const env = { PATH: pathWithOwnNode, MOORING_TEST_SDKS: sdks, NODE_EXTRA_CA_CERTS: caFile };
  const child = spawn("node", [join(folder, script), ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => stop(child));
  // Ended, and all that it said is here.
  let hasClosed = false;
  child.once("close", () => {
    hasClosed = true;
  });
  const events: JsonObject[] = [];
  const complaints: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => events.push(JSON.parse(line) as JsonObject));
  child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString()));
  const all = (event: string): readonly JsonObject[] => events.filter((one) => one["event"] === event);
  return {
    tell: (command, ...rest) => void child.stdin.write(`${JSON.stringify({ do: command, args: rest })}\n`),
    all,
    heard: async (event, index = 0) => {
      await until(`${script} to say ${event}`, () => {
        const failed = all("failed");
        if (event !== "failed" && failed.length > 0) throw new Error(`${script}: ${JSON.stringify(failed)}`);
        if (all(event).length > index) return true;
        if (hasClosed) throw new Error(`${script} ended with ${child.exitCode}: ${complaints.join("")}`);
        return false;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\nit said: ${JSON.stringify(events)}\n${complaints.join("")}`);
      });
      return all(event)[index] as JsonObject;
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
