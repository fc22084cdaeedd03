import { listPartitions } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { FakeClock, openTestDatabase, until } from "@mooring/testkit";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { ShadowDocument } from "./document.ts";
import type { ShadowPatch } from "./edit.ts";
import { blockVersions } from "./past.ts";
import type { ShadowKey } from "./ports.ts";
import { createPostgresShadowHistory } from "./postgres/shadow-history.ts";
import { createPostgresShadowStore } from "./postgres/shadow-store.ts";
import { type PastPoint, readPast } from "./read-past.ts";
import { startShadowUpkeep } from "./upkeep.ts";
import { keyOf, makeChange, makeDevice } from "./world.test-support.ts";

const database = await openTestDatabase("shadow");
afterAll(async () => {
  await database.stop();
});

const dayMs = 86_400_000;
const noonMs = Date.UTC(2026, 2, 1, 12);
const { pool } = database;
const history = createPostgresShadowHistory(pool);
const dropAll = (): Promise<number> => history.dropDaysBefore(Date.UTC(9999, 0, 1));

beforeEach(async () => {
  await dropAll();
});

const createStore = (clock: FakeClock) => createPostgresShadowStore({ pool, clock, documentBytesMax: 65_536 });

/** What readers may see of a document: all but the estimate of its size. */
const visible = ({ bytesAtMost: _, ...document }: ShadowDocument): Omit<ShadowDocument, "bytesAtMost"> => document;

/** One change; direct, or a report that was received some time before. */
async function change(
  store: ReturnType<typeof createStore>,
  key: ShadowKey,
  patch: ShadowPatch,
  receivedAtMs?: number,
): Promise<ShadowDocument> {
  const more = receivedAtMs === undefined ? {} : ({ kind: "report", receivedAtMs } as const);
  const [outcome] = await store.apply([makeChange(key, patch, more)]);
  if (outcome === undefined || !("after" in outcome)) throw new Error("was refused");
  return outcome.after;
}

async function countRows(key: ShadowKey): Promise<{ rows: number; snapshots: number }> {
  const text = "SELECT count(*)::int AS rows, count(snapshot)::int AS snapshots FROM shadow_changes WHERE device_id = $1";
  return (await pool.query<{ rows: number; snapshots: number }>(text, [key.deviceId])).rows[0] ?? { rows: 0, snapshots: 0 };
}

describe("documents as they were", () => {
  const leaf = fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.integer(), { maxLength: 2 }), fc.string({ maxLength: 3 }));
  const members = fc.dictionary(fc.constantFrom("a", "b"), leaf, { maxKeys: 2 });
  const section = fc.option(fc.dictionary(fc.constantFrom("x", "y", "z"), fc.oneof(leaf, members), { maxKeys: 3 }), { freq: 15 });
  const step = fc.record({
    patch: fc.record({ desired: section, reported: section }, { requiredKeys: [] }),
    afterMs: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }) }, { weight: 1, arbitrary: fc.constant(dayMs / 2) }),
    lateMs: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: undefined }),
  });

  test("are whole and equal, with the times of all members, whatever was said and whenever", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 90 }), async (steps) => {
        const clock = new FakeClock(noonMs);
        const store = createStore(clock);
        const key = keyOf(makeDevice());
        const documents: ShadowDocument[] = [];
        for (const { patch, afterMs, lateMs } of steps) {
          clock.advance(afterMs);
          documents.push(await change(store, key, patch as ShadowPatch, lateMs === undefined ? undefined : clock.now() - lateMs));
        }
        const read = (point: PastPoint): Promise<ShadowDocument> => readPast({ store, history }, key, point);
        for (const document of documents) {
          expect(visible(await read({ version: document.version }))).toEqual(visible(document));
          const then = documents.findLast(({ updatedAtMs }) => updatedAtMs <= document.updatedAtMs) ?? document;
          expect(visible(await read({ timeMs: document.updatedAtMs }))).toEqual(visible(then));
        }
      }),
      { numRuns: 8 },
    );
  });

  test("are made of at most 64 changes; whole documents are few", async () => {
    const clock = new FakeClock(noonMs);
    const store = createStore(clock);
    const key = keyOf(makeDevice());
    const changes = Array.from({ length: 200 }, (_, i) => makeChange(key, { desired: { [`m${i % 9}`]: i } }));
    await store.apply(changes);
    expect(await countRows(key)).toEqual({ rows: 200, snapshots: 4 });
    let most = 0;
    const counting = {
      ...history,
      range: async (...range: Parameters<typeof history.range>) => {
        const rows = await history.range(...range);
        most = Math.max(most, rows.length);
        return rows;
      },
    };
    for (let version = 1; version <= 200; version++) {
      expect((await readPast({ store, history: counting }, key, { version })).desired).toHaveProperty(`m${(version - 1) % 9}`, version - 1);
    }
    expect(most).toBeLessThanOrEqual(blockVersions);
  });
});

describe("days", () => {
  test("are made by the change that finds none", async () => {
    const clock = new FakeClock(noonMs);
    const store = createStore(clock);
    expect(await listPartitions(pool, "shadow_changes")).toEqual([]);
    const keys = [1, 2, 3].map(() => keyOf(makeDevice()));
    await Promise.all(keys.map((key) => change(store, key, { desired: { n: 1 } })));
    for (const key of keys) expect(await countRows(key)).toEqual({ rows: 1, snapshots: 1 });
    expect((await listPartitions(pool, "shadow_changes")).map(({ name }) => name)).toEqual(["shadow_changes_20260301"]);
  });

  test("that are kept are enough to make every document of them, with those before dropped; what is gone is said", async () => {
    const clock = new FakeClock(noonMs);
    const store = createStore(clock);
    const [busy, idle] = [keyOf(makeDevice()), keyOf(makeDevice())];
    const still = await change(store, idle, { desired: { n: 1 } });
    const documents: ShadowDocument[] = [];
    for (let day = 0; day < 6; day++) {
      for (let i = 0; i < 20; i++) documents.push(await change(store, busy, { desired: { [`m${i % 4}`]: i }, reported: { day } }));
      clock.advance(dayMs);
    }
    // Six days later, two whole days are kept: those of the last 40 changes.
    const upkeep = startShadowUpkeep({ history, clock, historyDays: 2, log: silentLog });
    await until("the days before to be dropped", async () => (await countRows(busy)).rows === 40);
    await upkeep.stop();
    expect((await listPartitions(pool, "shadow_changes")).map(({ name }) => name.slice(-4))).toEqual([
      "0305",
      "0306",
      "0307",
      "0308",
      "0309",
    ]);
    const read = (key: ShadowKey, point: PastPoint): Promise<ShadowDocument> => readPast({ store, history }, key, point);
    for (const document of documents.slice(80)) {
      expect(visible(await read(busy, { version: document.version }))).toEqual(visible(document));
    }
    for (const point of [{ version: 80 }, { version: 1 }, { timeMs: noonMs + dayMs }]) {
      await expect(read(busy, point)).rejects.toMatchObject({
        code: "notFound",
        message: "the history of this shadow is kept from version 81 on",
      });
    }
    // A shadow that nothing was said of since is there all the same.
    expect(visible(await read(idle, { version: 1 }))).toEqual(visible(still));
    expect(visible(await read(idle, { timeMs: clock.now() }))).toEqual(visible(still));
    await expect(read(idle, { timeMs: noonMs - 1 })).rejects.toMatchObject({ code: "notFound" });
  });

  test("are made ahead, by any number of processes", async () => {
    const clock = new FakeClock(noonMs);
    const upkeeps = [1, 2, 3].map(() => startShadowUpkeep({ history, clock, historyDays: 30, log: silentLog }));
    await until("three days to be there", async () => (await listPartitions(pool, "shadow_changes")).length === 3);
    await Promise.all(upkeeps.map((upkeep) => upkeep.stop()));
    expect((await listPartitions(pool, "shadow_changes")).map(({ name }) => name.slice(-8))).toEqual(["20260301", "20260302", "20260303"]);
  });
});
