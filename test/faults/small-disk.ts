import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A file system of its own, in memory, which can be full. */
export interface SmallDisk {
  /** Takes all the room that is left. */
  fill(): void;
  release(): void;
  /** What lies on it is gone. */
  unmount(): void;
}

/** Mounts one on a folder; undefined for who may not mount. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0711`, "tmpfs", folder]);
  if (status !== 0) return undefined;
  const ballast = join(folder, "ballast");
  return {
    fill() {
      const file = openSync(ballast, "w");
      try {
        for (let bytes = 1_048_576; bytes >= 4_096; bytes /= 4) while (writeUntilFull(file, bytes));
      } finally {
        closeSync(file);
      }
    },
    release: () => rmSync(ballast, { force: true }),
    unmount: () => void spawnSync("umount", ["-l", folder]),
  };
}

function writeUntilFull(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
