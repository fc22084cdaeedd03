import { randomBytes } from "node:crypto";
import {
  accessSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { StartError } from "@mooring/kit";
import type { Account } from "./account.ts";

/** What lies in the data directory. */
export interface DataDirectory {
  readonly path: string;
  /** Postgres's own files (PGDATA). */
  readonly clusterDir: string;
  /** The port chosen last, when the caller left it to us. */
  readonly portFile: string;
}

export function dataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  return { path: root, clusterDir: join(root, "cluster"), portFile: join(root, "port") };
}

/** Makes the data directory, private to the account that Postgres runs as. Throws a StartError where this user cannot write. */
export function prepareDataDirectory({ path, clusterDir }: DataDirectory, account: Account | undefined): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new StartError(`The data directory ${path} cannot be written (${reason}). Give this user the right to, or choose another one.`, {
      cause,
    });
  }
  const owner = statSync(clusterDir, { throwIfNoEntry: false })?.uid;
  if (account !== undefined || owner === undefined || owner === process.getuid?.()) return;
  throw new StartError(
    `The database in ${path} belongs to user id ${owner}: it was first started by another user. Start as that user or as root.`,
  );
}

/** The password in the file of this name, made at the first call. One per installation, readable by its owner alone. */
export function loadPassword(directory: DataDirectory, name: string, account: Account | undefined): string {
  const file = join(directory.path, name);
  if (statSync(file, { throwIfNoEntry: false }) === undefined) createPassword(file, account);
  const password = readFileSync(file, "utf8").trim();
  if (password.length < 32) throw new StartError(`${file} does not hold the database's password. Restore it from a backup.`);
  return password;
}

/** The file gets its name when it is complete and on disk, so that a reader never sees half a password and a crash does not lose it. */
function createPassword(file: string, account: Account | undefined): void {
  const draft = `${file}.${process.pid}`;
  const descriptor = openSync(draft, "w", 0o600);
  writeSync(descriptor, `${randomBytes(24).toString("base64url")}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  if (account !== undefined) chownSync(draft, account.uid, account.gid);
  try {
    linkSync(draft, file);
  } catch (error) {
    // Another process starting on the same directory made it first: its password is the one.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
