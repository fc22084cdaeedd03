import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** What a process has used so far, its ended children included where it waited for them. */
export interface ProcessUsage {
  readonly pid: number;
  readonly name: string;
  readonly cpuMicros: number;
  /** Proportional: memory shared by n processes counts 1/n for each. */
  readonly memoryBytes: number;
}

/** Linux counts CPU time in hundredths of a second on every architecture Node runs on (proc(5), sysconf _SC_CLK_TCK). */
const microsPerTick = 10_000;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ownMicros: number;
  readonly endedChildrenMicros: number;
}

/**
 * The process and, added up into one entry per name of the direct child, everything below it. Linux only: it reads /proc. Throws when the
 * process is gone.
 */
export function readProcessTree(pid: number): readonly ProcessUsage[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const root = all.find((stat) => stat.pid === pid);
  if (root === undefined) throw new Error(`process ${pid} is gone`);
  const children = all.filter((stat) => stat.parent === pid);
  return [{ pid, name: root.name, cpuMicros: root.ownMicros, memoryBytes: memoryOf(pid) }, ...children.map((child) => addUp(child, all))];
}

function addUp(top: Stat, all: readonly Stat[]): ProcessUsage {
  const tree = [top];
  for (let at = 0; at < tree.length; at++) tree.push(...all.filter((stat) => stat.parent === tree[at]?.pid));
  return {
    pid: top.pid,
    name: top.name,
    cpuMicros: tree.reduce((sum, stat) => sum + stat.ownMicros + stat.endedChildrenMicros, 0),
    memoryBytes: tree.reduce((sum, stat) => sum + memoryOf(stat.pid), 0),
  };
}

/** Undefined when the process has ended meanwhile. */
function readStat(pid: number): Stat | undefined {
  const text = readOrNothing(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold any character, parentheses too.
  const end = text.lastIndexOf(")");
  if (end === -1) return undefined;
  const fields = text.slice(end + 2).split(" ");
  // Field numbers of proc(5) begin at 1 with the pid; the third is the first one here.
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    name: nameOf(pid, text.slice(text.indexOf("(") + 1, end)),
    ownMicros: (field(14) + field(15)) * microsPerTick,
    endedChildrenMicros: (field(16) + field(17)) * microsPerTick,
  };
}

/** The program's file; where that may not be looked at, what the process calls itself, which for Node is the name of a thread. */
function nameOf(pid: number, calledItself: string): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return calledItself;
  }
}

/** CPU time of the whole machine so far, in microseconds: everything but idling and waiting for disks. */
export function readMachineCpu(): number {
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)
    .join()
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + interrupts + softInterrupts + stolen) * microsPerTick;
}

function memoryOf(pid: number): number {
  const proportional = /^Pss:\s+(\d+) kB/m.exec(readOrNothing(`/proc/${pid}/smaps_rollup`))?.[1];
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readOrNothing(`/proc/${pid}/status`))?.[1];
  return Number(proportional ?? resident ?? 0) * 1_024;
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES") return "";
    throw error;
  }
}
