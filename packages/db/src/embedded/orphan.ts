import { readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Log, pause, StartError } from "@mooring/kit";
import { type DataDirectory, dataDirectory } from "./data-directory.ts";
import { findServer, isAlive, isTaken } from "./process-table.ts";

/** A fast shutdown writes what is in memory to disk; with 128 MB of buffers that takes seconds, on a slow disk more. */
const fastShutdownMs = 30_000;
/** An immediate shutdown writes nothing: the next start recovers from the log. */
const immediateShutdownMs = 10_000;

/**
 * Ends the Postgres that a killed run left behind on this data directory, cleanly, so that a new one can start; nothing committed is lost.
 * Throws a StartError when the Postgres there belongs to a run that is still alive, or does not end.
 */
export async function endOrphan(directory: DataDirectory, log: Log): Promise<void> {
  const pidFile = join(directory.clusterDir, "postmaster.pid");
  const pid = readPid(pidFile);
  if (pid === undefined) return;
  const server = findServer(pid, realpathSync(directory.clusterDir));
  if (server?.launcherPid !== undefined) {
    throw new StartError(
      `Process ${server.launcherPid} is already running on the data directory ${directory.path}. Stop it, or choose another data directory.`,
    );
  }
  if (server !== undefined) {
    log.warn({ pid }, "stopping the Postgres that an earlier run left behind");
    await endServer(pid, log);
  }
  // Postgres refuses to start while the recorded id is taken, be it by its own zombie or, as is usual after a restart of a container, by
  // some other process. Deleting the file is safe: Postgres also finds what still runs on this folder by its shared memory.
  if (isTaken(pid)) rmSync(pidFile, { force: true });
}

/** Ends the Postgres that a killed run left behind on this data directory, if there is one, when it is not to be started again. */
export async function endOrphanedPostgres(dataDir: string, log: Log): Promise<void> {
  await endOrphan(dataDirectory(dataDir), log);
}

/** Cleanly, or at once when that takes too long. Throws a StartError if it does not end. */
async function endServer(pid: number, log: Log): Promise<void> {
  if (await signalAndWait(pid, "SIGINT", fastShutdownMs)) return;
  log.warn({ pid }, "Postgres does not stop; it will recover from its log at the next start");
  if (await signalAndWait(pid, "SIGQUIT", immediateShutdownMs)) return;
  throw new StartError(`The Postgres of an earlier run, process ${pid}, does not stop. Stop it by hand and start again.`);
}

async function signalAndWait(pid: number, signal: NodeJS.Signals, limitMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
    throw error;
  }
  for (const end = Date.now() + limitMs; Date.now() < end; await pause(20)) {
    if (!isAlive(pid)) return true;
  }
  return false;
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
