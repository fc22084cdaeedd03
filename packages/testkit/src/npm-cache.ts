import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { toolCacheDir } from "./apt-cache.ts";
import { reportMissing } from "./loud.ts";

const runFile = promisify(execFile);
const installTimeoutMs = 300_000;
const found = new Map<string, Promise<string | undefined>>();

/**
 * Installs what `folder`'s package.json and package-lock.json name into the cache folder, install scripts left out, and returns the folder that
 * holds its node_modules. Undefined, said loudly, where that does not work; with `MOORING_TEST_REQUIRE_CLIENTS=1` or `CI=true` it throws instead.
 * Remembered for the process.
 */
export function findPackages(folder: string): Promise<string | undefined> {
  let search = found.get(folder);
  if (search === undefined) {
    search = installPackages(folder);
    found.set(folder, search);
  }
  return search;
}

async function installPackages(folder: string): Promise<string | undefined> {
  try {
    return await ensureInstalled(folder);
  } catch (error) {
    const required = process.env["MOORING_TEST_REQUIRE_CLIENTS"] === "1" || process.env["CI"] === "true";
    const words = error instanceof Error ? error.message : String(error);
    reportMissing(`what ${folder}/package.json names`, words.split("\n")[0] ?? "unknown", required);
    return undefined;
  }
}

async function ensureInstalled(folder: string): Promise<string> {
  const lock = await readFile(path.join(folder, "package-lock.json"));
  const base = path.join(toolCacheDir(), "npm");
  const target = path.join(base, createHash("sha256").update(lock).digest("hex").slice(0, 16));
  if (await exists(target)) return target;
  await mkdir(base, { recursive: true });
  const work = await mkdtemp(path.join(base, ".install-"));
  try {
    for (const file of ["package.json", "package-lock.json"]) await copyFile(path.join(folder, file), path.join(work, file));
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await runFile("npm", args, { cwd: work, timeout: installTimeoutMs });
    // Two processes may install at once: the first rename wins and the other's copy is thrown away.
    await rename(work, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
