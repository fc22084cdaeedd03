import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../embedded/start.ts";

const engine = fileURLToPath(new URL("./schema-engine.mjs", import.meta.url));
const cli = fileURLToPath(new URL("../../../../node_modules/prisma/build/index.js", import.meta.url));

const schema = `
datasource db {
  provider = "postgresql"
}
generator client {
  provider = "prisma-client"
  output = "../gen"
}
model Boat {
  id Int @id @default(autoincrement())
  name String @unique
  berths Berth[]
}
model Berth {
  id Int @id
  boat Boat @relation(fields: [boatId], references: [id])
  boatId Int
}
`;

let base: string;
let server: EmbeddedPostgres;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "mooring-engine-"));
  server = await startEmbeddedPostgres({ dataDir: join(base, "postgres"), port: 0, log: silentLog });
  mkdirSync(join(base, "prisma"));
  writeFileSync(join(base, "prisma", "schema.prisma"), schema);
});

afterAll(async () => {
  await server.stop();
  rmSync(base, { recursive: true, force: true });
});

/** Prisma's command line on the project in `base`; the database `name` need not exist. */
function prisma(name: string, ...parameters: string[]): { readonly status: number | null; readonly output: string } {
  return runPrisma(address(name), ...parameters);
}

function runPrisma(url: string, ...parameters: string[]): { readonly status: number | null; readonly output: string } {
  const config = `export default { schema: "prisma/schema.prisma", migrations: { path: "prisma/migrations" }, datasource: { url: ${JSON.stringify(url)} } };\n`;
  writeFileSync(join(base, "prisma.config.mjs"), config);
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: engine, CHECKPOINT_DISABLE: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...parameters], { cwd: base, env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

function address(name: string): string {
  return Object.assign(new URL(server.connectionString), { pathname: `/${name}` }).href;
}

async function tables(name: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: address(name) });
  await client.connect();
  const { rows } = await client.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
  await client.end();
  return rows.map((row) => row.name);
}

describe("Prisma's command line with the schema engine from npm", () => {
  test("generates the client", () => {
    expect(prisma("unused", "generate")).toMatchObject({ status: 0 });
    expect(existsSync(join(base, "gen", "client.ts"))).toBe(true);
  });

  test("writes a migration from the schema, deploys it to a database it creates, and finds nothing more to do", async () => {
    const migrations = join(base, "prisma", "migrations");
    mkdirSync(migrations);
    writeFileSync(join(migrations, "migration_lock.toml"), 'provider = "postgresql"\n');
    const diff = prisma("mooring", "migrate", "diff", "--from-migrations", migrations, "--to-schema", "prisma/schema.prisma", "--script");
    expect(diff).toMatchObject({ status: 0, output: expect.stringContaining('CREATE TABLE "Boat"') });
    const sql = diff.output.slice(diff.output.indexOf("-- CreateTable"), diff.output.lastIndexOf(";") + 1);
    mkdirSync(join(migrations, "1_boats"));
    writeFileSync(join(migrations, "1_boats", "migration.sql"), sql);

    expect(prisma("harbour", "migrate", "deploy")).toMatchObject({ status: 0, output: expect.stringContaining("1_boats") });
    expect(await tables("harbour")).toEqual(["Berth", "Boat", "_prisma_migrations"]);
    expect(prisma("harbour", "migrate", "status")).toMatchObject({
      status: 0,
      output: expect.stringContaining("Database schema is up to date"),
    });
    const drift = ["migrate", "diff", "--from-config-datasource", "--to-schema", "prisma/schema.prisma", "--exit-code"];
    expect(prisma("harbour", ...drift)).toMatchObject({ status: 0, output: expect.stringContaining("No difference detected") });
  });

  test("develops a migration on a database to which it first has to apply the earlier ones", () => {
    // `migrate dev` insists on a terminal; its engine requests do not. The same two, in one engine process, as it sends them.
    const file = (path: string): object => ({ path, content: readFileSync(path, "utf8") });
    const sql = readFileSync(join(base, "prisma", "migrations", "1_boats", "migration.sql"), "utf8");
    const migrationsList = {
      baseDir: join(base, "prisma", "migrations"),
      lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
      migrationDirectories: [{ path: "1_boats", migrationFile: { path: "migration.sql", content: { tag: "ok", value: sql } } }],
      shadowDbInitScript: "",
    };
    const filters = { externalTables: [], externalEnums: [] };
    const requests = [
      { id: 1, method: "createDatabase", params: {} },
      { id: 2, method: "applyMigrations", params: { migrationsList, filters } },
      {
        id: 3,
        method: "evaluateDataLoss",
        params: { migrationsList, schema: { files: [file(join(base, "prisma", "schema.prisma"))] }, filters },
      },
    ];
    spawnSync(engine, ["--datasource", JSON.stringify({ url: address("dock") }), "cli", "create-database"]);
    const { stdout } = spawnSync(engine, ["--datasource", JSON.stringify({ url: address("dock") })], {
      input: requests.map((request) => `${JSON.stringify({ jsonrpc: "2.0", ...request })}\n`).join(""),
      encoding: "utf8",
    });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { id: 1, result: {} },
      { id: 2, result: { appliedMigrationNames: ["1_boats"] } },
      { id: 3, result: { migrationSteps: 0, warnings: [] } },
    ]);
  });

  test("leaves no shadow database behind", async () => {
    const client = new pg.Client({ connectionString: server.connectionString });
    await client.connect();
    const { rows } = await client.query("SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_shadow%'");
    await client.end();
    expect(rows).toEqual([]);
  });

  test("reports what Postgres said of a failing migration, and refuses to go on under Prisma's code for it", () => {
    const folder = join(base, "prisma", "migrations", "2_broken");
    mkdirSync(folder);
    writeFileSync(join(folder, "migration.sql"), "ALTER TABLE missing ADD COLUMN a int");
    expect(prisma("wreck", "migrate", "deploy")).toMatchObject({ status: 1, output: expect.stringContaining("No such table: missing") });
    expect(prisma("wreck", "migrate", "deploy")).toMatchObject({ status: 1, output: expect.stringContaining("P3009") });
  });

  test("says when the database cannot be reached", () => {
    const unreachable = Object.assign(new URL(server.connectionString), { port: "1" }).href;
    expect(runPrisma(unreachable, "migrate", "status")).toMatchObject({ status: 1, output: expect.stringContaining("P1001") });
  });
});

describe("the schema engine's program", () => {
  test("runs by its path, as Prisma runs it", () => {
    expect(spawnSync(engine, ["--version"], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "schema-engine-cli wasm\n" });
  });

  test("runs under a Node that cannot read TypeScript, by handing over to the project's own", () => {
    const result = spawnSync(process.execPath, ["--no-strip-types", engine, "--version"], { encoding: "utf8" });
    expect(result).toMatchObject({ status: 0, stdout: "schema-engine-cli wasm\n" });
  });
});
