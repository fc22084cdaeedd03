import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** Is this id taken: by a process, or by a zombie that nobody has collected? */
export function isTaken(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and is another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Does a process of this id run? A zombie does not. */
export function isAlive(pid: number): boolean {
  return isTaken(pid) && (process.platform !== "linux" || linuxStat(pid)?.state !== "Z");
}

/**
 * A Postgres setting of ours that only says which process started the server. Written on its command line, it is there from the first
 * moment and cannot outlive the server, as a file could.
 */
export const launcherSetting = "mooring.launcher";

export interface ServerProcess {
  /** The process that started this server, while it lives. Undefined when it is gone: the kernel has given the server another parent. */
  readonly launcherPid: number | undefined;
}

/** The Postgres of this data folder under this id, or undefined when that id belongs to nobody or to something else by now. */
export function findServer(pid: number, clusterDir: string): ServerProcess | undefined {
  if (!isAlive(pid)) return undefined;
  return process.platform === "linux" ? findOnLinux(pid, clusterDir) : findWithPs(pid, clusterDir);
}

function findOnLinux(pid: number, clusterDir: string): ServerProcess | undefined {
  try {
    // Postgres works in its data folder for as long as it runs. An updated program file is shown with " (deleted)" after its name.
    const isOurs = readlinkSync(`/proc/${pid}/cwd`) === clusterDir && basename(readlinkSync(`/proc/${pid}/exe`)).startsWith("postgres");
    if (!isOurs) return undefined;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    return { launcherPid: livingLauncher(commandLine, linuxStat(pid)?.parentPid) };
  } catch {
    // Gone meanwhile, or another user's process: not ours in both cases.
    return undefined;
  }
}

/** proc_pid_stat(5): "pid (name) state ppid ...", where the name may itself hold spaces and parentheses. */
function linuxStat(pid: number): { readonly state: string; readonly parentPid: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", parentPid = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parentPid: Number(parentPid) };
  } catch {
    // The process ended between two looks.
    return undefined;
  }
}

function findWithPs(pid: number, clusterDir: string): ServerProcess | undefined {
  const { stdout } = spawnSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" });
  const match = /^\s*(\d+)\s+(.*)$/m.exec(stdout ?? "");
  if (match === null || !match[2]?.includes("postgres") || !match[2].includes(clusterDir)) return undefined;
  return { launcherPid: livingLauncher(`${match[2]} `, Number(match[1])) };
}

function livingLauncher(commandLine: string, parentPid: number | undefined): number | undefined {
  return parentPid !== undefined && commandLine.includes(`${launcherSetting}=${parentPid} `) ? parentPid : undefined;
}
