import { readFileSync } from "node:fs";
import { SettingError, type SettingTable } from "@mooring/kit";
import { sealKeyBytes } from "./seal.ts";

/** Where a process finds the key for its Sealer: the same for all that share a database. */
export const keyEncryptionSettings = {
  keyEncryptionKey: {
    env: "MOORING_KEY_ENCRYPTION_KEY",
    kind: "string",
    default: null,
    secret: true,
    doc: "32 random bytes in base64 that private keys, device secrets, webhook secrets and access keys are sealed with at rest. This or MOORING_KEY_ENCRYPTION_KEY_FILE is required.",
  },
  keyEncryptionKeyFile: {
    env: "MOORING_KEY_ENCRYPTION_KEY_FILE",
    kind: "string",
    default: null,
    doc: "File that holds the key-encryption key in base64; apps/setup makes it when it is missing. Without it what was sealed is lost: keep a copy.",
  },
} as const satisfies SettingTable;

/** The 32 bytes the settings name. Throws SettingError, which never quotes the key. */
export function readKeyEncryptionKey(settings: {
  readonly keyEncryptionKey: string | undefined;
  readonly keyEncryptionKeyFile: string | undefined;
}): Buffer {
  const { keyEncryptionKey: given, keyEncryptionKeyFile: file } = settings;
  if (given !== undefined) return parseKey(given, keyEncryptionSettings.keyEncryptionKey.env);
  if (file === undefined) {
    throw new SettingError(
      `${keyEncryptionSettings.keyEncryptionKey.env} or ${keyEncryptionSettings.keyEncryptionKeyFile.env} must be set`,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new SettingError(`the key-encryption key cannot be read from ${file}: ${(error as Error).message}`);
  }
  return parseKey(text.trim(), file);
}

function parseKey(text: string, source: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== sealKeyBytes || key.toString("base64") !== text) {
    throw new SettingError(`${source} must hold ${sealKeyBytes} random bytes in base64 (openssl rand -base64 ${sealKeyBytes})`);
  }
  return key;
}
