import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { endOrphanedPostgres, migrate, startEmbeddedPostgres } from "@mooring/db";
import { pause, silentLog } from "@mooring/kit";
import pg from "pg";
import { fastFolder } from "./fast-folder.ts";

const migrationsDirectory = fileURLToPath(new URL("../../../prisma/migrations", import.meta.url));
const dataDirPrefix = "mooring-test-postgres-";

/** A server for tests, with one migrated database that the others are copies of. */
export interface TestPostgres {
  /** For a role that may create databases. */
  readonly connectionString: string;
  readonly template: string;
  /** Drops the template; stops the server and removes its files if it was started here. */
  stop(): Promise<void>;
}

/** A database of one test file's own. */
export interface TestDatabase {
  readonly connectionString: string;
  /** Ends its connections and removes it. */
  drop(): Promise<void>;
}

/**
 * The server at `MOORING_TEST_POSTGRES_URL`, or an embedded one that does not wait for the disk, in memory if there is room: tests of
 * durability start an embedded Postgres of their own.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  const server = await openServer(process.env["MOORING_TEST_POSTGRES_URL"]);
  const template = `mooring_template_${randomName()}`;
  try {
    await administer(server.connectionString, `CREATE DATABASE ${template}`);
    // A checkout whose schema has no migration yet has no such folder.
    const connectionString = databaseAddress(server.connectionString, template);
    if (existsSync(migrationsDirectory)) await migrate({ connectionString, directory: migrationsDirectory, log: silentLog });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    connectionString: server.connectionString,
    template,
    async stop() {
      try {
        await administer(server.connectionString, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      } finally {
        await server.stop();
      }
    },
  };
}

/** A fresh copy of the template: every migration applied, no rows. Takes about 50 ms. */
export async function cloneDatabase(server: Pick<TestPostgres, "connectionString" | "template">): Promise<TestDatabase> {
  const name = `mooring_test_${randomName()}`;
  await administer(server.connectionString, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  return {
    connectionString: databaseAddress(server.connectionString, name),
    drop: () => dropDatabase(server.connectionString, name),
  };
}

interface Server {
  readonly connectionString: string;
  stop(): Promise<void>;
}

async function openServer(givenUrl: string | undefined): Promise<Server> {
  if (givenUrl !== undefined && givenUrl !== "") return { connectionString: givenUrl, stop: async () => undefined };
  await removeAbandoned();
  const dataDir = mkdtempSync(join(fastFolder(), `${dataDirPrefix}${process.pid}-`));
  const settings = { fsync: "off", full_page_writes: "off", synchronous_commit: "off" };
  const server = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres"), port: 0, log: silentLog, settings });
  return {
    connectionString: server.connectionString,
    async stop() {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What test runs that were killed have left: their servers and their folders. The folder's name tells which process made it. */
async function removeAbandoned(): Promise<void> {
  for (const dataDir of [...new Set([tmpdir(), fastFolder()])].flatMap(listDataDirs)) {
    if (isRunning(Number(basename(dataDir).slice(dataDirPrefix.length).split("-")[0]))) continue;
    await endOrphanedPostgres(join(dataDir, "postgres"), silentLog);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function listDataDirs(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(dataDirPrefix));
  return names.map((name) => join(folder, name));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: another user's, so not ours to remove.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function administer(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Postgres does not let us end its own autovacuum, which is done with a database of ours in a moment. */
async function dropDatabase(connectionString: string, name: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await administer(connectionString, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      if ((error as { code?: string }).code !== insufficientPrivilege || tries === dropTriesMax) throw error;
      await pause(100 * tries);
    }
  }
}

const insufficientPrivilege = "42501";
const dropTriesMax = 10;

function databaseAddress(connectionString: string, database: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${database}`;
  return url.href;
}

function randomName(): string {
  return randomUUID().replaceAll("-", "");
}
