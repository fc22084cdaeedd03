import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/start.ts";
import { migrate } from "./migrate.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

let base: string;
let server: EmbeddedPostgres;
let directory: string;
let connectionString: string;
let client: pg.Client;
let count = 0;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "mooring-migrate-"));
  server = await startEmbeddedPostgres({ dataDir: join(base, "postgres"), port: 0, log: silentLog });
});

afterAll(async () => {
  await server.stop();
  rmSync(base, { recursive: true, force: true });
});

beforeEach(async () => {
  const name = `migrate_${count++}`;
  directory = join(base, name, "prisma", "migrations");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "migration_lock.toml"), 'provider = "postgresql"\n');
  const admin = new pg.Client({ connectionString: server.connectionString });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  connectionString = Object.assign(new URL(server.connectionString), { pathname: `/${name}` }).href;
  client = new pg.Client({ connectionString });
  await client.connect();
});

afterEach(() => client.end());

function write(name: string, sql: string): void {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, "migration.sql"), sql);
}

function run(lockTimeoutMs = 30_000): ReturnType<typeof migrate> {
  return migrate({ connectionString, directory, log: silentLog, lockTimeoutMs });
}

/** Prisma's own command line on the same folder and database. */
function prisma(...parameters: string[]): { readonly status: number | null; readonly output: string } {
  const root = join(directory, "..", "..");
  writeFileSync(join(root, "prisma", "schema.prisma"), 'datasource db {\n  provider = "postgresql"\n}\n');
  const config = `export default { schema: "prisma/schema.prisma", migrations: { path: "prisma/migrations" }, datasource: { url: ${JSON.stringify(connectionString)} } };\n`;
  writeFileSync(join(root, "prisma.config.mjs"), config);
  const cli = join(repository, "node_modules", "prisma", "build", "index.js");
  const engine = fileURLToPath(new URL("./schema-engine/schema-engine.mjs", import.meta.url));
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: engine, CHECKPOINT_DISABLE: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...parameters], { cwd: root, env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

describe("migrate", () => {
  test("applies what is missing, in the order of the names, once", async () => {
    write("2_second", "ALTER TABLE t ADD COLUMN b int");
    write("1_first", "CREATE TABLE t (a int)");
    expect(await run()).toEqual({ applied: ["1_first", "2_second"] });
    expect(await run()).toEqual({ applied: [] });
    write("3_third", "ALTER TABLE t ADD COLUMN c int");
    expect(await run()).toEqual({ applied: ["3_third"] });
  });

  test("applies each migration once when several processes start together", async () => {
    write("1_first", "CREATE TABLE t (a int); SELECT pg_sleep(0.2)");
    write("2_second", "CREATE TABLE u (a int)");
    const results = await Promise.all([run(), run(), run()]);
    expect(results.flatMap(({ applied }) => applied)).toEqual(["1_first", "2_second"]);
  });

  test("keeps Prisma's records: its migrate status and deploy find nothing to do", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    write("2_function", "CREATE FUNCTION f() RETURNS int AS $$ BEGIN PERFORM 1; RETURN 2; END $$ LANGUAGE plpgsql");
    await run();
    expect(prisma("migrate", "status")).toMatchObject({ status: 0, output: expect.stringContaining("Database schema is up to date") });
    expect(prisma("migrate", "deploy")).toMatchObject({ status: 0, output: expect.stringContaining("No pending migrations to apply") });
  });

  test("accepts what Prisma's migrate deploy has applied", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    write("2_function", "CREATE FUNCTION f() RETURNS int AS $$ BEGIN PERFORM 1; RETURN 2; END $$ LANGUAGE plpgsql");
    expect(prisma("migrate", "deploy")).toMatchObject({ status: 0 });
    expect(await run()).toEqual({ applied: [] });
    expect((await client.query("SELECT f()")).rows).toEqual([{ f: 2 }]);
  });

  test("leaves nothing of a migration that fails, records why, and refuses to go on until someone has looked", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    write("2_broken", "CREATE TABLE half (a int); ALTER TABLE missing ADD COLUMN b int");
    write("3_third", "CREATE TABLE u (a int)");
    await expect(run()).rejects.toThrow('The migration 2_broken failed: relation "missing" does not exist');
    const { rows } = await client.query(
      "SELECT migration_name, finished_at IS NOT NULL AS finished, logs FROM _prisma_migrations ORDER BY started_at",
    );
    expect(rows).toEqual([
      { migration_name: "1_first", finished: true, logs: null },
      { migration_name: "2_broken", finished: false, logs: expect.stringContaining("Database error code: 42P01") },
    ]);
    expect((await client.query("SELECT to_regclass('half') AS half, to_regclass('u') AS u")).rows).toEqual([{ half: null, u: null }]);
    await expect(run()).rejects.toThrow("The migration 2_broken failed earlier.");
    expect(prisma("migrate", "deploy").output).toContain("P3009");
    expect(prisma("migrate", "resolve", "--rolled-back", "2_broken")).toMatchObject({ status: 0 });
    write("2_broken", "CREATE TABLE half (a int)");
    expect(await run()).toEqual({ applied: ["2_broken", "3_third"] });
  });

  test("a migration that was cut off leaves nothing, and the next start applies it", async () => {
    write("1_first", "CREATE TABLE t (a int); SELECT pg_sleep(60)");
    const cut = expect(run()).rejects.toThrow("The migration 1_first failed");
    const kill =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
    await expect.poll(async () => (await client.query(kill)).rowCount).toBe(1);
    await cut;
    write("1_first", "CREATE TABLE t (a int)");
    expect(await run()).toEqual({ applied: ["1_first"] });
  });

  test("records the failure also of a script that opens a transaction of its own", async () => {
    write("1_broken", "BEGIN; CREATE TABLE half (a int); SELECT 1 / 0; COMMIT");
    await expect(run()).rejects.toThrow("division by zero");
    expect((await client.query("SELECT logs, to_regclass('half') AS half FROM _prisma_migrations")).rows).toEqual([
      { logs: expect.stringContaining("division by zero"), half: null },
    ]);
  });

  test("refuses a migration that was edited after it was applied, by name, and applies nothing", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    await run();
    write("1_first", "CREATE TABLE t (a bigint)");
    write("2_second", "CREATE TABLE u (a int)");
    await expect(run()).rejects.toThrow("The migration 1_first was edited after it was applied");
    expect((await client.query("SELECT to_regclass('u') AS u")).rows).toEqual([{ u: null }]);
  });

  test("refuses a database that a newer version has migrated", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    write("2_newer", "CREATE TABLE u (a int)");
    await run();
    rmSync(join(directory, "2_newer"), { recursive: true });
    await expect(run()).rejects.toThrow("The database has the migration 2_newer, which this version does not know");
  });

  test("waits for another process that is migrating, but not for ever", async () => {
    write("1_first", "CREATE TABLE t (a int)");
    await client.query("SELECT pg_advisory_lock(72707369)");
    await expect(run(100)).rejects.toThrow("Another process has been migrating the database for more than 0.1 s.");
    const waiting = run();
    await client.query("SELECT pg_advisory_unlock(72707369)");
    expect(await waiting).toEqual({ applied: ["1_first"] });
  });

  test("says so when the folder, a migration's SQL or the database is not there", async () => {
    mkdirSync(join(directory, "1_empty"));
    await expect(run()).rejects.toThrow("The migration 1_empty has no migration.sql");
    rmSync(directory, { recursive: true });
    await expect(run()).rejects.toMatchObject({ name: "StartError", message: expect.stringContaining("does not exist") });
    mkdirSync(directory);
    connectionString = "postgresql://mooring:x@127.0.0.1:1/mooring";
    await expect(run()).rejects.toThrow("The database cannot be reached to migrate it");
  });
});
