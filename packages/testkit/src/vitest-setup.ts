import type { TestProject } from "vitest/node";
import { setupPostgres } from "./postgres-setup.ts";
import { setupRedis } from "./redis-setup.ts";

/** Vitest's global setup: what all test files of a run share. The returned teardown runs also when tests have failed. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stopRedis = await setupRedis(project);
  const stopPostgres = await setupPostgres(project);
  return async () => {
    await Promise.all([stopPostgres(), stopRedis()]);
  };
}
