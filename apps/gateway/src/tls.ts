// How devices' TLS connections are made, for every door.
import { constants } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { StartError } from "@mooring/kit";

/** The server's own certificate (leaf first, then its issuers) and key, in PEM. */
export interface ServerTls {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * A client certificate is asked for and never judged here: authentication looks it up after the handshake. Tickets, and with no session store
 * all resumption, are off: a resumed session carries no certificate to look up. Renegotiation is off: a connection has one identity.
 */
export function deviceTlsOptions({ certificatePem, keyPem }: ServerTls, handshakeMs: number): TlsOptions {
  return {
    cert: certificatePem,
    key: keyPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    handshakeTimeout: handshakeMs,
  };
}

/** Reads server.pem and server.key from a folder. Throws StartError with one sentence for who started the process. */
export function loadServerTls(dir: string): ServerTls {
  try {
    return { certificatePem: readFileSync(join(dir, "server.pem"), "utf8"), keyPem: readFileSync(join(dir, "server.key"), "utf8") };
  } catch (cause) {
    throw new StartError(`The server certificate cannot be read (${(cause as Error).message}); run apps/setup first`);
  }
}
