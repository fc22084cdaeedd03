import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StartError } from "@mooring/kit";

/** What lies in the data folder. */
export interface DataDir {
  readonly postgres: string;
  /** The platform's certificate and, for devices to trust, ca.pem. */
  readonly pki: string;
  /** The authority that signs it, with its key. */
  readonly authority: string;
  /** Seals what is secret in the database. Without it that is lost: it belongs into the backup, but not beside the database's. */
  readonly keyEncryptionKeyFile: string;
  readonly firstKeyFile: string;
}

/** Makes the folder when it is missing. Throws a StartError when it cannot be written. */
export function openDataDir(name: string): DataDir {
  const path = resolve(name);
  try {
    // Others may pass through but not look: Postgres runs as another user when we run as root.
    makeFolder(path);
    if (!statSync(path).isDirectory()) throw new Error("it is not a folder");
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw new StartError(
      `The data folder ${path} cannot be written (${(cause as Error).message}). Make it writable, or name another one in MOORING_DATA_DIR.`,
    );
  }
  return {
    postgres: join(path, "postgres"),
    pki: join(path, "pki"),
    authority: join(path, "authority"),
    keyEncryptionKeyFile: join(path, "secrets", "key-encryption-key"),
    firstKeyFile: join(path, "first-api-key"),
  };
}

/** Not mkdir's own `recursive`, which never returns where the system answers ENOENT for a folder whose parent is there, as below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o711 });
}

/** The first key, if this start made it or an earlier one died before showing it; shown once, so it is gone from here afterwards. */
export function takeFirstKey(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const key = readFileSync(file, "utf8").trim();
  rmSync(file);
  return key;
}
