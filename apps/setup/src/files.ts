import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { StartError } from "@mooring/kit";

/** Secrets are for the user who runs the platform alone; certificates are for everybody. */
export const secretMode = 0o600;
export const publicMode = 0o644;

/** Makes a folder and those above it. Throws a StartError when that is not possible. */
export async function ensureFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (cause) {
    throw new StartError(`The folder ${path} cannot be made: ${(cause as Error).message}`, { cause });
  }
}

/** The text, or undefined when there is no such file. Throws a StartError when it is there and cannot be read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new StartError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Replaces a file whole: whoever reads it sees the old text or the new one, also after a power cut. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await writeWhole(path, text, mode, rename);
}

/** Makes a file unless it is there; false when it is. Of two who try at once, one succeeds. */
export async function createFile(path: string, text: string, mode: number): Promise<boolean> {
  try {
    await writeWhole(path, text, mode, link);
    return true;
  } catch (error) {
    if (error instanceof StartError && (error.cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function writeWhole(path: string, text: string, mode: number, place: (from: string, to: string) => Promise<void>): Promise<void> {
  const part = `${path}.${process.pid}-${performance.now()}.part`;
  try {
    const file = await open(part, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(part, path);
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (cause) {
    throw new StartError(`${path} cannot be written: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(part, { force: true });
  }
}
