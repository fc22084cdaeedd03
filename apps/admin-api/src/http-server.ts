import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { PlatformError } from "@mooring/contracts";
import type { ServerTls } from "@mooring/kit";
import { limits } from "./limits.ts";
import { problemContentType, toProblem } from "./problem.ts";

/** The HTTP server under the routes, with every deadline of the connection set. Does not listen yet. */
export function createHttpServer(handler: RequestListener, tls: ServerTls | undefined): Server {
  const options = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.deadlineCheckMs,
    // A missing Host is answered by a hook, with a problem document (RFC 9112 §3.2).
    requireHostHeader: false,
  };
  const server: Server =
    tls === undefined ? createServer(options, handler) : createTlsServer({ ...options, ...restTlsOptions(tls) }, handler);
  server.setTimeout(limits.idleTimeoutMs);
  server.maxConnections = limits.connectionsMax;
  // An expectation that is not known may be ignored (RFC 9110 §10.1.1); Node would answer it without a body.
  server.on("checkExpectation", handler);
  return server;
}

/** For `setSecureContext` too, which forgets what it is not told again. */
export function restTlsOptions({ certificatePem, keyPem }: ServerTls) {
  return { cert: certificatePem, key: keyPem, minVersion: "TLSv1.2" } as const;
}

const wireErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: `the request line and headers are longer than ${limits.headerBytesMax} bytes`,
  ERR_HTTP_REQUEST_TIMEOUT: "the request did not arrive in time",
};

/** Answers what is no HTTP request, after which the connection cannot be used any more. */
export function answerWireError(error: Error & { readonly code?: string }, socket: Socket): void {
  // The peer is gone, or an answer is already under way.
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const detail = wireErrors[error.code ?? ""] ?? "this is no valid HTTP/1.1 request";
  const problem = toProblem(new PlatformError("invalidArgument", detail));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} Bad Request`,
    `Content-Type: ${problemContentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
