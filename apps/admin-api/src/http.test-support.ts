import { connect } from "node:net";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { keyOf } from "./memory-services.test-support.ts";
import type { Problem } from "./problem.ts";

/** A device that the services in memory have. */
export const devicePath = "/v1/products/pk01/devices/dev-1";

/** A request with an owner's key; a body that is no string is sent as JSON. */
export type Send = (
  method: string,
  url: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<LightMyRequestResponse>;

export function createSend(app: FastifyInstance): Send {
  return (method, url, body, headers = {}) => {
    const json = body !== undefined && typeof body !== "string";
    const type = json ? { "content-type": "application/json" } : {};
    return app.inject({
      method: method as "GET",
      url,
      headers: { authorization: `Bearer ${keyOf("owner")}`, ...type, ...headers },
      ...(body === undefined ? {} : { payload: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  };
}

/** Sends bytes as they are and reads until the server closes, or until one answer with a Content-Length is complete. */
export function sendRaw(
  address: string,
  request: Buffer,
): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let received = Buffer.alloc(0);
    const finish = (): void => {
      socket.destroy();
      const answer = splitAnswer(received);
      if (answer === undefined) reject(new Error(`no HTTP answer: ${JSON.stringify(received.toString("latin1").slice(0, 200))}`));
      else resolve(answer);
    };
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const answer = splitAnswer(received);
      const length = /^content-length: *(\d+)/im.exec(answer?.head ?? "")?.[1];
      if (answer !== undefined && length !== undefined && Buffer.byteLength(answer.body) >= Number(length)) finish();
    });
    socket.on("end", finish);
    // The server may close while a body that it does not want is still being sent; what it answered is what counts.
    socket.on("error", finish);
    socket.write(request);
  });
}

function splitAnswer(bytes: Buffer): { readonly status: number; readonly head: string; readonly body: string } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = bytes.subarray(0, end).toString("latin1");
  return { status: Number(head.split(" ")[1]), head, body: bytes.subarray(end + 4).toString("utf8") };
}

export function parseProblem(body: string): Problem {
  return JSON.parse(body) as Problem;
}
