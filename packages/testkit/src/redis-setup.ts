import { findRedis } from "./redis.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The test run's shared Redis; undefined where none is to be had. */
    redisUrl: string | undefined;
  }
}

/** What Vitest's global setup is given; only what is used here. */
interface Project {
  provide(key: "redisUrl", value: string | undefined): void;
}

/**
 * One Redis for the whole run: provides `redisUrl`, and sets `MOORING_TEST_REDIS_URL` so that `findRedis` in the workers,
 * which inherit the environment, finds the same one. Returns the teardown.
 */
export async function setupRedis(project: Project): Promise<() => Promise<void>> {
  const redis = await findRedis();
  project.provide("redisUrl", redis?.url);
  if (redis !== undefined) process.env["MOORING_TEST_REDIS_URL"] = redis.url;
  return async () => {
    await redis?.stop();
  };
}
