import type { Log } from "@mooring/kit";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { PrismaClient } from "./gen/client.ts";

export interface DatabaseOptions {
  readonly connectionString: string;
  /** Most connections at once. Data plane and control plane each open a database of their own, so that neither waits for the other. */
  readonly poolSize: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly log: Log;
  /** Postgres ends a statement that runs longer. 15 s when not given. */
  readonly statementTimeoutMs?: number;
}

export interface Database {
  /** For what is read or written now and then. Shares the pool below. */
  readonly prisma: PrismaClient;
  /** For hot statements in raw SQL. */
  readonly pool: pg.Pool;
  /** Resolves when the connections are closed; statements under way are finished first. May be called again. */
  close(): Promise<void>;
}

/** For a free connection or a new one. Callers have deadlines of some seconds: waiting longer helps nobody. */
const connectTimeoutMs = 5_000;
const defaultStatementTimeoutMs = 15_000;
/** A transaction that its process forgot, or froze in, gives its locks back. */
const idleInTransactionTimeoutMs = 30_000;
/** Client-side limit over the server's own, for a server that does not answer at all. */
const answerGraceMs = 5_000;
const idleConnectionMs = 60_000;
/** A connection may die without a word. Both ends ask after so much silence, instead of the two hours of the operating system. */
const keepAliveMs = 10_000;
/** What the server does about it: a session whose process is out of reach is over, with its locks, about half a minute later. */
const serverKeepAlive = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4";

/**
 * A database to work with. Connects at the first statement and reconnects by itself; statements that wait for a connection for more than
 * 5 s fail. Errors of idle connections are logged.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { applicationName, log } = options;
  const statementTimeoutMs = options.statementTimeoutMs ?? defaultStatementTimeoutMs;
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.poolSize,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleConnectionMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerGraceMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    options: serverKeepAlive,
  });
  let closing: Promise<void> | undefined;
  // Without a listener, a connection lost while idle would end the process.
  pool.on("error", (error) => {
    if (closing === undefined) log.warn({ err: error, applicationName }, "lost an idle database connection");
  });
  // While a connection is lent out its loss fails the statement; the event itself must not end the process either.
  pool.on("connect", (client) => client.on("error", (error) => log.debug({ err: error, applicationName }, "lost a database connection")));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    pool,
    close() {
      closing ??= prisma.$disconnect().then(() => pool.end());
      return closing;
    },
  };
}
