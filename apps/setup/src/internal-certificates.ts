import { join } from "node:path";
import { ensureAuthority } from "./authority-file.ts";
import { ensureFolder, publicMode, readText, replaceFile } from "./files.ts";
import { ensureLeaf } from "./leaf.ts";

/** The processes that call each other when the platform is split. */
export const internalServices = [
  "access",
  "devices",
  "thing-model",
  "shadow",
  "rrpc",
  "events",
  "sessions",
  "gateway",
  "admin-api",
] as const;

export interface InternalCertificateOptions {
  /** Gets ca.pem and, for each service, {name}.pem and {name}.key. */
  readonly tlsDir: string;
  /** Where the authority with its key is kept: internal-ca.pem. No service needs to read it. */
  readonly stateDir: string;
  readonly services?: readonly string[];
  readonly nowMs: number;
}

/**
 * Sees to it that each service can prove to the others which one it is: a certificate for client and server, its name as DNS name. Idempotent; those
 * that end within 30 days are made anew. Answers the services that got a new one, which must be restarted to use it. Throws StartError.
 */
export async function ensureInternalCertificates(options: InternalCertificateOptions): Promise<readonly string[]> {
  const { tlsDir, stateDir, nowMs } = options;
  await ensureFolder(tlsDir, 0o755);
  const authority = await ensureAuthority({ stateDir, name: "internal-ca", commonName: "Mooring internal authority" }, nowMs);
  const caFile = join(tlsDir, "ca.pem");
  if ((await readText(caFile)) !== authority.certificatePem) await replaceFile(caFile, authority.certificatePem, publicMode);
  const made: string[] = [];
  for (const name of options.services ?? internalServices) {
    const leaf = { certificateFile: join(tlsDir, `${name}.pem`), keyFile: join(tlsDir, `${name}.key`), names: [name], clientAuth: true };
    if (await ensureLeaf(authority, leaf, nowMs)) made.push(name);
  }
  return made;
}
