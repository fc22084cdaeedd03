import { silentLog } from "@mooring/kit";
import { type PrivateRedis, startRedis } from "@mooring/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Cluster } from "../cluster.ts";
import { deadAfterMs, heartbeatMs, type Registration } from "../nodes.ts";
import type { PresenceEntry } from "../presence.ts";
import { openRedisCluster } from "./cluster.ts";

const first = await startRedis({ password: "secret" });

/** A Redis that is flushed, killed and frozen: a private one. */
describe.skipIf(first === undefined)("when Redis is lost", () => {
  const claim = { deviceId: "d", clientId: "c", nodeId: "n" };
  const node = { nodeId: "n", kind: "gateway", address: "n:1" } as const;
  let redis: PrivateRedis;
  let cluster: Cluster;
  let registration: Registration | undefined;

  const restart = async (): Promise<void> => {
    const again = await startRedis({ password: "secret", port: redis.port });
    if (again === undefined) throw new Error("a server that started once starts again");
    redis = again;
  };
  const flush = async (): Promise<void> => {
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
  };
  const elapsed = async (operation: Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await expect(operation).rejects.toMatchObject({ code: "unavailable" });
    return performance.now() - start;
  };

  beforeAll(() => {
    if (first !== undefined) redis = first;
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    cluster = await openRedisCluster({ url: redis.url, log: silentLog });
  });
  afterEach(async () => {
    await registration?.stop();
    registration = undefined;
    await cluster.close();
    await flush();
  });

  test("a flush: the node registers again under its number and restores its presence; the next epoch is above the old", async () => {
    const held: PresenceEntry[] = [];
    registration = await cluster.nodes.register(node, {
      onLost: async () => {
        await cluster.presence.restore(held);
      },
    });
    const number = registration.number;
    const { epoch } = await cluster.presence.claim(claim);
    held.push({ ...claim, epoch });
    await flush();
    await vi.waitFor(async () => expect(await cluster.presence.find("d")).toEqual(held), { timeout: 3 * heartbeatMs });
    expect(registration.number).toBe(number);
    expect((await cluster.presence.claim(claim)).epoch).toBeGreaterThan(epoch);
  });

  test("restoring is tried again until it has worked", async () => {
    let calls = 0;
    registration = await cluster.nodes.register(node, {
      onLost: async () => {
        calls += 1;
        if (calls < 3) throw new Error("not yet");
      },
    });
    await flush();
    await vi.waitFor(() => expect(calls).toBe(3), { timeout: 6 * heartbeatMs });
    // A further beat does not restore what is restored already.
    await flush();
    await vi.waitFor(() => expect(calls).toBe(4), { timeout: 3 * heartbeatMs });
  });

  test("a restoring node goes on beating, so that it stays alive however long that takes", async () => {
    const done = Promise.withResolvers<void>();
    let calls = 0;
    registration = await cluster.nodes.register(node, {
      onLost: () => {
        calls += 1;
        return done.promise;
      },
    });
    await flush();
    await vi.waitFor(() => expect(calls).toBe(1), { timeout: 3 * heartbeatMs });
    await flush();
    await vi.waitFor(async () => expect(await cluster.nodes.find("n")).toBeDefined(), { timeout: 3 * heartbeatMs });
    done.resolve();
    // The loss during the restore is restored too.
    await vi.waitFor(() => expect(calls).toBe(2), { timeout: 3 * heartbeatMs });
  });

  test("a kill: every operation rejects with unavailable within 1.5 s, and all work again once Redis is back", async () => {
    let restored = 0;
    const heard: unknown[] = [];
    let gaps = 0;
    registration = await cluster.nodes.register(node, {
      onLost: async () => {
        restored += 1;
      },
    });
    await cluster.broadcast.subscribe("a", (message) => heard.push(message), { onGap: () => (gaps += 1) });
    await redis.kill();
    const operations = [
      () => cluster.presence.claim(claim),
      () => cluster.presence.release({ ...claim, epoch: 1 }),
      () => cluster.presence.find("d"),
      () => cluster.presence.restore([{ ...claim, epoch: 1 }]),
      () => cluster.presence.evict(),
      () => cluster.nodes.find("n"),
      () => cluster.nodes.list("gateway"),
      () => cluster.nodes.register({ ...node, nodeId: "m" }),
      () => cluster.broadcast.publish("a", 1),
      () => cluster.broadcast.subscribe("b", () => undefined),
    ];
    for (const operation of operations) expect(await elapsed(operation())).toBeLessThan(1_500);
    expect(gaps).toBe(0);
    await restart();
    await vi.waitFor(() => expect(restored).toBe(1), { timeout: 5_000 });
    expect((await cluster.presence.claim(claim)).first).toBe(true);
    await vi.waitFor(() => expect(gaps).toBe(1), { timeout: 5_000 });
    await cluster.broadcast.publish("a", "back");
    await vi.waitFor(() => expect(heard).toEqual(["back"]));
  });

  test("a Redis that does not answer: operations reject within 1.5 s, and work again when it does", async () => {
    redis.freeze();
    try {
      expect(await elapsed(cluster.presence.find("d"))).toBeLessThan(1_500);
      expect(await elapsed(cluster.broadcast.publish("a", 1))).toBeLessThan(1_500);
    } finally {
      redis.thaw();
    }
    await vi.waitFor(async () => expect(await cluster.presence.find("d")).toEqual([]), { timeout: 5_000 });
  });

  test("a node that no longer beats is dead after 5 s, and not before 4", async () => {
    const dying = await openRedisCluster({ url: redis.url, log: silentLog });
    const left = await dying.nodes.register(node);
    await cluster.presence.claim(claim);
    // The process is gone as far as Redis can tell: no connection, no goodbye.
    await dying.close();
    const start = performance.now();
    await vi.waitFor(async () => expect(await cluster.presence.find("d")).toEqual([]), { timeout: 2 * deadAfterMs, interval: 50 });
    const tookMs = performance.now() - start;
    expect(tookMs).toBeGreaterThan(deadAfterMs - heartbeatMs - 100);
    expect(tookMs).toBeLessThan(deadAfterMs + 500);
    expect((await cluster.presence.evict()).map(({ last }) => last)).toEqual([true]);
    await left.stop();
  });

  test("a wrong password and a port where nobody listens are unavailable at once", async () => {
    const wrong = redis.url.replace("secret", "guess");
    expect(await elapsed(openRedisCluster({ url: wrong, log: silentLog }))).toBeLessThan(3_000);
    expect(await elapsed(openRedisCluster({ url: "redis://127.0.0.1:1", log: silentLog }))).toBeLessThan(3_000);
  });
});
