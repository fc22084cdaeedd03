import { randomUUID } from "node:crypto";
import { type Log, StartError } from "@mooring/kit";
import pg from "pg";
import { type Migration, type MigrationRecord, planMigrations, readMigrations } from "./migrations.ts";

/** The advisory lock that Prisma's own migrate takes, so that it and this never run at once. */
const prismaLockId = 72707369;
const connectTimeoutMs = 10_000;
/** Long enough for another process to finish a slow migration; a process that hangs on the lock is noticed after it. */
const defaultLockTimeoutMs = 120_000;

/** SQLSTATE lock_not_available, what lock_timeout ends with. */
const lockNotAvailable = "55P03";

/** Exactly the table that Prisma makes. */
const createTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

export interface MigrateOptions {
  readonly connectionString: string;
  /** The folder prisma/migrations. */
  readonly directory: string;
  readonly log: Log;
  /** How long to wait for another process that is migrating. */
  readonly lockTimeoutMs?: number;
}

/**
 * Applies the migrations that the database does not have yet, as `prisma migrate deploy` would, without Prisma's command line. Safe to run
 * in many processes at once: one applies, the others wait and find nothing to do. Throws a StartError when the database cannot be brought
 * up to date; a migration that failed is recorded and refused from then on until someone has looked.
 */
export async function migrate(options: MigrateOptions): Promise<{ readonly applied: readonly string[] }> {
  const migrations = readMigrations(options.directory);
  const client = new pg.Client({
    connectionString: options.connectionString,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: "mooring-migrate",
  });
  // A lost connection is told by the query that it fails; without a listener Node would end the process before that is read.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    await client.end();
    throw new StartError(`The database cannot be reached to migrate it: ${(cause as Error).message}`, { cause });
  }
  try {
    await takeLock(client, options.lockTimeoutMs ?? defaultLockTimeoutMs);
    return { applied: await applyPending(client, migrations, options.log) };
  } finally {
    // Ending the session releases the lock.
    await client.end();
  }
}

async function takeLock(client: pg.Client, timeoutMs: number): Promise<void> {
  await client.query(`SET lock_timeout = ${timeoutMs}`);
  try {
    await client.query("SELECT pg_advisory_lock($1)", [prismaLockId]);
  } catch (cause) {
    if (!(cause instanceof pg.DatabaseError) || cause.code !== lockNotAvailable) throw cause;
    throw new StartError(`Another process has been migrating the database for more than ${timeoutMs / 1000} s.`, { cause });
  }
  await client.query("SET lock_timeout = 0");
}

async function applyPending(client: pg.Client, migrations: readonly Migration[], log: Log): Promise<string[]> {
  await client.query("SET client_min_messages = warning");
  await client.query(createTable);
  const columns = "migration_name, checksum, finished_at";
  const { rows } = await client.query<MigrationRecord>(
    `SELECT ${columns} FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  const pending = planMigrations(migrations, rows);
  for (const migration of pending) {
    await apply(client, migration);
    log.info({ migration: migration.name }, "applied a migration");
  }
  return pending.map(({ name }) => name);
}

/**
 * Record and migration are one script, which Postgres runs as one transaction: a process killed in between leaves neither. Only a failure is
 * recorded by itself, as Prisma does, and the next start refuses to pass it.
 */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID();
  const [idText, checksumText, nameText] = [id, checksum, name].map((value) => client.escapeLiteral(value));
  const insert = `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (${idText}, ${checksumText}, ${nameText})`;
  try {
    await client.query(
      `${insert};\n${sql}\n;UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = ${idText}`,
    );
  } catch (cause) {
    await recordFailure(client, insert, { id, name, cause });
    throw new StartError(`The migration ${name} failed: ${(cause as Error).message}`, { cause });
  }
}

async function recordFailure(
  client: pg.Client,
  insert: string,
  failure: { readonly id: string; readonly name: string; readonly cause: unknown },
): Promise<void> {
  const { id, name, cause } = failure;
  const code = cause instanceof pg.DatabaseError ? cause.code : "none";
  const logs = `A migration failed to apply. New migrations cannot be applied before the error is recovered from.\n\nMigration name: ${name}\n\nDatabase error code: ${code}\n\nDatabase error:\n${cause}\n`;
  try {
    // A script with a BEGIN of its own leaves its transaction open when it fails.
    await client.query("ROLLBACK");
    await client.query(`${insert} ON CONFLICT DO NOTHING`);
    await client.query("UPDATE _prisma_migrations SET logs = $2 WHERE id = $1", [id, logs]);
  } catch {
    // The connection is gone, and with it all of the migration: the next start tries again. Its own error is the one to report.
  }
}
