import { randomUUID } from "node:crypto";
import { serviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createChangeFeed, waitersMax } from "./change-feed.ts";
import { type Harness, openHarness } from "./harness.test-support.ts";
import { changeLock, createChangeLog } from "./postgres/change-log.ts";

const gateway = serviceCaller("gateway");

describe("the feed of device changes", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness();
  });
  afterAll(() => harness.stop());

  test("an offset is not drawn before the change with the offset before it is committed", async () => {
    const log = createChangeLog(harness.database);
    const { last } = await log.read(0, 0);
    const recorded = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const first = log.commit(async (_, record) => {
      await record({ productKey: "first" });
      recorded.resolve();
      await release.promise;
    });
    await recorded.promise;
    let secondIsThrough = false;
    const second = log
      .commit((_, record) => record({ productKey: "second" }))
      .then(() => {
        secondIsThrough = true;
      });
    // The second one is at the lock once Postgres says that somebody waits for it.
    await expect.poll(async () => (await harness.database.pool.query(waitingSql)).rows[0].waiting).toBe(1);
    expect(secondIsThrough).toBe(false);
    expect((await log.read(last, 10)).changes).toEqual([]);
    release.resolve();
    await Promise.all([first, second]);
    const { changes } = await log.read(last, 10);
    expect(changes.map(({ productKey }) => productKey)).toEqual(["first", "second"]);
  });

  test("a change that cannot be made in time is refused as such, and leaves nothing half done", async () => {
    const { pool, prisma } = harness.database;
    const holder = await pool.connect();
    const log = createChangeLog(harness.database, { maxWait: 5_000, timeout: 200 });
    const { last } = await log.read(0, 0);
    try {
      await holder.query("BEGIN");
      await holder.query("SELECT pg_advisory_xact_lock($1)", [changeLock]);
      const stuck = log.commit(async (tx, record) => {
        await tx.product.create({ data: { ...stuckProduct, tenantId: randomUUID() } });
        await record(stuckProduct);
      });
      const refused = errorOf(stuck);
      // The transaction's time is over while its statement still waits; it ends when the lock is free.
      await expect.poll(async () => (await pool.query(overdueSql)).rows[0].overdue).toBe(1);
      await holder.query("ROLLBACK");
      expect(await refused).toMatchObject({ code: "unavailable" });
    } finally {
      holder.release(true);
    }
    expect((await log.read(last, 10)).changes).toEqual([]);
    expect(await prisma.product.count({ where: { productKey: stuckProduct.productKey } })).toBe(0);
  });

  test("a reader who follows while many write sees every change once and in order", async () => {
    const { api } = harness;
    const owner = makeCaller();
    const { productKey } = await api.createProduct(owner, { name: "Thermostat" });
    let { next } = await api.listChanges(gateway, {});
    const count = 60;
    const writing = Promise.all(
      Array.from({ length: count }, (_, i) => api.createDevice(owner, { productKey, deviceName: `device-${i}` })),
    );
    const seen: string[] = [];
    const offsets: number[] = [];
    while (seen.length < count) {
      const answer = await api.listChanges(gateway, { after: next, waitMs: 5_000 });
      expect(answer.changes.length).toBeGreaterThan(0);
      for (const change of answer.changes) {
        seen.push(change.deviceId ?? "");
        offsets.push(change.offset);
      }
      next = answer.next;
    }
    const made = await writing;
    expect(new Set(seen)).toEqual(new Set(made.map(({ deviceId }) => deviceId)));
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  });

  test("a change made by another process ends the wait, too", async () => {
    const { next } = await harness.api.listChanges(gateway, {});
    const waiting = harness.api.listChanges(gateway, { after: next, waitMs: 10_000 });
    const deviceId = randomUUID();
    await harness.database.pool.query("INSERT INTO device_changes (product_key, device_id) VALUES ('other', $1)", [deviceId]);
    expect((await waiting).changes).toMatchObject([{ productKey: "other", deviceId }]);
  });

  test("without a change the wait ends with none, and the reader goes on from where it was", async () => {
    const { next } = await harness.api.listChanges(gateway, {});
    expect(await harness.api.listChanges(gateway, { after: next, waitMs: 50 })).toEqual({ changes: [], next });
  });

  test("where the feed does not reach from the reader to here, it is sent to the end without changes", async () => {
    const { api, stores, database } = harness;
    const owner = makeCaller();
    const { next: before } = await api.listChanges(gateway, {});
    for (let i = 0; i < 3; i++) await api.createProduct(owner, { name: "Thermostat" });
    const { next: end } = await api.listChanges(gateway, {});
    await database.pool.query("UPDATE device_changes SET changed_at = changed_at - interval '2 hours'");
    expect(await stores.changes.removeOlderThan(3_600_000)).toBeGreaterThan(0);
    expect(await api.listChanges(gateway, { after: before })).toEqual({ changes: [], next: end });
    expect(await api.listChanges(gateway, { after: end + 100, waitMs: 10_000 })).toEqual({ changes: [], next: end });
    expect(await api.listChanges(gateway, { after: end })).toEqual({ changes: [], next: end });
    expect((await api.listChanges(gateway, { after: end - 1 })).changes.length).toBe(1);
  });

  test("readers who wait are bounded", async () => {
    const wake: (() => void)[] = [];
    const changes = {
      read: async () => ({ first: 0, last: 0, changes: [] }),
      onAppended: (listener: () => void) => {
        wake.push(listener);
        return () => undefined;
      },
      removeOlderThan: async () => 0,
    };
    let nowMs = 0;
    const feed = createChangeFeed({ changes, clock: { now: () => nowMs } });
    const waiting = Array.from({ length: waitersMax }, () => feed.listChanges(gateway, { after: 0, waitMs: 1_000 }));
    expect(await errorOf(feed.listChanges(gateway, { after: 0 }))).toMatchObject({ code: "quotaExceeded" });
    nowMs = 1_000;
    for (const listener of wake) listener();
    await Promise.all(waiting);
    expect(await feed.listChanges(gateway, { after: 0 })).toEqual({ changes: [], next: 0 });
  });

  test.each([
    [{ after: -1 }, "/after"],
    [{ after: 1.5 }, "/after"],
    [{ after: 0, waitMs: 30_001 }, "/waitMs"],
    [{ after: 0, waitMs: -1 }, "/waitMs"],
  ])("%j is refused", async (request, pointer) => {
    expect(pointersOf(await errorOf(harness.api.listChanges(gateway, request)))).toEqual([pointer]);
  });
});

const overdueSql =
  "SELECT count(*)::int AS overdue FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory' AND now() - xact_start > interval '300 ms'";

const stuckProduct = { productKey: "stuck", name: "x", validation: "off", secretAuthentication: false };

const waitingSql =
  "SELECT count(*)::int AS waiting FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
