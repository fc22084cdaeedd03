import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Log, StartError } from "@mooring/kit";
import type { Account } from "./account.ts";
import type { DataDirectory } from "./data-directory.ts";
import { isAlive } from "./process-table.ts";

/** The major version of the programs in the npm package; Postgres reads no other version's files. */
const majorVersion = "18";

export const superuser = "postgres";
export const superuserPasswordFile = "superuser.password";

export interface ClusterOptions {
  readonly directory: DataDirectory;
  readonly nativeDir: string;
  readonly account: Account | undefined;
  readonly log: Log;
}

/**
 * Makes the database cluster if there is none. It is made under another name and renamed when it is complete and synced, so that a
 * process killed meanwhile leaves nothing that looks like a database. The superuser's password file must exist.
 */
export async function ensureCluster(options: ClusterOptions): Promise<void> {
  const { clusterDir, path } = options.directory;
  if (existsSync(clusterDir)) return assertVersion(clusterDir);
  removeDrafts(path);
  const draft = join(path, `${draftPrefix}${process.pid}`);
  mkdirSync(draft, { mode: 0o700 });
  chmodSync(draft, 0o700);
  if (options.account !== undefined) chownSync(draft, options.account.uid, options.account.gid);
  options.log.info({ dataDir: path }, "creating the database");
  await runInitdb(options, draft);
  renameSync(draft, clusterDir);
}

/**
 * How Postgres is told where its files are. A process of root's gives it the folder as its working directory and this name for it: the
 * account may then use the folder also below parents that it cannot enter, such as /root.
 */
export function clusterArgument(clusterDir: string, account: Account | undefined): string {
  return account === undefined ? clusterDir : "/proc/self/cwd";
}

/** Nothing of our environment reaches Postgres: it holds secrets, and PG* and LC_* variables would change what Postgres does. */
export const postgresEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

const draftPrefix = "cluster.draft-";

function removeDrafts(path: string): void {
  for (const name of readdirSync(path)) {
    if (!name.startsWith(draftPrefix)) continue;
    const maker = Number(name.slice(draftPrefix.length));
    if (maker === process.pid || !isAlive(maker)) rmSync(join(path, name), { recursive: true });
  }
}

function assertVersion(clusterDir: string): void {
  const version = readFileSync(join(clusterDir, "PG_VERSION"), "utf8").trim();
  if (version === majorVersion) return;
  throw new StartError(
    `The database in ${clusterDir} was made by PostgreSQL ${version}; this version of Mooring carries ${majorVersion}. Dump it with the old version and restore it with the new one.`,
  );
}

async function runInitdb({ nativeDir, account }: ClusterOptions, draft: string): Promise<void> {
  const parameters = [
    `--pgdata=${clusterArgument(draft, account)}`,
    `--username=${superuser}`,
    `--pwfile=../${superuserPasswordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // Sorting by code point: the same on every machine, whatever locales and library versions it has.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
  ];
  const stdio: ["ignore", "ignore", "pipe"] = ["ignore", "ignore", "pipe"];
  const child = spawn(join(nativeDir, "bin", "initdb"), parameters, { ...account, cwd: draft, env: postgresEnvironment, stdio });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const [status] = await once(child, "close");
  if (status === 0) return;
  rmSync(draft, { recursive: true, force: true });
  throw new StartError(`The database could not be created: ${complaints.trim() || `initdb ended with status ${status}`}`);
}
