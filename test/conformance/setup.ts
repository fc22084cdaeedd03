import type { TestProject } from "vitest/node";
import { startTarget, type Target } from "./target.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The broker that all test files of the run judge. */
    conformanceTarget: Target;
  }
}

/** Starts the broker once for the run. Returns the teardown, which runs also when tests have failed. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...target } = await startTarget();
  project.provide("conformanceTarget", target);
  return stop;
}
