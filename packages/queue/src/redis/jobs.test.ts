import { silentLog } from "@mooring/kit";
import { findRedis, startFaultProxy, startRedis, until } from "@mooring/testkit";
import { afterAll, describe, expect, test } from "vitest";
import { jobsConformance } from "../conformance.ts";
import { openJobs } from "../open-jobs.ts";

const redis = await findRedis();

describe.skipIf(redis === undefined)("on Redis", () => {
  afterAll(async () => {
    await redis?.stop();
  });
  jobsConformance(() => ({ kind: "redis", url: redis?.url ?? "" }));

  test("adding is refused within seconds while Redis is away, and workers go on by themselves when it is back", async ({ skip }) => {
    const own = await startRedis();
    if (own === undefined) return skip("a given Redis cannot be killed");
    const jobs = await openJobs({ backend: { kind: "redis", url: own.url }, log: silentLog });
    const done: unknown[] = [];
    await jobs.work("outage", async ({ data }) => void done.push(data));
    const queue = await jobs.queue("outage");
    await queue.add("job", 1);
    await expect.poll(() => done).toEqual([1]);
    await own.kill();
    const start = performance.now();
    await expect(queue.add("job", 2)).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - start).toBeLessThan(5_500);
    const again = await startRedis({ port: own.port });
    await until("the queue to take jobs", () =>
      queue.add("job", 3).then(
        () => true,
        () => false,
      ),
    );
    await expect.poll(() => done).toEqual([1, 3]);
    await jobs.close();
    await again?.stop();
  });

  test("workers go on after their connections went dead without a word", async ({ skip }) => {
    if (redis === undefined) return skip("there is no Redis");
    const behind = new URL(redis.url);
    const proxy = await startFaultProxy({ target: () => behind.host, random: Math.random });
    const url = redis.url.replace(behind.host, proxy.address);
    const jobs = await openJobs({ backend: { kind: "redis", url }, log: silentLog });
    const done: unknown[] = [];
    await jobs.work("silence", async ({ data }) => void done.push(data));
    const queue = await jobs.queue("silence");
    await queue.add("job", 1);
    await expect.poll(() => done).toEqual([1]);
    proxy.set({ kind: "halfOpen" });
    await expect(queue.add("job", 2)).rejects.toMatchObject({ code: "unavailable" });
    proxy.set({ kind: "clear" });
    await until("the queue to take jobs", () =>
      queue.add("job", 3).then(
        () => true,
        () => false,
      ),
    );
    await expect.poll(() => done).toContain(3);
    await jobs.close();
    await proxy.stop();
  });

  test("a Redis that is not there is unavailable", async () => {
    const backend = { kind: "redis", url: "redis://127.0.0.1:1" } as const;
    await expect(openJobs({ backend, log: silentLog })).rejects.toMatchObject({ code: "unavailable" });
  });
});
