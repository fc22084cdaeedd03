import { inject } from "vitest";
import { cloneDatabase, type TestDatabase, type TestPostgres } from "./postgres.ts";

/**
 * A real Postgres database for one test file: migrated, empty, nobody else's. Call `drop` in `afterAll`; the run's end removes what is left.
 * Only within Vitest; elsewhere use `startTestPostgres`.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const response = await fetch(inject("postgresDoor"));
  const text = await response.text();
  if (!response.ok) throw new Error(`the test run has no Postgres: ${text}`);
  return cloneDatabase(JSON.parse(text) as Pick<TestPostgres, "connectionString" | "template">);
}
