import { join } from "node:path";
import { StartError } from "@mooring/kit";
import { ensureAuthority, findAuthority } from "./authority-file.ts";
import { ensureFolder, publicMode, readText, replaceFile } from "./files.ts";
import { ensureLeaf, isIssuedBy, readLeaf } from "./leaf.ts";

export interface ServerCertificateOptions {
  /** Gets ca.pem (what devices trust), server.pem (the leaf first) and server.key. */
  readonly tlsDir: string;
  /** Where the authority with its key is kept: server-ca.pem. */
  readonly stateDir: string;
  /** Host names and IP addresses devices reach the platform by; see `parseServerNames`. */
  readonly names: readonly string[];
  readonly nowMs: number;
}

export interface ServerCertificateFiles {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** made: just now; kept: it still held; given: somebody else's authority signed it, so it was left alone and is theirs to renew. */
  readonly origin: "made" | "kept" | "given";
  readonly notAfterMs: number;
}

/**
 * Sees to it that the platform has a certificate to show to devices. Idempotent; made anew when its names change or it ends within 30 days, by
 * the same authority, so that devices go on trusting it. A certificate from elsewhere is left alone. Throws StartError.
 */
export async function ensureServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificateFiles> {
  const { tlsDir, stateDir, names, nowMs } = options;
  const caFile = join(tlsDir, "ca.pem");
  const certificateFile = join(tlsDir, "server.pem");
  const keyFile = join(tlsDir, "server.key");
  const authorityFile = { stateDir, name: "server-ca", commonName: "Mooring server authority" };
  const existing = await readLeaf(certificateFile);
  const known = await findAuthority(authorityFile);
  if (existing !== undefined && (known === undefined || !isIssuedBy(existing, known))) {
    return { caFile, certificateFile, keyFile, origin: "given", notAfterMs: Date.parse(existing.validTo) };
  }
  await ensureFolder(tlsDir, 0o755);
  const authority = known ?? (await ensureAuthority(authorityFile, nowMs));
  if ((await readText(caFile)) !== authority.certificatePem) await replaceFile(caFile, authority.certificatePem, publicMode);
  const made = await ensureLeaf(authority, { certificateFile, keyFile, names, clientAuth: false }, nowMs);
  const certificate = await readLeaf(certificateFile);
  if (certificate === undefined) throw new StartError(`${certificateFile} was removed while it was made.`);
  return { caFile, certificateFile, keyFile, origin: made ? "made" : "kept", notAfterMs: Date.parse(certificate.validTo) };
}

/** The setting's text, names and addresses with commas between, as a list without repetitions. Throws StartError when it holds none. */
export function parseServerNames(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const list = [...new Set(names.filter((name) => name !== ""))];
  if (list.length === 0) throw new StartError("MOORING_SERVER_NAMES must hold at least one host name or IP address");
  return list;
}
