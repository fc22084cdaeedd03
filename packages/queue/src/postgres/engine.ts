import type { Log } from "@mooring/kit";
import { createPostgresBackend, DEFAULT_SCHEMA, type PostgresConnectionOptions, runMigrations, withBackend } from "bullmq";
import pg from "pg";
import type { Engine } from "../engine.ts";

/** Connections for statements, and one more per worker, which holds it to LISTEN. Idle ones are closed. */
const statementConnections = 4;
const workersMax = 16;
const connectTimeoutMs = 3_000;
const statementTimeoutMs = 10_000;

export interface PostgresEngineOptions {
  readonly connectionString: string;
  readonly log: Log;
}

/**
 * BullMQ on Postgres. Its tables live in a Postgres schema of their own, `bullmq`, beside the platform's; BullMQ brings the
 * migrations, keeps their ledger there (`bullmq.migration`) and applies them here under an advisory lock, so processes may
 * start at once. The role needs CREATE on the database, once. All queues and workers share one pool.
 */
export async function openPostgresEngine({ connectionString, log }: PostgresEngineOptions): Promise<Engine> {
  const pool = new pg.Pool({
    connectionString,
    max: statementConnections + workersMax,
    connectionTimeoutMillis: connectTimeoutMs,
    // BullMQ's statements name no schema: this says where they look.
    options: `-c search_path=${DEFAULT_SCHEMA} -c statement_timeout=${statementTimeoutMs}`,
    application_name: "mooring-jobs",
    keepAlive: true,
  });
  // Each queue and worker listens for the pool's errors.
  pool.setMaxListeners(0);
  pool.on("error", (error) => log.warn({ err: error }, "the job queue lost an idle connection to Postgres"));
  // One that is lost in use is told by the query that it fails; without a listener Node would end the process.
  pool.on("connect", (client) => client.on("error", (error) => log.debug({ err: error }, "the job queue lost a connection to Postgres")));
  try {
    const client = await pool.connect();
    try {
      await runMigrations(client, DEFAULT_SCHEMA);
    } finally {
      client.release();
    }
  } catch (error) {
    await pool.end();
    throw error;
  }
  const { Queue, Worker } = withBackend(createPostgresBackend);
  // BullMQ takes a pg.Pool, but its own description of one, which spares it the types of pg, does not fit pg's overloads.
  const connection = pool as unknown as PostgresConnectionOptions;
  let workers = 0;
  return {
    createQueue: (name, options) => new Queue(name, { ...options, connection }),
    createWorker(name, processor, options) {
      if (workers === workersMax) throw new Error(`a process has at most ${workersMax} job workers`);
      workers += 1;
      return new Worker(name, processor, { ...options, connection });
    },
    close() {
      // The pool says that it has ended before its connections have, and Postgres may end those first when both are stopped. Who is closed wants
      // to hear nothing of that, and BullMQ's listeners would tell all the same.
      pool.removeAllListeners("error");
      pool.on("error", (error) => log.debug({ err: error }, "the job queue lost a connection while it was closing"));
      return pool.end();
    },
  };
}
