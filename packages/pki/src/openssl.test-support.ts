// The real `openssl` as judge, and as maker of what others would send. For this package's tests only.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasOpenssl: boolean = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.error("!!! openssl is not on this machine: the pki tests that need it are NOT run !!!");

export interface Workbench {
  /** Runs openssl in the workbench's folder; its output. Throws with its error text when it fails. */
  run(...args: readonly string[]): string;
  /** As `run`, split at spaces. */
  sh(line: string): string;
  /** As `sh`, with both outputs. */
  both(line: string): { readonly stdout: string; readonly stderr: string };
  readonly dir: string;
  write(name: string, content: string | Uint8Array): string;
  read(name: string): string;
  /** The DER of a certificate file. */
  der(name: string): Uint8Array;
  close(): void;
}

export function openWorkbench(): Workbench {
  const dir = mkdtempSync(join(tmpdir(), "mooring-pki-"));
  const run = (...args: readonly string[]): string =>
    execFileSync("openssl", args, { cwd: dir, stdio: "pipe", timeout: 20_000 }).toString();
  const read = (name: string): string => readFileSync(join(dir, name), "utf8");
  return {
    run,
    sh: (line) => run(...line.split(" ")),
    both: (line) => spawnSync("openssl", line.split(" "), { cwd: dir, encoding: "utf8", timeout: 20_000 }),
    dir,
    write: (name, content) => {
      writeFileSync(join(dir, name), content);
      return name;
    },
    read,
    der: (name) => pemToDer(read(name)),
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export const pemToDer = (pem: string): Uint8Array => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
