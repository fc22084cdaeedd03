import { asDeviceId, asDeviceName, asProductKey, asTenantId, type LogRecord } from "@mooring/contracts";
import { openTestDatabase } from "@mooring/testkit";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { EventLog } from "../ports.ts";
import { createPostgresEventLog } from "../postgres/event-log.ts";
import { idsOf, readFrom, record, timedId } from "./fixture.test-support.ts";
import { createTailCache } from "./tail-cache.ts";

const database = await openTestDatabase("tail");
afterAll(() => database.stop());

const device = { tenantId: asTenantId("t"), deviceId: asDeviceId("d"), productKey: asProductKey("p"), deviceName: asDeviceName("n") };

/** A log in memory that counts its reads and answers them when the test lets it. */
function createMemoryLog() {
  const records: LogRecord[] = [];
  const asked: number[] = [];
  let gate: Promise<void> | undefined;
  const log: EventLog = {
    async append(added) {
      for (const one of added) records.push({ ...one, offset: (records.at(-1)?.offset ?? 0) + 1 });
      return records.length;
    },
    async read(after, limit) {
      asked.push(after);
      const found = records.filter(({ offset }) => offset > after).slice(0, limit);
      await gate;
      return found;
    },
    first: async () => 1,
    end: async () => records.at(-1)?.offset ?? 0,
    offsetAt: async () => 0,
  };
  const grow = (count: number, body = "{}"): void => {
    for (let i = 0; i < count; i++) {
      const offset = (records.at(-1)?.offset ?? 0) + 1;
      records.push({ offset, messageId: String(offset), device, kind: "message", receivedAtMs: offset, body });
    }
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return () => {
      gate = undefined;
      resolve();
    };
  };
  return { log, asked, grow, hold };
}

const limits = { recordsMax: 100, bytesMax: 1_000_000, extendMax: 10 };
const offsets = (records: readonly LogRecord[]): readonly number[] => records.map(({ offset }) => offset);

describe("the tail cache", () => {
  test("asks once for all who wait at the end, and not at all for those inside", async () => {
    const { log, asked, grow } = createMemoryLog();
    const cache = createTailCache(log, limits);
    await cache.read(0, 10);
    grow(5);
    const readers = Array.from({ length: 100 }, () => cache.read(0, 10));
    for (const records of await Promise.all(readers)) expect(offsets(records)).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toEqual([0, 0]);
    expect(offsets(await cache.read(2, 2))).toEqual([3, 4]);
    expect(asked).toHaveLength(2);
    expect(cache.tail.hits).toBe(101);
  });

  test("does not answer a reader with what was asked before it came: a record committed meanwhile is there", async () => {
    const { log, grow, hold } = createMemoryLog();
    const cache = createTailCache(log, limits);
    const release = hold();
    const early = cache.read(0, 10);
    await new Promise((resolve) => setImmediate(resolve));
    grow(1);
    const late = cache.read(0, 10);
    release();
    expect([offsets(await early), offsets(await late)]).toEqual([[], [1]]);
  });

  test("lets readers that are far behind read Postgres and keeps what it has for the others", async () => {
    const { log, asked, grow } = createMemoryLog();
    grow(1_000);
    const cache = createTailCache(log, limits);
    expect(offsets(await cache.read(990, 10))).toHaveLength(10);
    expect(offsets(await cache.read(5, 3))).toEqual([6, 7, 8]);
    expect(offsets(await cache.read(995, 10))).toEqual([996, 997, 998, 999, 1_000]);
    expect(asked).toEqual([990, 5]);
  });

  test("goes to where a reader is that is further on than it has got", async () => {
    const { log, asked, grow } = createMemoryLog();
    grow(1_000);
    const cache = createTailCache(log, limits);
    await cache.read(0, 10);
    expect(offsets(await cache.read(990, 3))).toEqual([991, 992, 993]);
    expect(asked.at(-1)).toBe(990);
    const queries = asked.length;
    expect(offsets(await cache.read(993, 3))).toEqual([994, 995, 996]);
    expect(asked).toHaveLength(queries);
  });

  test("is not led beyond the end by a reader who asks for what is not there yet", async () => {
    const { log, grow } = createMemoryLog();
    grow(30);
    const cache = createTailCache(log, limits);
    expect(await cache.read(1_000_000, 10)).toEqual([]);
    grow(1);
    expect(offsets(await cache.read(29, 10))).toEqual([30, 31]);
    expect(offsets(await cache.read(30, 10))).toEqual([31]);
    const { hits } = cache.tail;
    await cache.read(30, 10);
    expect(cache.tail.hits).toBe(hits + 1);
  });

  test("keeps no more than its limits, of records and of bytes", async () => {
    for (const [body, kept] of [
      ["{}", 100],
      ["x".repeat(9_700), 50],
    ] as const) {
      const { log, asked, grow } = createMemoryLog();
      grow(200, body);
      const cache = createTailCache(log, limits);
      await readFrom(cache, 0, 10);
      const queries = asked.length;
      await cache.read(200 - kept, 1);
      expect(asked).toHaveLength(queries);
      await cache.read(200 - kept - 1, 1);
      expect(asked).toHaveLength(queries + 1);
    }
  });

  test("a read that fails fails those who wait for it, and the next one asks anew", async () => {
    const { log, grow } = createMemoryLog();
    let isDown = true;
    const cache = createTailCache(
      { ...log, read: (after, limit) => (isDown ? Promise.reject(new Error("down")) : log.read(after, limit)) },
      limits,
    );
    grow(1);
    await expect(Promise.all([cache.read(0, 1), cache.read(0, 1)])).rejects.toThrow("down");
    isDown = false;
    expect(offsets(await cache.read(0, 1))).toEqual([1]);
  });

  test("whatever readers and appenders do at the same time, each reader sees exactly what Postgres has, in order", async () => {
    const log = createPostgresEventLog(database.pool);
    const reader = fc.record({ limit: fc.integer({ min: 1, max: 40 }), start: fc.double({ min: 0, max: 1, noNaN: true }) });
    const world = fc.record({
      cache: fc.record({
        recordsMax: fc.integer({ min: 1, max: 60 }),
        bytesMax: fc.constant(60_000),
        extendMax: fc.integer({ min: 1, max: 20 }),
      }),
      readers: fc.array(reader, { minLength: 1, maxLength: 6 }),
      appenders: fc.array(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ cache: small, readers, appenders }) => {
        const cache = createTailCache(log, small);
        const before = await log.end();
        let isAppending = true;
        const append = async (groups: readonly number[]): Promise<void> => {
          for (const size of groups) await log.append(Array.from({ length: size }, () => record(timedId(Date.now()))));
        };
        const follow = async ({ limit, start }: { limit: number; start: number }) => {
          const after = Math.floor(before * start);
          const seen: LogRecord[] = [];
          for (let isLast = false; !isLast; ) {
            isLast = !isAppending;
            seen.push(...(await readFrom(cache, seen.at(-1)?.offset ?? after, limit)));
          }
          return { after, seen };
        };
        const following = readers.map(follow);
        await Promise.all(appenders.map(append)).finally(() => {
          isAppending = false;
        });
        for (const { after, seen } of await Promise.all(following)) expect(seen).toEqual(await readFrom(log, after));
      }),
      { numRuns: 40 },
    );
    expect(new Set(idsOf(await readFrom(log, 0))).size).toBeGreaterThan(100);
  });
});
