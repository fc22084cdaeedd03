import { realpathSync, writeFileSync } from "node:fs";
import { type Log, pause, StartError } from "@mooring/kit";
import { chooseAccount } from "./account.ts";
import { ensureCluster, superuserPasswordFile } from "./cluster.ts";
import { dataDirectory, loadPassword, prepareDataDirectory } from "./data-directory.ts";
import { openNative } from "./native.ts";
import { endOrphan } from "./orphan.ts";
import { choosePort, host } from "./port.ts";
import { type Postmaster, PostmasterExit, type PostmasterOptions, startPostmaster } from "./postmaster.ts";
import { provision } from "./provision.ts";

export interface EmbeddedPostgresOptions {
  /** Made when it is missing. Holds the database, its passwords and the chosen port; nothing else belongs there. */
  readonly dataDir: string;
  /** On 127.0.0.1. 0 chooses a free one at the first start and keeps to it while it stays free. */
  readonly port: number;
  readonly log: Log;
  /** Postgres settings over the defaults below, such as `shared_buffers`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** For the role `mooring`, owner of the database `mooring`. Holds the password. */
  readonly connectionString: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Stops the server within 14 s; resolves when it has ended. May be called again. */
  stop(): Promise<void>;
}

const defaultSettings: Readonly<Record<string, string>> = {
  // Acknowledged means durable: a commit returns after its log record is on disk, and a torn page can be repaired.
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  // Reached over loopback with a password only.
  listen_addresses: host,
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "128MB",
  // Checkpoints seldom under load, yet a recovery of at most 1 GB of log.
  min_wal_size: "256MB",
  max_wal_size: "1GB",
  // Statements here are short: compiling them costs more than it saves.
  jit: "off",
  // What the server does is logged. What a statement did wrong is the client's to know: its text may hold secrets.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_checkpoints: "off",
  log_timezone: "UTC",
  timezone: "UTC",
};

/** After the server process was killed its workers hold the shared memory until they notice, which takes them moments. */
const sharedMemoryWaitMs = 15_000;

/**
 * Starts the Postgres that npm carries, as a child process, on a database of its own; the first start creates it. Stops what an earlier,
 * killed run left behind. Also for root, as an unprivileged account. Throws a StartError, one sentence, when it cannot start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  const directory = dataDirectory(options.dataDir);
  const account = chooseAccount(directory.clusterDir);
  prepareDataDirectory(directory, account);
  const nativeDir = openNative({ account, copyDir: directory.path, log });
  await endOrphan(directory, log);
  const port = await choosePort(options.port, directory.portFile);
  const superuserPassword = loadPassword(directory, superuserPasswordFile, account);
  const rolePassword = loadPassword(directory, "mooring.password", account);
  await ensureCluster({ directory, nativeDir, account, log });
  const settings = { ...defaultSettings, ...options.settings, port: String(port) };
  const server = await startPatiently({ nativeDir, clusterDir: realpathSync(directory.clusterDir), account, settings, log });
  try {
    writeFileSync(directory.portFile, `${port}\n`);
    const connectionString = await provision(port, { superuser: superuserPassword, role: rolePassword });
    return { connectionString, port, pid: server.pid, exited: server.exited, stop: server.stop };
  } catch (cause) {
    await server.stop();
    throw new StartError(`Embedded Postgres started but could not be set up: ${(cause as Error).message}`, { cause });
  }
}

async function startPatiently(options: PostmasterOptions): Promise<Postmaster> {
  for (const end = Date.now() + sharedMemoryWaitMs; ; await pause(100)) {
    try {
      return await startPostmaster(options);
    } catch (error) {
      if (!(error instanceof PostmasterExit)) throw error;
      if (error.output.includes("pre-existing shared memory block") && Date.now() < end) continue;
      throw new StartError(error.message, { cause: error });
    }
  }
}
