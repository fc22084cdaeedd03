import { readFile } from "node:fs/promises";
import { ensureKeyEncryptionKey, ensureServerCertificate, parseServerNames, renewMs } from "@mooring/app-setup";
import { type Clock, type Log, pause, type Running, type ServerTls, startLoop } from "@mooring/kit";
import { readKeyEncryptionKey } from "@mooring/pki";
import type { DataDir } from "./data-dir.ts";

/** What the platform shows to devices, and what it seals its secrets with. */
export interface PlatformIdentity {
  readonly tls: ServerTls;
  /** Certificate and key as their files are now. */
  readonly read: () => Promise<ServerTls>;
  readonly caFile: string;
  readonly keyEncryptionKey: Buffer;
  /** Until stopped, makes the certificate anew before it ends; who follows `read` shows it. One from elsewhere is left alone, and its end is told. */
  startRenewal(log: Log, everyMs?: number): Running;
}

/** Certificates are made anew 30 days before they end: there is time. */
const renewalEveryMs = 3_600_000;
const retryMs = 60_000;

/** Loads it from the data folder; made there at the first start. */
export async function loadPlatformIdentity(dir: DataDir, serverNames: string, clock: Clock): Promise<PlatformIdentity> {
  await ensureKeyEncryptionKey(dir.keyEncryptionKeyFile);
  const names = parseServerNames(serverNames);
  const ensure = () => ensureServerCertificate({ tlsDir: dir.pki, stateDir: dir.authority, names, nowMs: clock.now() });
  const files = await ensure();
  const read = async () => ({
    certificatePem: await readFile(files.certificateFile, "utf8"),
    keyPem: await readFile(files.keyFile, "utf8"),
  });
  return {
    tls: await read(),
    read,
    caFile: files.caFile,
    keyEncryptionKey: readKeyEncryptionKey({ keyEncryptionKey: undefined, keyEncryptionKeyFile: dir.keyEncryptionKeyFile }),
    startRenewal: (log, everyMs = renewalEveryMs) => {
      const step = async (signal: AbortSignal): Promise<void> => {
        const { origin, notAfterMs, certificateFile: file } = await ensure();
        const ends = new Date(notAfterMs).toISOString();
        if (origin === "made") log.info({ file, ends }, "made the platform's certificate anew");
        if (origin === "given" && notAfterMs - clock.now() < renewMs)
          log.warn({ file, ends }, "the certificate put here by hand ends soon");
        await pause(everyMs, signal);
      };
      return startLoop(step, {
        retryMs,
        onError: (error) => log.error({ err: error }, "the platform's certificate could not be looked after"),
      });
    },
  };
}
