import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestDatabase } from "./postgres.ts";
import { createTestDatabase } from "./test-database.ts";

describe("a test database", () => {
  let one: TestDatabase;
  let other: TestDatabase;

  beforeAll(async () => {
    [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });

  afterAll(async () => {
    await Promise.all([one.drop(), other.drop()]);
  });

  test("is nobody else's: what one test file writes another does not see", async () => {
    await query(one.connectionString, "CREATE TABLE mine AS SELECT 1");
    await expect(query(other.connectionString, "SELECT * FROM mine")).rejects.toMatchObject({ code: "42P01" });
  });

  test("is gone after drop, also while a connection to it is open", async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.connectionString });
    client.on("error", (err) => silentLog.debug({ err }, "the connection was ended, as it should be"));
    await client.connect();
    await database.drop();
    await expect(query(database.connectionString, "SELECT 1")).rejects.toMatchObject({ code: "3D000" });
  });
});

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}
