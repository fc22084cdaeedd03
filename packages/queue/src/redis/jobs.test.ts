import { silentLog } from "@mooring/kit";
import { findRedis, startFaultProxy, startRedis } from "@mooring/testkit";
import { afterAll, describe, expect, test, vi } from "vitest";
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
    await vi.waitFor(() => expect(done).toEqual([1]), { timeout: 5_000 });
    await own.kill();
    const start = performance.now();
    await expect(queue.add("job", 2)).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - start).toBeLessThan(5_500);
    const again = await startRedis({ port: own.port });
    await vi.waitFor(() => queue.add("job", 3), { timeout: 10_000 });
    await vi.waitFor(() => expect(done).toEqual([1, 3]), { timeout: 15_000 });
    await jobs.close();
    await again?.stop();
  });

  test("workers go on after their connections went dead without a word", { timeout: 60_000 }, async ({ skip }) => {
    if (redis === undefined) return skip("there is no Redis");
    const behind = new URL(redis.url);
    const proxy = await startFaultProxy({ target: () => behind.host, random: Math.random });
    const url = redis.url.replace(behind.host, proxy.address);
    const jobs = await openJobs({ backend: { kind: "redis", url }, log: silentLog });
    const done: unknown[] = [];
    await jobs.work("silence", async ({ data }) => void done.push(data));
    const queue = await jobs.queue("silence");
    await queue.add("job", 1);
    await vi.waitFor(() => expect(done).toEqual([1]), { timeout: 5_000 });
    proxy.set({ kind: "halfOpen" });
    await expect(queue.add("job", 2)).rejects.toMatchObject({ code: "unavailable" });
    proxy.set({ kind: "clear" });
    await vi.waitFor(() => queue.add("job", 3), { timeout: 10_000 });
    await vi.waitFor(() => expect(done).toContain(3), { timeout: 25_000 });
    await jobs.close();
    await proxy.stop();
  });

  test("a Redis that is not there is unavailable", async () => {
    const backend = { kind: "redis", url: "redis://127.0.0.1:1" } as const;
    await expect(openJobs({ backend, log: silentLog })).rejects.toMatchObject({ code: "unavailable" });
  });
});
