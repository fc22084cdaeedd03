import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";

const memory = "/dev/shm";
/** A test run's databases and their logs take a quarter of it. */
const roomBytesMin = 4 * 1024 ** 3;

/**
 * Where test servers put files that need not outlive the run: in memory if there is room, since a disk that is busy with other things
 * lets a single statement wait for half a minute; else the folder for temporary files.
 */
export function fastFolder(): string {
  return process.availableMemory() > roomBytesMin && freeBytes(memory) > roomBytesMin ? memory : tmpdir();
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // Not every system has it.
    return 0;
  }
}
