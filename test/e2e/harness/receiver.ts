import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { JsonValue } from "@mooring/contracts";
import { randomLoopback } from "./addresses.ts";

/** One of the ports that webhooks may reach. */
const port = 8080;

export interface ReceivedRecord {
  readonly offset: number;
  readonly kind: string;
  readonly body: JsonValue;
}

/** Somebody's HTTP endpoint that webhooks are sent to. */
export interface Receiver {
  readonly url: string;
  /** Records of the requests that were answered with 2xx, in the order in which they came. */
  readonly records: readonly ReceivedRecord[];
  /** Of all requests. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** With this status the next requests are answered. */
  status: number;
  /** Whether every request was signed with this secret. */
  isSignedWith(secret: string): boolean;
  stop(): void;
}

export async function startReceiver(): Promise<Receiver> {
  const host = `${randomLoopback()}.1`;
  const requests: { readonly headers: IncomingHttpHeaders; readonly text: string }[] = [];
  const records: ReceivedRecord[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    requests.push({ headers: request.headers, text });
    if (receiver.status < 300) records.push(...(JSON.parse(text) as { readonly records: readonly ReceivedRecord[] }).records);
    response.writeHead(receiver.status).end();
  }).listen(port, host);
  await once(server, "listening");
  const receiver: Receiver = {
    url: `http://${host}:${port}/hook`,
    records,
    get headers() {
      return requests.map(({ headers }) => headers);
    },
    status: 204,
    isSignedWith(secret) {
      return requests.every(({ headers, text }) => {
        const signed = `${headers["mooring-webhook-id"]}.${headers["mooring-webhook-timestamp"]}.${text}`;
        return headers["mooring-webhook-signature"] === `v1=${createHmac("sha256", secret).update(signed).digest("hex")}`;
      });
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return receiver;
}
