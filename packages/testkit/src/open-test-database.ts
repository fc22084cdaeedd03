import { type Database, openDatabase } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { createTestDatabase } from "./test-database.ts";

export interface OpenTestDatabase extends Database {
  /** Closes it and drops what is in it. */
  stop(): Promise<void>;
}

/** No test waits so long for a statement on purpose. */
const statementTimeoutMs = 120_000;

/** A migrated database of the test's own, with connections to it. Inside Vitest only. */
export async function openTestDatabase(name: string): Promise<OpenTestDatabase> {
  const { connectionString, drop } = await createTestDatabase();
  const database = openDatabase({ connectionString, poolSize: 10, applicationName: `${name}-test`, log: silentLog, statementTimeoutMs });
  return {
    ...database,
    async stop() {
      await database.close();
      await drop();
    },
  };
}
