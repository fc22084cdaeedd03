import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { Histogram } from "../load/histogram.ts";

/** Where figures were measured; no names of hosts or people. */
export interface Machine {
  /** For file names: processor and cores. */
  readonly id: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** The commit that was measured; with `+` when files differed from it. */
  readonly commit: string;
  /** Median time to write 8 KB to the temporary folder's disk and wait for it, in microseconds: no durable acknowledgement is faster. */
  readonly fsyncMicros: number;
}

export function describeMachine(): Machine {
  const processor = cpus()[0]?.model.trim() ?? "unknown";
  const cores = availableParallelism();
  const slug = processor
    .toLowerCase()
    .replaceAll(/\((r|tm)\)|processor|cpu|@.*$/g, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return {
    id: `${slug === "" ? process.arch : slug}-${cores}c`,
    processor,
    cores,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    commit: describeCommit(),
    fsyncMicros: measureFsync(),
  };
}

function describeCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    // Results themselves are no difference.
    const changed = git("status", "--porcelain", "--", ":/", ":(exclude,top)bench/results");
    return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

function measureFsync(): number {
  const folder = mkdtempSync(join(tmpdir(), "mooring-bench-"));
  const file = openSync(join(folder, "fsync"), "w");
  const times = new Histogram();
  const page = Buffer.alloc(8_192, 1);
  for (let i = 0; i < 200; i++) {
    const startMs = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    times.record((performance.now() - startMs) * 1_000);
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
  return times.quantile(0.5);
}
