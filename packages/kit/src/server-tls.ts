// The server's certificate and key, which may be replaced while doors are open: new connections are shown the new one, those there go on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { Running } from "./lifecycle.ts";
import type { Log } from "./log.ts";
import { pause, startLoop } from "./poll.ts";
import { StartError } from "./process.ts";

/** The server's own certificate (leaf first, then its issuers) and key, in PEM. */
export interface ServerTls {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface ServerTlsDeps {
  /** What the doors were opened with. */
  readonly opened: ServerTls;
  readonly read: () => Promise<ServerTls>;
  readonly apply: (tls: ServerTls) => void;
  readonly log: Log;
  /** 5,000 unless said otherwise: two small files, read often enough for a person who waits for it. */
  readonly everyMs?: number;
}

/** Looks at the files again and again. What cannot be used (half written, a key of another certificate) is told once, and the doors keep what they have. */
export function followServerTls({ opened, read, apply, log, everyMs = 5_000 }: ServerTlsDeps): Running {
  let known = opened;
  const step = async (signal: AbortSignal): Promise<void> => {
    await pause(everyMs, signal);
    if (signal.aborted) return;
    const found = await read();
    if (found.certificatePem === known.certificatePem && found.keyPem === known.keyPem) return;
    // Whatever it is, it is judged once.
    known = found;
    createSecureContext({ cert: found.certificatePem, key: found.keyPem });
    apply(found);
    log.info({ bytes: found.certificatePem.length }, "the doors show another server certificate from now on");
  };
  return startLoop(step, {
    retryMs: everyMs,
    onError: (error) =>
      log.warn({ err: error }, "the server certificate cannot be replaced by what its files hold; the doors keep the one they have"),
  });
}

/** Reads server.pem and server.key from a folder. Throws StartError with one sentence for who started the process. */
export function loadServerTls(dir: string): ServerTls {
  try {
    return { certificatePem: readFileSync(join(dir, "server.pem"), "utf8"), keyPem: readFileSync(join(dir, "server.key"), "utf8") };
  } catch (cause) {
    throw new StartError(`The server certificate cannot be read (${(cause as Error).message}); run apps/setup first`);
  }
}
