import { join } from "node:path";
import { StartError } from "@mooring/kit";
import { createRootAuthority, type SigningAuthority } from "@mooring/pki";
import { createFile, ensureFolder, readText, secretMode } from "./files.ts";

export interface AuthorityFile {
  readonly stateDir: string;
  /** The file is `{name}.pem`. */
  readonly name: string;
  readonly commonName: string;
}

/** 25 years: devices are shipped with it, so it outlives them. */
const authorityDays = 9_125;

const pathOf = ({ stateDir, name }: AuthorityFile): string => join(stateDir, `${name}.pem`);

/**
 * An authority kept in one file with certificate and key, so that the two can never part; undefined when there is none yet.
 * Throws a StartError for a file that holds something else.
 */
export async function findAuthority(file: AuthorityFile): Promise<SigningAuthority | undefined> {
  const path = pathOf(file);
  const text = await readText(path);
  if (text === undefined) return undefined;
  const [certificatePem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text) ?? [];
  const [privateKeyPem] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(text) ?? [];
  if (certificatePem === undefined || privateKeyPem === undefined) {
    throw new StartError(
      `${path} does not hold an authority's certificate and key. Put it back from a backup, or remove it to make another one.`,
    );
  }
  return { certificatePem, privateKeyPem, chainPem: "" };
}

/** The authority of the file, made when there is none. Of two processes that make it at once, both get the one that was first. */
export async function ensureAuthority(file: AuthorityFile, nowMs: number): Promise<SigningAuthority> {
  const found = await findAuthority(file);
  if (found !== undefined) return found;
  await ensureFolder(file.stateDir, 0o700);
  const made = await createRootAuthority({ name: { commonName: file.commonName }, validityDays: authorityDays, nowMs });
  await createFile(pathOf(file), made.privateKeyPem + made.certificatePem, secretMode);
  const authority = await findAuthority(file);
  if (authority === undefined) throw new StartError(`${pathOf(file)} was removed while it was made.`);
  return authority;
}
