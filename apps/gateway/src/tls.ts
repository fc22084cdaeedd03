// How devices' TLS connections are made, for every door.
import { constants } from "node:crypto";
import type { TlsOptions } from "node:tls";
import type { ServerTls } from "@mooring/kit";

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
