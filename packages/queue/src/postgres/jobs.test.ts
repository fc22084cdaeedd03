import { silentLog } from "@mooring/kit";
import { createTestDatabase, type TestDatabase, until } from "@mooring/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobsConformance } from "../conformance.ts";
import { type JobsBackend, openJobs } from "../open-jobs.ts";

describe("on Postgres", () => {
  let database: TestDatabase;
  const backend = (): JobsBackend => ({ kind: "postgres", connectionString: database.connectionString });
  const ask = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: database.connectionString });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });
  jobsConformance(backend);

  test("the tables live in the schema bullmq and nowhere else; several processes may start at once", async () => {
    await ask("DROP SCHEMA IF EXISTS bullmq CASCADE");
    const before = await ask("SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'");
    const all = await Promise.all([1, 2, 3].map(() => openJobs({ backend: backend(), log: silentLog })));
    for (const jobs of all) await (await jobs.queue("somewhere")).add("job", 1);
    for (const jobs of all) await jobs.close();
    expect(await ask("SELECT count(*)::int AS n FROM bullmq.job")).toEqual([{ n: 3 }]);
    expect(await ask("SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'")).toEqual(before);
  });

  test("workers go on by themselves after all their connections were cut", async () => {
    const jobs = await openJobs({ backend: backend(), log: silentLog });
    const done: unknown[] = [];
    await jobs.work("outage", async ({ data }) => void done.push(data));
    const queue = await jobs.queue("outage");
    await queue.add("job", 1);
    await expect.poll(() => done).toEqual([1]);
    await ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    await until("the queue to take jobs", () =>
      queue.add("job", 2).then(
        () => true,
        () => false,
      ),
    );
    await expect.poll(() => done).toEqual([1, 2]);
    await jobs.close();
  });

  test("close leaves no connection behind", async () => {
    const jobs = await openJobs({ backend: backend(), log: silentLog });
    await jobs.work("leaves", async () => undefined);
    await jobs.queue("leaves");
    await jobs.close();
    const left = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    await expect.poll(() => ask(left)).toEqual([]);
  });

  test("a Postgres that is not there is unavailable", async () => {
    const nowhere = { kind: "postgres", connectionString: "postgres://u:p@127.0.0.1:1/d" } as const;
    await expect(openJobs({ backend: nowhere, log: silentLog })).rejects.toMatchObject({ code: "unavailable" });
  });
});
