import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const runFile = promisify(execFile);

/** A tool on this machine: its file, and the environment its libraries need (empty when the system already has them). */
export interface Tool {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

const fetchTimeoutMs = 120_000;
/** After a failed fetch the next attempt waits this long, so that a machine without internet does not pay at every test file. */
const retryAfterMs = 600_000;
const outputBytesMax = 16 << 20;
const programFolders = ["usr/bin", "usr/sbin", "bin", "sbin"];

/** Where fetched tools live: `MOORING_TEST_CACHE_DIR`, or `~/.cache/mooring-test`. */
export function toolCacheDir(): string {
  return process.env["MOORING_TEST_CACHE_DIR"] ?? path.join(homedir(), ".cache", "mooring-test");
}

/** Looks along PATH, then where Debian keeps daemons, which is not on an ordinary user's PATH. */
export async function findOnPath(name: string): Promise<string | undefined> {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const file = path.join(folder, name);
    if (folder !== "" && (await isFile(file))) return file;
  }
  return undefined;
}

/**
 * Finds the first of `binaries` in Debian's `packages`, fetched without root into the cache folder with every library package
 * the system lacks. The system itself is not changed. Without a tool, the reason: no Debian, nothing to be fetched.
 */
export async function fetchTool(binaries: readonly string[], packages: readonly string[]): Promise<{ tool?: Tool; reason?: string }> {
  const { root, env = {}, reason = "unknown" } = await fetchPackages(packages);
  if (root === undefined) return { reason };
  const file = await firstFile(binaries.flatMap((binary) => programFolders.map((folder) => path.join(root, folder, binary))));
  return file === undefined ? { reason: `${packages.join(", ")} hold no ${binaries.join(", ")}` } : { tool: { path: file, env } };
}

interface Fetched {
  /** Where the packages' files lie, as under `/`. */
  readonly root?: string;
  /** What their libraries need. */
  readonly env?: Readonly<Record<string, string>>;
  readonly reason?: string;
}

/** The same for packages whose files are used otherwise. */
export async function fetchPackages(packages: readonly string[]): Promise<Fetched> {
  try {
    const root = await ensureExtracted(packages);
    return { root, env: { LD_LIBRARY_PATH: (await libraryFolders(root)).join(":") } };
  } catch (error) {
    return { reason: error instanceof Error ? (error.message.split("\n")[0] ?? "unknown") : String(error) };
  }
}

async function ensureExtracted(packages: readonly string[]): Promise<string> {
  const base = path.join(toolCacheDir(), await distribution());
  const target = path.join(base, packages.join("+"));
  if (await exists(target)) return target;
  if ((await findOnPath("apt-get")) === undefined || (await findOnPath("dpkg")) === undefined) throw new Error("no apt-get and dpkg here");
  const failure = `${target}.failed`;
  const failedAt = await stat(failure).then(
    (found) => found.mtimeMs,
    () => 0,
  );
  if (Date.now() - failedAt < retryAfterMs) throw new Error(`an earlier fetch failed (remove ${failure} to try again now)`);
  await mkdir(base, { recursive: true });
  const work = await mkdtemp(path.join(base, ".fetch-"));
  try {
    await download(packages, work, path.join(base, "apt"));
    const root = path.join(work, "root");
    for (const file of await readdir(work)) {
      if (file.endsWith(".deb")) await runFile("dpkg", ["-x", path.join(work, file), root], { timeout: fetchTimeoutMs });
    }
    // Two processes may fetch the same thing at once: the first rename wins and the other's copy is thrown away.
    await rename(root, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
    await rm(failure, { force: true });
    return target;
  } catch (error) {
    await writeFile(failure, String(error));
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Downloads with the system's package lists; where those are missing or old, with lists of our own, which needs no root. */
async function download(packages: readonly string[], folder: string, privateDir: string): Promise<void> {
  try {
    await downloadWith([], packages, folder);
  } catch {
    const options = await privateLists(privateDir);
    // One unreachable third-party source fails the whole update although Debian's own lists arrived: the download tells.
    await apt([...options, "update"], folder).catch(() => undefined);
    await downloadWith(options, packages, folder);
  }
}

async function downloadWith(options: readonly string[], packages: readonly string[], folder: string): Promise<void> {
  const plan = await apt([...options, "-o", "Debug::NoLocking=1", "--no-install-recommends", "-s", "install", ...packages], folder);
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? "");
  // A package that is installed but whose program is not on the PATH is not in the plan.
  await apt([...options, "download", ...new Set([...packages, ...missing])], folder);
}

async function privateLists(folder: string): Promise<string[]> {
  const lists = path.join(folder, "lists");
  const cache = path.join(folder, "cache");
  await mkdir(path.join(lists, "partial"), { recursive: true });
  await mkdir(path.join(cache, "archives", "partial"), { recursive: true });
  return ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${cache}`];
}

async function apt(args: readonly string[], cwd: string): Promise<string> {
  const limits = ["-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15", "-o", "APT::Sandbox::User=root"];
  const options = { cwd, timeout: fetchTimeoutMs, maxBuffer: outputBytesMax, env: { ...process.env, LC_ALL: "C" } };
  return (await runFile("apt-get", [...limits, ...args], options)).stdout;
}

/** Packages of one release do not run on another: each has its own folder. */
async function distribution(): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1] ?? "unknown";
  return `${codename}-${process.arch}`;
}

async function libraryFolders(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const base of ["usr/lib", "lib"]) {
    const folders = await readdir(path.join(root, base)).catch(() => []);
    found.push(...folders.filter((name) => name.includes("-linux-gnu")).map((name) => path.join(root, base, name)));
  }
  return found;
}

async function firstFile(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await isFile(file)) return file;
  return undefined;
}

const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
