import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/start.ts";
import { dropPartition, ensurePartition, listPartitions } from "./partitions.ts";

let base: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "mooring-partitions-"));
  server = await startEmbeddedPostgres({ dataDir: join(base, "postgres"), port: 0, log: silentLog });
  pool = new pg.Pool({ connectionString: server.connectionString });
});

afterAll(async () => {
  await pool.end();
  await server.stop();
  rmSync(base, { recursive: true, force: true });
});

beforeEach(async () => {
  await pool.query(`
    DROP SCHEMA IF EXISTS partitions CASCADE; CREATE SCHEMA partitions;
    DROP TABLE IF EXISTS numbers, days;
    CREATE TABLE numbers (n bigint PRIMARY KEY, word text NOT NULL) PARTITION BY RANGE (n);
    CREATE TABLE days (at timestamptz PRIMARY KEY) PARTITION BY RANGE (at);
    CREATE TABLE partitions.days_default PARTITION OF days DEFAULT`);
});

const numbers = (from: number, to: number) => ({ table: "numbers", key: "n", name: `numbers_${from}`, from: `${from}`, to: `${to}` });
const day = { table: "days", key: "at", name: "days_1", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };

describe("partitions", () => {
  test("are made once, also by several at the same time, with the table's indexes and those of their own", async () => {
    const prepare = (name: string) => `CREATE UNIQUE INDEX ON ${name} (word)`;
    await Promise.all([1, 2, 3].map(() => ensurePartition(pool, { ...numbers(0, 10), prepare })));
    await pool.query("INSERT INTO numbers VALUES (1, 'one')");
    await expect(pool.query("INSERT INTO numbers VALUES (1, 'uno')")).rejects.toThrow("numbers_0_pkey");
    await expect(pool.query("INSERT INTO numbers VALUES (2, 'one')")).rejects.toThrow("numbers_0_word_idx");
  });

  test("are listed from the lowest on, by value", async () => {
    for (const [from, to] of [
      [100, 200],
      [20, 100],
      [0, 20],
    ] as const)
      await ensurePartition(pool, numbers(from, to));
    expect((await listPartitions(pool, "numbers")).map(({ from, to }) => [from, to])).toEqual([
      ["0", "20"],
      ["20", "100"],
      ["100", "200"],
    ]);
    expect((await listPartitions(pool, "numbers"))[0]?.bytes).toBeGreaterThan(0);
  });

  test("that overlap are refused and nothing is left of them", async () => {
    await ensurePartition(pool, numbers(0, 20));
    await expect(ensurePartition(pool, numbers(10, 30))).rejects.toThrow("overlap");
    expect((await pool.query("SELECT to_regclass('partitions.numbers_10') AS there")).rows).toEqual([{ there: null }]);
  });

  test("take over what lay in the default partition", async () => {
    await pool.query("INSERT INTO days VALUES ('2026-01-01T12:00:00Z'), ('2026-01-03T12:00:00Z')");
    await ensurePartition(pool, day);
    expect((await pool.query("SELECT count(*) FROM partitions.days_1")).rows).toEqual([{ count: "1" }]);
    expect((await pool.query("SELECT count(*) FROM days")).rows).toEqual([{ count: "2" }]);
  });

  test("are dropped whole, with a default partition and without, and dropping again does nothing", async () => {
    await ensurePartition(pool, numbers(0, 10));
    await ensurePartition(pool, numbers(10, 20));
    await pool.query("INSERT INTO numbers VALUES (1, 'one'), (11, 'eleven')");
    await dropPartition(pool, "numbers", "numbers_0");
    await dropPartition(pool, "numbers", "numbers_0");
    expect((await pool.query("SELECT n FROM numbers")).rows).toEqual([{ n: "11" }]);
    await ensurePartition(pool, day);
    await pool.query("INSERT INTO days VALUES ('2026-01-01T12:00:00Z')");
    await dropPartition(pool, "days", "days_1");
    expect((await pool.query("SELECT count(*) FROM days")).rows).toEqual([{ count: "0" }]);
  });

  test("a drop that was cut off between detaching and dropping is finished by the next", async () => {
    await ensurePartition(pool, numbers(0, 10));
    await pool.query(`ALTER TABLE numbers DETACH PARTITION partitions.numbers_0`);
    await dropPartition(pool, "numbers", "numbers_0");
    expect((await pool.query("SELECT to_regclass('partitions.numbers_0') AS there")).rows).toEqual([{ there: null }]);
  });
});
