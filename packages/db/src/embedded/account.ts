import { readFileSync, statSync } from "node:fs";
import { StartError } from "@mooring/kit";

/** Whom Postgres runs as, when not as ourselves. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** System accounts that may own the database files, in order of preference. initdb insists on an account listed in /etc/passwd. */
const candidates = ["postgres", "nobody"];

/**
 * Postgres refuses to run as root, so a process of root's runs it under an unprivileged account: the owner of an existing cluster, so that
 * it stays readable, otherwise a system account. Undefined when we are not root. Throws a StartError where no account serves.
 */
export function chooseAccount(clusterDir: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (process.platform !== "linux")
    throw new StartError("Embedded Postgres cannot be started by root on this system. Start as an ordinary user.");
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const account = findAccount(readFileSync("/etc/passwd", "utf8"));
  if (account !== undefined) return account;
  throw new StartError(
    `Embedded Postgres does not run as root and found no account ${candidates.join(" or ")}. Start as an ordinary user.`,
  );
}

/** The preferred account of a passwd(5) file; root under another name does not count. */
export function findAccount(passwd: string): Account | undefined {
  const rows = passwd.split("\n").map((line) => line.split(":"));
  for (const name of candidates) {
    const row = rows.find((fields) => fields[0] === name);
    const uid = Number(row?.[2] ?? 0);
    const gid = Number(row?.[3] ?? 0);
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  return undefined;
}
