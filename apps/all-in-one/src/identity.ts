import { readFile } from "node:fs/promises";
import { ensureKeyEncryptionKey, ensureServerCertificate, parseServerNames } from "@mooring/app-setup";
import { readKeyEncryptionKey } from "@mooring/pki";
import type { DataDir } from "./data-dir.ts";

/** What the platform shows to devices, and what it seals its secrets with. */
export interface PlatformIdentity {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Certificate and key as their files are now. */
  readonly read: () => Promise<{ readonly certificatePem: string; readonly keyPem: string }>;
  readonly caFile: string;
  readonly keyEncryptionKey: Buffer;
}

/** Loads it from the data folder; made there at the first start, and the certificate again before it ends. */
export async function loadPlatformIdentity(dir: DataDir, serverNames: string): Promise<PlatformIdentity> {
  await ensureKeyEncryptionKey(dir.keyEncryptionKeyFile);
  const names = parseServerNames(serverNames);
  const files = await ensureServerCertificate({ tlsDir: dir.pki, stateDir: dir.authority, names, nowMs: Date.now() });
  const read = async () => ({
    certificatePem: await readFile(files.certificateFile, "utf8"),
    keyPem: await readFile(files.keyFile, "utf8"),
  });
  return {
    ...(await read()),
    read,
    caFile: files.caFile,
    keyEncryptionKey: readKeyEncryptionKey({ keyEncryptionKey: undefined, keyEncryptionKeyFile: dir.keyEncryptionKeyFile }),
  };
}
