// The server's certificate and key may be replaced while the doors are open: new connections are shown the new one, those there go on.
import { createSecureContext } from "node:tls";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { ServerTls } from "./tls.ts";

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
