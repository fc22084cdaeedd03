// How devices' TLS connections are made, for every door.
import { constants, randomBytes } from "node:crypto";
import type { Server, TlsOptions } from "node:tls";
import type { ServerTls } from "@mooring/kit";

export interface DeviceTlsRules {
  readonly handshakeMs: number;
  /** For how long a session can be resumed; 0 for never. */
  readonly sessionS: number;
}

/** Name, key and MAC key of session tickets, as Node wants them. */
const ticketKeyBytes = 48;

/**
 * A client certificate is asked for and never judged here: authentication looks it up after the handshake, of resumed sessions too, whose certificate is in
 * the ticket. Renegotiation is off: a connection has one identity. Session tickets are off unless `sessionS` says otherwise (ADR 0020).
 */
export function deviceTlsOptions({ certificatePem, keyPem }: ServerTls, { handshakeMs, sessionS }: DeviceTlsRules): TlsOptions {
  const noTicket = sessionS === 0 ? constants.SSL_OP_NO_TICKET : 0;
  return {
    cert: certificatePem,
    key: keyPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    secureOptions: noTicket | constants.SSL_OP_NO_RENEGOTIATION,
    handshakeTimeout: handshakeMs,
    ...(sessionS > 0 && { sessionTimeout: sessionS }),
  };
}

/**
 * Replaces the key of the server's session tickets every `sessionS` until it closes: a ticket that is renewed at each resumption would otherwise
 * never end. The keys are random, of this listener alone, and never leave the process.
 */
export function renewTicketKeys(server: Server, sessionS: number): void {
  if (sessionS === 0) return;
  const timer = setInterval(() => server.setTicketKeys(randomBytes(ticketKeyBytes)), sessionS * 1_000);
  timer.unref();
  server.once("close", () => clearInterval(timer));
}
