// The client, in a process of its own: its work costs the platform nothing but the CPU it uses, and that is reported.
import type { LoadCommand, LoadEvent, LoadPlan } from "./plan.ts";
import { openLoad } from "./run-load.ts";

function tell(event: LoadEvent): void {
  process.send?.(event);
}

async function next<K extends LoadCommand["kind"]>(kind: K): Promise<Extract<LoadCommand, { kind: K }>> {
  return await new Promise((resolve, reject) => {
    process.once("message", (command: LoadCommand) => {
      if (command.kind === kind) resolve(command as Extract<LoadCommand, { kind: K }>);
      else reject(new Error(`expected ${kind}, not ${command.kind}`));
    });
  });
}

async function runPlan(plan: LoadPlan): Promise<void> {
  const load = await openLoad(plan);
  try {
    const go = next("go");
    tell({ kind: "connected" });
    await go;
    const result = await load.run();
    tell({ kind: "result", result });
  } finally {
    load.close();
  }
}

// Ends with its parent, whatever it is doing; and otherwise when its last word has arrived.
process.on("disconnect", () => process.exit(1));
try {
  await runPlan((await next("plan")).plan);
} catch (error) {
  tell({ kind: "failed", message: (error as Error).message });
}
