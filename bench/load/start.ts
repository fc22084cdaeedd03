import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadCommand, LoadEvent, LoadPlan, LoadResult } from "./plan.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

/**
 * Runs one plan in a process of its own; `connected` is called when the devices are signed on and silent, and awaited before they post. Rejects
 * when a device is refused or its connection is lost; the process has ended then too.
 */
export async function runLoad(plan: LoadPlan, connected: () => Promise<void>): Promise<LoadResult> {
  const child = fork(main, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    return await follow(child, plan, connected);
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}

function follow(child: ChildProcess, plan: LoadPlan, connected: () => Promise<void>): Promise<LoadResult> {
  const tell = (command: LoadCommand): void => void child.send(command);
  return new Promise((resolve, reject) => {
    child.on("message", (event: LoadEvent) => {
      if (event.kind === "connected") connected().then(() => tell({ kind: "go" }), reject);
      else if (event.kind === "failed") reject(new Error(event.message));
      else resolve(event.result);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the load client ended by itself (${code})`)));
    tell({ kind: "plan", plan });
  });
}
