import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "./redis.ts";

test("a private Redis asks for its password, and comes back empty on the same port after a kill", async ({ skip }) => {
  const redis = await startRedis({ password: "p@ss word" });
  if (redis === undefined) return skip("no redis-server is to be had here");
  try {
    const client = new Redis(redis.url);
    await client.set("a", "1");
    client.disconnect();
    const stranger = new Redis({ port: redis.port, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
    stranger.on("error", () => undefined);
    await expect(stranger.get("a")).rejects.toThrow();
    stranger.disconnect();
  } finally {
    await redis.kill();
  }
  const again = await startRedis({ port: redis.port });
  if (again === undefined) throw new Error("a server that started once starts again");
  const client = new Redis(again.url);
  expect(await client.get("a")).toBeNull();
  client.disconnect();
  await again.stop();
  expect(() => process.kill(again.pid, 0)).toThrow("ESRCH");
});
