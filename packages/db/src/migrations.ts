import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "@mooring/kit";

/** One folder under prisma/migrations: a name that sorts by time, and the SQL. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file's bytes in hex, as Prisma keeps it. */
  readonly checksum: string;
}

/** A row of Prisma's table that is not marked as rolled back. */
export interface MigrationRecord {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/** All migrations of the folder, oldest first. Throws a StartError when the folder, or a migration's SQL, is missing. */
export function readMigrations(directory: string): Migration[] {
  if (!existsSync(directory)) throw new StartError(`The folder of migrations ${directory} does not exist. The installation is incomplete.`);
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => readMigration(directory, name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readMigration(directory: string, name: string): Migration {
  const file = join(directory, name, "migration.sql");
  if (!existsSync(file))
    throw new StartError(`The migration ${name} has no migration.sql in ${directory}. The installation is incomplete.`);
  const bytes = readFileSync(file);
  return { name, sql: bytes.toString("utf8"), checksum: createHash("sha256").update(bytes).digest("hex") };
}

/**
 * The migrations still to apply, in order. Throws a StartError when the database is not in a state to continue from: a migration failed
 * earlier, was edited after it was applied, or comes from a newer version.
 */
export function planMigrations(known: readonly Migration[], records: readonly MigrationRecord[]): Migration[] {
  for (const record of records) {
    const name = record.migration_name;
    const migration = known.find((candidate) => candidate.name === name);
    if (record.finished_at === null) {
      throw new StartError(
        `The migration ${name} failed earlier. See its logs in the table _prisma_migrations, repair the database, then run: npx prisma migrate resolve --rolled-back ${name}`,
      );
    }
    if (migration === undefined) {
      throw new StartError(
        `The database has the migration ${name}, which this version does not know: a newer version has used it. Start that version, or restore a backup.`,
      );
    }
    if (migration.checksum !== record.checksum) {
      throw new StartError(
        `The migration ${name} was edited after it was applied to this database. Restore the file; changes belong in a new migration.`,
      );
    }
  }
  const applied = new Set(records.map((record) => record.migration_name));
  return known.filter(({ name }) => !applied.has(name));
}
