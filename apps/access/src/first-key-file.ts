import { open, rename } from "node:fs/promises";
import { StartError } from "@mooring/kit";

/**
 * Writes the key so that it is on disk when this resolves, readable by this user alone; replaces a file left by a start that did not finish.
 * Throws a StartError when that is not possible.
 */
export async function writeFirstKey(path: string, apiKey: string): Promise<void> {
  const part = `${path}.part`;
  try {
    const file = await open(part, "w", 0o600);
    try {
      await file.chmod(0o600);
      await file.writeFile(`${apiKey}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (cause) {
    throw new StartError(`The first API key cannot be written to ${path}: ${(cause as Error).message}`, { cause });
  }
}
