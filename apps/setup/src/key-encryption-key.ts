import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { createFile, ensureFolder, secretMode } from "./files.ts";

/**
 * Makes the file with the key-encryption key, 32 random bytes in base64, unless it is there. It is never replaced: what was sealed with it
 * would be lost. True when it was made. Throws StartError.
 */
export async function ensureKeyEncryptionKey(path: string): Promise<boolean> {
  await ensureFolder(dirname(path), 0o700);
  return createFile(path, `${randomBytes(32).toString("base64")}\n`, secretMode);
}
