import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly subscription: string;
    readonly records: readonly { readonly offset: number; readonly deviceName: string; readonly body: unknown }[];
  };
  /** As a receiver checks it, from the documentation: HMAC-SHA-256 of `id.timestamp.body`. */
  isSignedWith(secret: string): boolean;
}

/** An endpoint of a back end: a real HTTP server. `answer` says what it does; 204 unless told. */
export async function startReceiver(): Promise<{
  readonly port: number;
  readonly url: string;
  readonly received: Received[];
  answer: (request: Received, response: ServerResponse) => unknown;
  stop(): Promise<void>;
}> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const { headers } = request;
      const received: Received = {
        headers,
        text,
        body: JSON.parse(text === "" ? "{}" : text),
        isSignedWith(secret) {
          const content = `${headers["mooring-webhook-id"]}.${headers["mooring-webhook-timestamp"]}.${text}`;
          return headers["mooring-webhook-signature"] === `v1=${createHmac("sha256", secret).update(content).digest("hex")}`;
        },
      };
      receiver.received.push(received);
      receiver.answer(received, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const receiver = {
    port,
    url: `http://127.0.0.1:${port}/hook?a=b`,
    received: [] as Received[],
    answer: (_: Received, response: ServerResponse): unknown => response.writeHead(204).end(),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
