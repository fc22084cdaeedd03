import type { Socket } from "node:net";
import { errorTable, toPlatformError } from "@mooring/contracts";
import type { FastifyReply } from "fastify";

/** Answers with problem details (RFC 9457). */
export function sendProblem(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { code, message, details } = toPlatformError(thrown);
  const { http: status, title } = errorTable[code];
  return reply
    .code(status)
    .header("content-type", "application/problem+json")
    .send(Buffer.from(JSON.stringify({ type: "about:blank", title, status, detail: message, code, issues: details.issues })));
}

/** Answers bytes that are no HTTP, and ends the connection. */
export function refuseBytes(socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ type: "about:blank", title: "Bad Request", status: 400, detail: "this is not a well-formed HTTP request" });
  const head = [
    "HTTP/1.1 400 Bad Request",
    "content-type: application/problem+json",
    `content-length: ${body.length}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
