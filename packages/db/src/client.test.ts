import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@mooring/kit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "./client.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/start.ts";
import { transaction } from "./transaction.ts";

let base: string;
let server: EmbeddedPostgres;
let database: Database;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "mooring-client-"));
  server = await startEmbeddedPostgres({ dataDir: join(base, "postgres"), port: 0, log: silentLog });
});

afterAll(async () => {
  await server.stop();
  rmSync(base, { recursive: true, force: true });
});

beforeEach(async () => {
  database = open();
  await database.pool.query("DROP TABLE IF EXISTS t; CREATE TABLE t (a int PRIMARY KEY)");
});

afterEach(() => database.close());

function open(statementTimeoutMs = 10_000): Database {
  return openDatabase({
    connectionString: server.connectionString,
    poolSize: 2,
    applicationName: "client test",
    log: silentLog,
    statementTimeoutMs,
  });
}

async function rows(): Promise<number[]> {
  return (await database.pool.query<{ a: number }>("SELECT a FROM t ORDER BY a")).rows.map(({ a }) => a);
}

describe("openDatabase", () => {
  test("gives Prisma and raw SQL the same database, and the server its name", async () => {
    const sql = "SELECT application_name AS name FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    expect(await database.prisma.$queryRawUnsafe(sql)).toEqual([{ name: "client test" }]);
    expect((await database.pool.query(sql)).rows).toEqual([{ name: "client test" }]);
  });

  test("ends a statement that runs too long", async () => {
    const hasty = open(50);
    await expect(hasty.pool.query("SELECT pg_sleep(20)")).rejects.toMatchObject({ code: "57014" });
    await hasty.close();
  });

  test("the server, too, gives a silent client up within half a minute, so that a lost one keeps no lock for hours", async () => {
    const { rows: settings } = await database.pool.query<{ name: string; value: number }>(
      "SELECT name, setting::int AS value FROM pg_settings WHERE name LIKE 'tcp_keepalives_%'",
    );
    const setTo = (name: string): number => settings.find((setting) => setting.name === `tcp_keepalives_${name}`)?.value ?? 0;
    expect(setTo("idle")).toBeGreaterThan(0);
    expect(setTo("idle") + setTo("interval") * setTo("count")).toBeLessThanOrEqual(30);
  });

  test("survives the loss of every connection, idle or in use", async () => {
    const used = database.pool.query("SELECT pg_sleep(20)");
    const lost = expect(used).rejects.toThrow();
    const other = open();
    const others = "application_name = 'client test' AND pid <> pg_backend_pid()";
    await expect
      .poll(async () => (await other.pool.query(`SELECT query FROM pg_stat_activity WHERE ${others} AND query LIKE '%pg_sleep%'`)).rowCount)
      .toBe(1);
    await other.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`);
    await lost;
    expect(await rows()).toEqual([]);
    await other.close();
  });

  test("closes every connection, and may be closed twice", async () => {
    const closed = open();
    await Promise.all([closed.prisma.$queryRaw`SELECT 1`, closed.pool.query("SELECT 1")]);
    await Promise.all([closed.close(), closed.close()]);
    expect(closed.pool.totalCount).toBe(0);
  });
});

describe("transaction", () => {
  test("commits what the work did and gives its result", async () => {
    const result = await transaction(database.pool, async (client) => {
      await client.query("INSERT INTO t VALUES (1), (2)");
      return "done";
    });
    expect(result).toBe("done");
    expect(await rows()).toEqual([1, 2]);
  });

  test("rolls everything back when the work throws, and lets its error through", async () => {
    const failure = new Error("no");
    const work = transaction(database.pool, async (client) => {
      await client.query("INSERT INTO t VALUES (1)");
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(await rows()).toEqual([]);
  });

  test("does not pass for committed when a statement failed and the work caught its error", async () => {
    const work = transaction(database.pool, async (client) => {
      await client.query("INSERT INTO t VALUES (1)");
      await client.query("INSERT INTO t VALUES (1)").catch(() => undefined);
    });
    await expect(work).rejects.toThrow("the transaction was rolled back");
    expect(await rows()).toEqual([]);
  });

  test("gives the connection back, also a broken one, so that the pool does not run dry", async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const work = transaction(database.pool, (client) => client.query("SELECT pg_terminate_backend(pg_backend_pid())"));
      await expect(work).rejects.toThrow();
    }
    expect(await rows()).toEqual([]);
    expect(database.pool.totalCount - database.pool.idleCount).toBe(0);
  });
});
